"""Each source, from its list to a ledger whose rows all have a status."""

import io
import tarfile
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from src.demo import inventory, site
from src.errors import UserError
from src.imaging import decoding
from src.scrape import sources
from src.scrape.http.client import Client
from src.scrape.http.downloader import Downloader
from src.storage.ledger import SCRAPED
from src.storage.locks import alone_in
from tests.conftest import DEFAULTS, REAL_DATA, real
from tests.scrape.scraping import list_page, picture, scraped, write
from tests.servers import NOT_FOUND, Answer, saved

LIST = "https://www.imdb.com"
FEW_FAULTS = dict.fromkeys(
    ["exact_copy", "second_picture", "missing", "truncated", "placeholder", "no_image"], 100
)
pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """A scrape of three pages of ten, three of each kind of fault; and the site's entries."""
    raw = tmp_path_factory.mktemp("faulty") / "raw"
    params = DEFAULTS
    demo = params.demo.model_copy(update={"pages": 3, "per_page": 10})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("src.demo.inventory.FAULTS", FEW_FAULTS)
        table, metrics = scraped(params.model_copy(update={"demo": demo}), raw)
        entries = inventory.list_entries(30, params.seed, faults=True)
    return table, metrics, entries, raw


def test_every_listed_entry_is_a_row_in_order(faulty):
    table, metrics, entries, _ = faulty
    assert list(table["item_id"]) == [entry.item_id for entry in entries]
    assert list(table["page"]) == [1] * 10 + [2] * 10 + [3] * 10
    assert list(table["position"]) == [*range(1, 11)] * 3
    assert (metrics["pages"], metrics["listed"], metrics["expected"]) == (3, 30, 30)


def test_every_row_has_the_status_of_its_entry(faulty):
    table, metrics, entries, _ = faulty
    expected = {"missing": "http_404", "no_image": "no_image", "placeholder": "placeholder"}
    assert list(table["status"]) == [expected.get(entry.kind, "ok") for entry in entries]
    assert metrics["failed"] == {"http_404": 3, "no_image": 3, "placeholder": 3}
    assert metrics["downloaded"] == 21
    assert metrics["listed"] == metrics["downloaded"] + sum(metrics["failed"].values())


def test_only_downloaded_rows_have_a_file(faulty):
    table, _, _, raw = faulty
    ok = table["status"] == "ok"
    assert table.loc[ok, "file"].notna().all()
    assert table.loc[~ok, "file"].isna().all()
    on_disk = {path.relative_to(raw).as_posix() for path in (raw / "images").iterdir()}
    assert on_disk == set(table.loc[ok, "file"])


def test_equal_bytes_are_one_file(faulty):
    table, metrics, entries, _ = faulty
    copies = [entry for entry in entries if entry.kind == "exact_copy"]
    assert len(copies) == 3
    for copy in copies:
        [original] = [e for e in entries if e.person == copy.person and e.kind == "portrait"]
        assert table["file"][copy.number] == table["file"][original.number]
        assert table["item_id"][copy.number] == table["item_id"][original.number]
    assert metrics["unique_items"] == 30 - 3 - 3  # copies and second pictures


def test_pages_are_saved_as_they_came(faulty):
    *_, raw = faulty
    assert sorted(p.name for p in (raw / "pages").iterdir()) == [
        "0001.html",
        "0002.html",
        "0003.html",
    ]
    assert "lister-item" in (raw / "pages" / "0001.html").read_text(encoding="utf-8")
    assert "__NEXT_DATA__" in (raw / "pages" / "0002.html").read_text(encoding="utf-8")


def test_two_scrapes_write_equal_bytes(quick, tmp_path):
    params = quick("demo", {"demo.pages": 2, "demo.per_page": 4})
    for run in ("one", "two"):
        scraped(params, tmp_path / run)
    one, two = (
        {p.relative_to(tmp_path / run): p.read_bytes() for p in (tmp_path / run).rglob("*.*")}
        for run in ("one", "two")
    )
    assert one == two
    assert Path("ledger.parquet") in one


@pytest.mark.parametrize("layout", ["lister", "next_data", "both"])
def test_both_layouts_give_the_same_pictures(quick, tmp_path, layout):
    changes = {"demo.pages": 2, "demo.per_page": 3, "demo.layout": layout, "demo.faults": False}
    params = quick("demo", changes)
    table, _ = scraped(params, tmp_path / "raw")
    assert list(table["status"]) == ["ok"] * 6
    assert set(table["width"]) == {192}
    assert set(table["height"]) == {256}


