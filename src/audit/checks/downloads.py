"""Checks of the files on disk, whatever the ledger says about them."""

from src.audit.evidence import Evidence
from src.audit.registry import CheckResult, Offender, check

PLACEHOLDER_ITEMS = 3  # items with the same bytes, from which these are a picture of none


@check(
    "share of listed pictures that could not be fetched or read",
    limit_key="unfetched_share",
    limit=0.1,
    remedy="see failed.* in metrics/scrape.json and unreadable in metrics/clean.json: for "
    "placeholders, name another attribute in gallery.image_attributes; for refusals and error "
    "pages, open the site in a browser; for pairs, see docs/sources.md",
)
def unfetched_pictures(evidence: Evidence) -> CheckResult:
    ledger = evidence.ledger
    unreadable = (ledger["verdict"] == "unreadable").fillna(False)
    forgotten = ledger["status"] == "forgotten"  # which a person wants
    unfetched = ledger[(ledger["file"].isna() & ~forgotten) | unreadable]
    columns = (unfetched[name] for name in ("row", "status", "verdict"))
    offenders = [
        Offender(int(row), f"no picture: {verdict if status == 'ok' else status}")
        for row, status, verdict in zip(*columns, strict=True)
    ]
    return len(offenders) / max(1, len(ledger)), offenders


@check(
    "pictures in use whose file is missing, changed, or no longer a picture",
    limit_key="broken_files",
    limit=0,
    remedy="data/raw differs from the download: run `dvc checkout`, or `dvc repro -f scrape`",
)
def broken_files(evidence: Evidence) -> CheckResult:
    used = evidence.ledger[evidence.ledger["side"].notna() & evidence.ledger["file"].notna()]
    offenders = []
    labelled = used[used["label_file"].notna()]
    files = [
        *zip(used["row"], used["file"], used["sha256"], strict=True),
        *zip(labelled["row"], labelled["label_file"], labelled["label_sha256"], strict=True),
    ]
    for row, name, digest in files:
        file = evidence.files[name]
        if file.error:
            offenders.append(Offender(int(row), f"{name} is no picture: {file.error}"))
        elif file.sha256 != digest:
            offenders.append(Offender(int(row), f"{name} is not what was downloaded"))
    return len(offenders), offenders


@check(
    f"share of listed rows whose file has the same bytes as those of {PLACEHOLDER_ITEMS} items or more",
    limit_key="placeholder_share",
    limit=0.02,
    remedy="the page loads its pictures lazily, and these are placeholders: open one, and name "
    "the attribute that holds the picture in gallery.image_attributes",
)
def placeholders(evidence: Evidence) -> CheckResult:
    ledger = evidence.ledger
    # each file of a folder is an item of its own: copies there are for clean to judge
    online = ledger[ledger["file"].notna() & ledger["page_url"].notna()]
    digests = online["file"].map(lambda name: evidence.files[name].sha256)
    digests = digests[digests != ""]  # of missing files, which broken_files names
    online = online.loc[digests.index]
    items = online.groupby(digests)["item_id"].nunique()
    shared = online[digests.map(items) >= PLACEHOLDER_ITEMS]
    offenders = [
        Offender(int(row), f"{name} stands for {items[evidence.files[name].sha256]} items")
        for row, name in zip(shared["row"], shared["file"], strict=True)
    ]
    return len(offenders) / max(1, len(ledger)), offenders


@check(
    "share of photographs whose file is smaller than the pair made from it",
    limit_key="upscaled_share",
    limit=0.1,
    remedy="these are thumbnails: ask the source for larger pictures (imdb.width, another "
    "gallery.image_attributes), or lower pair.crop_size",
    severity="warn",
)
def upscaled_pictures(evidence: Evidence) -> CheckResult:
    width = evidence.pair.crop_size.width
    offenders = []
    for side, pairs in evidence.sides.items():
        for index, row in enumerate(pairs.index["row"]):
            file = evidence.file_of(row)
            if file and 0 < file.cut_px < width:
                detail = f"{file.cut_px} pixels wide, enlarged to {width}"
                offenders.append(evidence.offender(side, index, detail))
    return len(offenders) / max(1, evidence.count), offenders
