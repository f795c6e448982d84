"""The files on disk, whatever the ledger says of them."""

from src.audit.evidence import Evidence
from src.audit.registry import Measure, Offender, check

SHARING = 3  # so many people with the same bytes: it is a picture of none of them


@check(
    "share of listed pictures that could not be had or not be read",
    limit="unfetched_share",
    allowed=0.1,
    remedy="see failed.* in metrics/scrape.json and unreadable in metrics/clean.json: placeholders "
    "want another image attribute (gallery.image_attributes), refusals and error pages saved as "
    "pictures a look at the site in a browser",
)
def unfetched_pictures(e: Evidence) -> Measure:
    unreadable = (e.ledger["verdict"] == "unreadable").fillna(False)
    gone = e.ledger[e.ledger["file"].isna() | unreadable]
    offenders = [
        Offender(int(row), f"no picture: {verdict if status == 'ok' else status}")
        for row, status, verdict in zip(gone["row"], gone["status"], gone["verdict"], strict=True)
    ]
    return len(offenders) / max(1, len(e.ledger)), offenders


@check(
    "pictures in use whose file is missing, changed, or no picture any more",
    limit="broken_files",
    allowed=0,
    remedy="data/raw is not what was downloaded: run `dvc checkout`, or `dvc repro -f scrape`",
)
def broken_files(e: Evidence) -> Measure:
    used = e.ledger[e.ledger["side"].notna() & e.ledger["file"].notna()]
    offenders = []
    for row, name, digest in zip(used["row"], used["file"], used["sha256"], strict=True):
        file = e.files[name]
        if file.error:
            offenders.append(Offender(int(row), f"{name} is no picture: {file.error}"))
        elif file.sha256 != digest:
            offenders.append(Offender(int(row), f"{name} is not what was downloaded"))
    return len(offenders), offenders


@check(
    "share of listed rows whose file is, byte for byte, that of three people or more",
    limit="placeholder_share",
    allowed=0.02,
    remedy="the page loads its pictures lazily and these are placeholders: open one, and name "
    "the attribute that holds the picture (gallery.image_attributes)",
)
def placeholders(e: Evidence) -> Measure:
    # files in a folder are each an item of their own: copies there are clean's to judge
    online = e.ledger[e.ledger["file"].notna() & e.ledger["page_url"].notna()]
    digests = online["file"].map(lambda name: e.files[name].sha256)
    people = online.groupby(digests)["item_id"].nunique()
    shared = online[digests.map(people) >= SHARING]
    offenders = [
        Offender(int(row), f"{name} stands for {people[e.files[name].sha256]} people")
        for row, name in zip(shared["row"], shared["file"], strict=True)
    ]
    return len(offenders) / max(1, len(e.ledger)), offenders


@check(
    "share of photographs whose file is smaller than the picture made of it",
    limit="upscaled_share",
    allowed=0.1,
    remedy="these are thumbnails: ask the source for larger pictures (imdb.width, another "
    "gallery.image_attributes), or lower pair.crop_size",
    severity="warn",
)
def upscaled_pictures(e: Evidence) -> Measure:
    offenders = []
    for side, pairs in e.sides.items():
        for at, row in enumerate(pairs.index["row"]):
            file = e.file_of(row)
            if file and file.side and file.side < e.pair.crop_size:
                detail = f"{file.side} pixels wide, enlarged to {e.pair.crop_size}"
                offenders.append(e.at(side, at, detail))
    return len(offenders) / max(1, e.count), offenders