@pytest.mark.parametrize("layout", ["lister", "next_data", "both"])
def test_a_site_that_ignores_the_page_number_is_left_after_its_first_page(quick, tmp_path, layout):
    changes = {"demo.pages": 10, "demo.per_page": 2, "demo.paging": "ignored"}
    table, metrics = scraped(quick("demo", changes | {"demo.layout": layout}), tmp_path / "raw")
    assert (metrics["pages"], metrics["repeated_pages"]) == (2, 1)
    assert (metrics["listed"], metrics["unique_items"], metrics["expected"]) == (2, 2, 20)
    assert len(table) == 2


@pytest.mark.parametrize("layout", ["lister", "next_data", "both"])
def test_ten_copies_of_the_first_page_are_kept_on_request(quick, tmp_path, layout):
    changes = {"demo.pages": 10, "demo.per_page": 2, "demo.paging": "ignored"}
    changes |= {"scrape.on_repeat": "keep", "demo.layout": layout}
    table, metrics = scraped(quick("demo", changes), tmp_path / "raw")
    assert (metrics["pages"], metrics["repeated_pages"]) == (10, 9)
    assert (metrics["listed"], metrics["unique_items"]) == (20, 2)
    assert table["file"].nunique() == 2
    assert list(table["item_id"]) == list(table["item_id"][:2]) * 10


def test_imdb_is_scraped_from_its_own_urls(server, monkeypatch, quick, tmp_path):
    local_ports = {LIST: server.port, site.ORIGIN: server.port}
    monkeypatch.setattr("src.scrape.sources.Client", partial(Client, local_ports=local_ports))
    server["/list/ls058011111/"] = list_page(range(3), 5, 1)
    server["/list/ls058011111/?page=2"] = list_page(range(3, 5), 5, 2, has_next=False)
    for n in range(5):
        server[f"/images/M/MV5B{n:06d}@._V1_UX512_.jpg"] = Answer(picture(n))
    table, metrics = scraped(quick("imdb"), tmp_path / "raw")
    assert list(table["status"]) == ["ok"] * 5
    assert list(table["name"]) == [f"Person {n}" for n in range(5)]
    assert table["page_url"][0] == f"{LIST}/list/ls058011111/?sort=list_order%2Casc"
    assert (metrics["pages"], metrics["expected"]) == (2, 5)


def test_a_killed_scrape_goes_on_without_asking_again(server, monkeypatch, quick, tmp_path):
    local_ports = {LIST: server.port, site.ORIGIN: server.port}
    monkeypatch.setattr("src.scrape.sources.Client", partial(Client, local_ports=local_ports))
    server["/list/ls058011111/"] = list_page(range(3), 3, 1, has_next=False)
    for n in range(3):
        server[f"/images/M/MV5B{n:06d}@._V1_UX512_.jpg"] = Answer(picture(n))
    first, _ = scraped(quick("imdb"), tmp_path / "one")
    n_requests = len(server.targets)
    second, _ = scraped(quick("imdb"), tmp_path / "two")
    assert len(server.targets) == n_requests
    pd.testing.assert_frame_equal(first, second)


def test_a_picture_keeps_the_date_of_its_fetch(server, monkeypatch, quick, tmp_path):
    server["/list"] = Answer(b'<ul><li><a href="/1"><img src="/1.png"></a></li></ul>')
    server["/1.png"] = Answer(picture(1))
    gallery = {"gallery.url": server["/list"], "gallery.item": "li"}
    dates = []
    for today, snapshot in [("2026-11-22", "a"), ("2026-11-23", "a"), ("2026-11-24", "b")]:
        monkeypatch.setattr(Downloader, "_date", lambda *_, date=today: date)
        changes = gallery | {"scrape.snapshot": snapshot}
        table, _ = scraped(quick("gallery", changes), tmp_path / "raw")
        dates += list(table["date"])
    assert dates == ["2026-11-22", "2026-11-22", "2026-11-24"]


def test_what_is_drawn_or_on_disk_has_no_date(quick, album, tmp_path):
    drawn, _ = scraped(quick("demo", {"demo.pages": 1, "demo.per_page": 2}), tmp_path / "one")
    on_disk, _ = scraped(quick("folder", {"folder.path": str(album)}), tmp_path / "two")
    assert list(drawn["date"].dropna()) == list(on_disk["date"].dropna()) == []


@pytest.mark.parametrize("counted", [False, True], ids=["next", "counted"])
def test_a_gallery_is_scraped_by_its_selectors(server, quick, tmp_path, counted):
    path = "/wiki/Category:Official_portraits"
    first, second = ("?page=1", "?page=2") if counted else ("", "?from=D")
    # the third picture's host is not ours to ask
    page = saved("gallery_1").replace("//upload.example.test/", "/")
    server[path + first] = Answer(page.encode())
    server[path + second] = Answer(saved("gallery_2").encode())
    server[f"{path}?page=3"] = NOT_FOUND
    server["/wiki/thumb/z/Zoe.jpg"] = Answer(picture(1))
    server["/thumb/d/Dmitri.jpg"] = Answer(picture(2))
    changes = {
        "gallery.url": server[f"{path}?page={{page}}" if counted else path],
        "gallery.next": "a.next",
        "gallery.total": ".total",
    }
    table, metrics = scraped(quick("gallery", changes), tmp_path / "raw")
    assert list(table["status"]) == ["http_404", "ok", "http_404", "no_image", "ok"]
    assert list(table["page"]) == [1, 1, 1, 1, 2]
    assert (metrics["expected"], metrics["listed"], metrics["pages"]) == (1234, 5, 2)


@pytest.fixture
def album(tmp_path):
    """Three pictures of two people and one of nobody in particular, and a note."""
    folder = tmp_path / "album"
    for n, name in enumerate(["ada/1.jpg", "ada/2.PNG", "boris/1.webp", "alone.tif"]):
        write(folder / name, picture(n))
    write(folder / "notes.txt", b"no picture")
    return folder


def test_each_picture_of_a_folder_is_listed(quick, album, tmp_path):
    table, metrics = scraped(quick("folder", {"folder.path": str(album)}), tmp_path / "raw")
    assert list(table["item_id"]) == ["ada/1.jpg", "ada/2.PNG", "alone.tif", "boris/1.webp"]
    assert list(table["status"]) == ["ok"] * 4
    assert metrics["listed"] == metrics["expected"] == 4


def test_pictures_in_one_folder_may_be_one_person(quick, album, tmp_path):
    changes = {"folder.path": str(album), "folder.item": "folder"}
    table, metrics = scraped(quick("folder", changes), tmp_path / "raw")
    assert list(table["item_id"]) == ["ada", "ada", "alone.tif", "boris"]
    assert metrics["unique_items"] == 3


@pytest.mark.parametrize("source", ["folder", "pairs"])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "is empty: set it to"),
        ("no/such/folder", "does not exist: .* is there, 'no' in it is not"),
    ],
)
def test_a_missing_folder_is_an_error_by_its_key(quick, tmp_path, source, path, message):
    with pytest.raises(UserError, match=rf"^{source}\.path.*{message}"):
        scraped(quick(source, {f"{source}.path": path}), tmp_path / "raw")


def test_a_file_in_place_of_a_folder_is_an_error_that_says_so(quick, tmp_path):
    path = write(tmp_path / "a.jpg", picture(1))
    with pytest.raises(UserError, match=r"folder\.path = .*a\.jpg' is a file, expected a folder"):
        scraped(quick("folder", {"folder.path": str(path)}), tmp_path / "raw")


@pytest.mark.parametrize("source", ["folder", "pairs", "urls", "saved", "hf", "webdataset"])
def test_a_device_in_place_of_a_source_is_an_error_that_says_so(quick, tmp_path, source):
    (tmp_path / "device.csv").symlink_to("/dev/null")
    path = str(tmp_path / "device.csv")
    with pytest.raises(
        UserError, match=rf"{source}\.path = .*csv' is a pipe or a device, expected"
    ):
        scraped(quick(source, {f"{source}.path": path}), tmp_path / "raw")


@pytest.mark.parametrize("source", ["folder", "pairs"])
def test_a_tilde_in_a_path_is_the_home(quick, tmp_path, monkeypatch, facades, source):
    monkeypatch.setenv("HOME", str(facades.parent))
    table, _ = scraped(quick(source, {f"{source}.path": "~/facades"}), tmp_path / "raw")
    assert len(table) == len(MEMBERS)


def test_a_folder_without_pictures_is_an_error_that_says_what_is_there(quick, tmp_path):
    write(tmp_path / "notes" / "a.txt", b"no picture")
    expected = r"holds no picture \(expected JPEG, .*; found 1 not_a_picture \(a\.txt\)\)"
    with pytest.raises(UserError, match=rf"folder\.path = .*{expected}"):
        scraped(quick("folder", {"folder.path": str(tmp_path / "notes")}), tmp_path / "raw")


def test_a_broken_file_of_a_folder_keeps_its_row(quick, album, tmp_path):
    write(album / "ada" / "1.jpg", b"")
    table, _ = scraped(quick("folder", {"folder.path": str(album)}), tmp_path / "raw")
    assert list(table["status"]) == ["not_an_image", "ok", "ok", "ok"]


MEMBERS = ["train/2.jpg", "train/10.jpg", "train/1.jpg", "val/1.jpg", "test/1.jpg"]


@pytest.fixture
def facades(tmp_path):
    folder = tmp_path / "facades"
    for n, name in enumerate(MEMBERS):
        write(folder / name, picture(n, 16, 8))
    write(folder / "README.md", b"no picture")
    return folder


@pytest.fixture
def halves(tmp_path):
    """Three pairs of files, one of them for tests."""
    folder = tmp_path / "halves"
    for n, name in enumerate(["train{}/2.png", "train{}/10.png", "test{}/1.png"]):
        for half in "AB":
            write(folder / name.format(half), picture(10 * ord(half) + n))
    return folder


@pytest.fixture
def archive(facades):
    """The same as the bytes of a .tar.gz."""
    return packed(facades)


def packed(folder: Path) -> bytes:
    """Return a .tar.gz of a folder's files, below the name facades."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path in sorted(folder.rglob("*.*")):
            member = tarfile.TarInfo(f"facades/{path.relative_to(folder).as_posix()}")
            member.size = path.stat().st_size
            tar.addfile(member, io.BytesIO(path.read_bytes()))
    return buffer.getvalue()


def place(how: str, facades: Path, archive: bytes, server) -> str:
    if how == "folder":
        return str(facades)
    if how == "archive":
        return str(write(facades.parent / "facades.tar.gz", archive))
    server["/facades.tar.gz"] = Answer(archive)
    return server["/facades.tar.gz"]


@pytest.mark.parametrize("how", ["folder", "archive", "url"])
def test_facades_are_the_same_from_anywhere(quick, tmp_path, facades, archive, server, how):
    path = place(how, facades, archive, server)
    table, metrics = scraped(quick("pairs", {"pairs.path": path}), tmp_path / "raw")
    assert [n.removeprefix("facades/") for n in table["image_url"]] == [
        "test/1.jpg",
        "train/1.jpg",
        "train/2.jpg",
        "train/10.jpg",
        "val/1.jpg",
    ]
    assert list(table["given_side"]) == ["val", "train", "train", "train", "val"]
    assert list(table["status"]) == ["ok"] * 5
    assert table["item_id"].nunique() == metrics["listed"] == 5
    for name, file in zip(table["image_url"], table["file"], strict=True):
        original = facades / name.removeprefix("facades/")
        assert (tmp_path / "raw" / file).read_bytes() == original.read_bytes()


@pytest.mark.parametrize(("direction", "layout"), [("BtoA", "photo_left"), ("AtoB", "photo_right")])
def test_the_direction_says_where_the_photo_is(quick, tmp_path, facades, direction, layout):
    changes = {"pairs.path": str(facades), "pairs.direction": direction}
    table, _ = scraped(quick("pairs", changes), tmp_path / "raw")
    assert set(table["layout"]) == {layout}


def test_an_archive_larger_than_a_page_may_be_is_fetched(quick, tmp_path, facades, archive, server):
    path = place("url", facades, archive + bytes(20_000), server)
    changes = {"pairs.path": path, "scrape.max_bytes": 2048}
    table, _ = scraped(quick("pairs", changes), tmp_path / "raw")
    assert len(table) == 5


def test_an_archive_that_cannot_be_fetched_is_an_error_with_a_way_out(quick, tmp_path, server):
    path = server["/facades.tar.gz"]
    with pytest.raises(UserError, match=r"cannot be used: .*404.*or set it to the unpacked"):
        scraped(quick("pairs", {"pairs.path": path}), tmp_path / "raw")


@pytest.mark.parametrize("wrong", ["html", "empty", "cut"])
def test_a_wrong_archive_is_an_error_by_its_key(quick, tmp_path, archive, wrong):
    data = {
        "html": b"<!DOCTYPE html><title>404</title>",
        "empty": b"",
        "cut": archive[: len(archive) // 2],
    }[wrong]
    path = str(write(tmp_path / "facades.tar.gz", data))
    with pytest.raises(UserError, match=r"pairs\.path = .*expected a tar archive"):
        scraped(quick("pairs", {"pairs.path": path}), tmp_path / "raw")


@pytest.mark.parametrize("damage", [b"\0", b"\xff", b"\x55"])
def test_a_damaged_archive_is_listed_whole_or_an_error_by_its_key(quick, tmp_path, archive, damage):
    path = tmp_path / "facades.tar.gz"
    params = quick("pairs", {"pairs.path": str(path)})
    for start in range(10, len(archive), 40):
        write(path, archive[:start] + damage * 20 + archive[start + 20 :])
        try:
            with sources.open_source(params, tmp_path) as source:
                assert len(source.crawl.rows) == 5
        except UserError as error:
            assert "pairs.path" in str(error)


def test_combined_pictures_without_a_split_are_pairs_too(quick, tmp_path, album):
    table, _ = scraped(quick("pairs", {"pairs.path": str(album)}), tmp_path / "raw")
    assert table["given_side"].isna().all()
    assert list(table["layout"]) == ["photo_left"] * 4


def test_the_ledger_of_combined_pictures_has_no_columns_of_label_files(quick, tmp_path, facades):
    scraped(quick("pairs", {"pairs.path": str(facades)}), tmp_path / "raw")
    columns = pq.read_schema(tmp_path / "raw" / "ledger.parquet").names
    assert columns == SCRAPED.names


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, r"expected pictures, found none"),
        ({"pairs.layout": "folders"}, r"expected folders A and B.*found none"),
    ],
)
def test_a_folder_without_pairs_is_an_error_by_its_key(quick, tmp_path, changes, message):
    write(tmp_path / "notes" / "a.txt", b"no picture")
    changes = {"pairs.path": str(tmp_path / "notes")} | changes
    with pytest.raises(UserError, match=rf"pairs\.path = .*notes': {message}"):
        scraped(quick("pairs", changes), tmp_path / "raw")


@pytest.mark.parametrize("how", ["folder", "archive", "url"])
def test_pairs_of_two_folders_are_the_same_from_anywhere(quick, tmp_path, halves, server, how):
    path = place(how, halves, packed(halves), server)
    changes = {"pairs.path": path, "pairs.layout": "folders", "pairs.direction": "AtoB"}
    table, metrics = scraped(quick("pairs", changes), tmp_path / "raw")
    assert list(table["given_side"]) == ["val", "train", "train"]
    assert list(table["status"]) == ["ok"] * 3
    assert set(table["layout"]) == {"single"}
    assert table["item_id"].nunique() == metrics["listed"] == 3
    for url, file in (("image_url", "file"), ("label_url", "label_file")):
        for name, stored in zip(table[url], table[file], strict=True):
            original = halves / name.removeprefix("facades/")
            assert (tmp_path / "raw" / stored).read_bytes() == original.read_bytes()
    assert table["image_url"].str.contains("B/").all()


def test_the_real_facades_are_listed_whole(quick, tmp_path):
    real("facades/train")
    params = quick("pairs", {"pairs.path": str(REAL_DATA / "facades")})
    with sources.open_source(params, tmp_path) as source:
        table = pd.DataFrame(source.crawl.rows)
        first = decoding.inspect(
            source.fetch(table["image_url"][0], lambda body: body.path.read_bytes())
        )
    assert table["given_side"].value_counts().to_dict() == {"train": 400, "val": 100}
    assert table["item_id"].nunique() == 500
    assert list(table["name"][:3]) == ["1", "2", "3"]
    assert first == ("JPEG", 512, 256, False)


def test_a_second_scrape_in_the_checkout_is_told_and_destroys_nothing(quick, tmp_path):
    write(tmp_path / "own/1.png", picture(1))
    params = quick("folder", {"folder.path": str(tmp_path / "own")})
    scraped(params, tmp_path / "raw")
    half = write(tmp_path / ".cache/http/bodies/.half", b"half")
    with (
        alone_in(tmp_path / ".cache", "scraping"),
        pytest.raises(UserError, match=r"^another process is scraping and uses .*\.cache: wait"),
    ):
        scraped(params, tmp_path / "raw")
    assert half.exists()
    assert len(list((tmp_path / "raw/images").iterdir())) == 1
