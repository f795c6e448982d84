"""Pictures that must go: out of the cache, the data, and every later stage."""

import hashlib
import io
import json
import tarfile
from base64 import b64encode
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from src.dataset import arrays
from src.errors import UserError
from src.scrape import forget_list
from src.scrape.addresses import without_data
from src.storage.csv_cells import inert_cell
from src.storage.encoding import encode_png
from src.storage.ledger import read_ledger
from tests.conftest import copy_rulings, write_params
from tests.scrape.scraping import QUICK
from tests.servers import Answer, Server

PEOPLE = 12
GONE = 3  # the person who wants to be forgotten
STAGES = ("scrape", "clean", "split", "pair")


@pytest.fixture
def list_file(tmp_path):
    """A list of what must go: list_file("id", "nm1")."""

    def write(*lines: str) -> str:
        path = tmp_path / "forget.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)

    return write


def row(item_id: str, url: str, **more: str) -> dict:
    return {"item_id": item_id, "image_url": url} | more


def test_the_places_of_ids_are_read(list_file):
    path = list_file("note,id", "asked on Monday, nm1 ", "again,nm1", "a picture,http://a.test/1")
    assert forget_list.read(path) == {
        "nm1": f"{path}, line 2",
        "http://a.test/1": f"{path}, line 4",
    }


@pytest.mark.parametrize("name", ["@nm1", "-1", "'nm1", "nm1", "'", "O'Hara"])
def test_an_id_can_be_copied_from_the_list_of_credits(list_file, name):
    assert list(forget_list.read(list_file("id", inert_cell(name)))) == [name]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["url", "a"], "line 1: the column id is missing in 'url', expected the column id; others"),
        (["id", "nm1", '" "'], "line 3: id is empty, expected a picture's URL or an item's id"),
    ],
)
def test_a_wrong_list_is_refused(list_file, lines, message):
    path = list_file(*lines)
    with pytest.raises(UserError, match=f"{path}, {message}"):
        forget_list.read(path)


def test_a_missing_list_is_named_with_its_parameter(tmp_path):
    with pytest.raises(UserError, match=r"which scrape\.forget names: .* the line id alone"):
        forget_list.read(str(tmp_path / "none.csv"))


def statuses(rows: forget_list.Rows, folder: Path, *ids: str) -> list[str | None]:
    marked = forget_list.forget(rows, dict.fromkeys(ids, "line 2"), folder, "2026")
    assert len(marked) == len(rows)
    return [row.get("status") for row in marked]


@pytest.mark.parametrize("name", ["nm1", "one.jpg", "one-label.png"])
def test_a_row_is_named_by_its_item_its_picture_or_its_label_map(tmp_path, name):
    rows = [row("nm1", "one.jpg", label_url="one-label.png"), row("nm2", "two.jpg")]
    assert statuses(rows, tmp_path, name) == ["forgotten", None]


@pytest.mark.parametrize(
    "name",
    [
        "HTTP://a.test:80/p/1/?utm_source=x#top",
        "https://a.test/p/1",
        "http://a.test/Zo%c3%ab.jpg?w=1",
        "https://a.test/Zoë.jpg?w=1#top",
    ],
)
def test_an_address_may_be_written_as_a_browser_shows_it(tmp_path, capsys, name):
    rows = [row("https://a.test/p/1", "http://a.test/Zoë.jpg?w=1")]
    rows += [row("https://a.test/p/2", "http://a.test/Zoë.jpg?w=2")]
    assert statuses(rows, tmp_path, name) == ["forgotten", None]
    assert "is no picture's URL" not in capsys.readouterr().err


def test_a_picture_inside_a_page_is_named_in_full_or_as_the_ledger_has_it(tmp_path):
    url = "data:image/svg+xml,%3Csvg%3E" + "x" * 200
    rows = [row("nm1", without_data(url)), row("nm2", "two.jpg")]
    for name in (url, without_data(url)):
        assert statuses(rows, tmp_path, name) == ["forgotten", None]


def test_a_picture_goes_with_every_row_that_shows_it(tmp_path, capsys):
    rows = [row("nm1", "both.jpg"), row("nm2", "both.jpg"), row("nm2", "two.jpg")]
    assert statuses(rows, tmp_path, "nm1") == ["forgotten", "forgotten", None]
    assert capsys.readouterr().err == (
        "scrape: 2 of 3 listed pictures are forgotten (scrape.forget)\n"
    )


def test_rows_that_are_made_when_they_are_asked_for_are_marked_too(tmp_path):
    class Rows:
        def __len__(self):
            return 3

        def __iter__(self):
            return (row(f"nm{number}", f"{number}.jpg") for number in range(3))

    assert statuses(Rows(), tmp_path, "nm1") == [None, "forgotten", None]


def test_an_empty_list_leaves_the_rows_as_they_are(tmp_path):
    rows = [row("nm1", "one.jpg")]
    assert forget_list.forget(rows, {}, tmp_path, "2026") is rows


def test_an_id_of_no_row_is_named(tmp_path, capsys):
    assert statuses([row("nm1", "one.jpg")], tmp_path, "nm\x1b7") == [None]
    assert capsys.readouterr().err == (
        "scrape: line 2: 'nm\\x1b7' is no picture's URL and no item's id of this list\n"
    )


@pytest.fixture
def album(server: Server, faces: list[np.ndarray]) -> dict[int, bytes]:
    """Serve a list of people with a picture each; return these."""
    items = (f'<li><a href="/who/{n}"><img src="/{n}.png"></a></li>' for n in range(PEOPLE))
    server["/list"] = Answer(f"<html><ul>{''.join(items)}</ul></html>".encode())
    pictures = {n: encode_png(faces[n]) for n in range(PEOPLE)}
    for n, data in pictures.items():
        # a server's own word for the content is a hash too
        etag = f'"{hashlib.sha256(data).hexdigest()}"'
        server[f"/{n}.png"] = Answer(data, headers={"ETag": etag})
    return pictures


def run_stages() -> None:
    for stage in STAGES:
        import_module(f"stages.{stage}").main()


def files_with(data: bytes) -> set[str]:
    """The files of a run that hold a picture's bytes, or its hash in any form."""
    digest = hashlib.sha256(data)
    wanted = (data, b64encode(data), digest.digest(), digest.hexdigest()[:24].encode())
    files = [path for top in ("data", ".cache") for path in Path(top).rglob("*") if path.is_file()]
    named = {str(path) for path in files if digest.hexdigest()[:24] in path.name}
    return named | {
        str(path) for path in files if any(part in path.read_bytes() for part in wanted)
    }


@pytest.mark.usefixtures("own_folder")
def test_nothing_is_left_of_a_forgotten_picture(server, album, tmp_path):
    changes = QUICK | {"source": "gallery", "gallery.url": server["/list"], "gallery.item": "li"}
    changes |= {"pair.crop_size": 32, "pair.load_size": 32, "split.method": "exact"}
    changes |= {"split.val_fraction": 0.25}
    copy_rulings(tmp_path)
    for snapshot in ("before", "2026"):  # an earlier one is in the cache too
        write_params(tmp_path / "params.yaml", changes | {"scrape.snapshot": snapshot})
        run_stages()
    before = read_ledger(Path("data/split/ledger.parquet"), "split")
    held = files_with(album[GONE])
    assert {str(Path(file).parent) for file in held} >= {
        "data/raw", "data/raw/images", "data/clean", ".cache/http", ".cache/http/bodies",
        ".cache/clean",
    }  # fmt: skip
    assert GONE in pair_rows()

    Path("rulings/forget.csv").write_text(f"id,note\n{before['item_id'][GONE]},asked to\n")
    server.targets.clear()
    run_stages()
    assert files_with(album[GONE]) == set()
    assert files_with(album[GONE + 1])
    assert f"/{GONE}.png" not in server.targets
    assert pair_rows() == set(range(PEOPLE)) - {GONE}
    for stage in ("raw", "clean", "split"):
        row = read_ledger(Path(f"data/{stage}/ledger.parquet"), stage).loc[GONE]
        assert (row["status"], row["item_id"]) == ("forgotten", before["item_id"][GONE])
        assert row[["file", "sha256", "bytes", "width", "date"]].isna().all()
    scraped, cleaned = (json.loads(Path(f"metrics/{n}.json").read_text()) for n in STAGES[:2])
    assert scraped["failed"] == {"forgotten": 1}
    assert (scraped["listed"], scraped["downloaded"]) == (PEOPLE, PEOPLE - 1)
    assert (cleaned["missing"], cleaned["kept"]) == (1, PEOPLE - 1)

    run_stages()
    assert files_with(album[GONE]) == set()


@pytest.mark.usefixtures("own_folder")
def test_nothing_is_left_of_a_forgotten_picture_inside_a_saved_page(faces, tmp_path):
    pictures = [encode_png(face) for face in faces[:3]]
    items = (
        f'<li><a href="/{n}"><img src="data:image/png;base64,{b64encode(data).decode()}"></a></li>'
        for n, data in enumerate(pictures)
    )
    head = "<!-- Page saved with SingleFile\n url: https://a.test/list -->"
    (tmp_path / "save.html").write_text(head + "".join(items))
    changes = {"source": "saved", "saved.path": str(tmp_path / "save.html")}
    changes |= {"saved.layout": "gallery", "saved.item": "li"}
    write_params(tmp_path / "params.yaml", QUICK | changes)
    copy_rulings(tmp_path)
    Path("rulings/forget.csv").write_text("id\nhttps://a.test/1\n")
    import_module("stages.scrape").main()
    assert list(read_ledger(Path("data/raw/ledger.parquet"), "raw")["status"]) == [
        "ok", "forgotten", "ok",
    ]  # fmt: skip
    assert files_with(pictures[1]) == set()
    assert files_with(pictures[2])


@pytest.fixture
def scrape_gallery(server, tmp_path):
    """Scrape the server's list without pictures that must go: scrape_gallery(URL, …)."""
    changes = QUICK | {"source": "gallery", "gallery.url": server["/list"], "gallery.item": "li"}
    write_params(tmp_path / "params.yaml", changes)
    copy_rulings(tmp_path)

    def run(*urls: str) -> list[str]:
        Path("rulings/forget.csv").write_text("\n".join(["id", *urls]) + "\n")
        import_module("stages.scrape").main()
        return list(read_ledger(Path("data/raw/ledger.parquet"), "raw")["status"])

    return run


@pytest.mark.usefixtures("own_folder", "album")
def test_another_url_with_the_same_bytes_is_named(server, scrape_gallery, album, capsys):
    server["/5.png"] = Answer(album[4])
    scrape_gallery()
    capsys.readouterr()
    assert scrape_gallery(server["/4.png"])[4:6] == ["forgotten", "ok"]
    assert (
        "scrape: other URLs have the same bytes as what is deleted, and stay; list them too: "
        f"{server['/5.png']}\n"
    ) in capsys.readouterr().err
    assert scrape_gallery(server["/4.png"], server["/5.png"])[4:6] == ["forgotten"] * 2
    assert files_with(album[4]) == set()


@pytest.mark.usefixtures("own_folder", "album")
def test_the_url_that_is_redirected_to_a_listed_one_is_named(server, scrape_gallery, capsys):
    server["/moved.png"] = server.answers["/4.png"]
    server["/4.png"] = Answer(status=302, headers={"Location": "/moved.png"})
    scrape_gallery()
    capsys.readouterr()
    assert "forgotten" not in scrape_gallery(server["/moved.png"])
    assert (
        f"{server['/moved.png']!r} is no picture's URL and no item's id of this list, but "
        f"{server['/4.png']} is redirected to it: list that URL\n"
    ) in capsys.readouterr().err
    assert scrape_gallery(server["/4.png"])[4] == "forgotten"


@pytest.mark.usefixtures("own_folder")
def test_an_archive_with_a_forgotten_picture_is_not_kept(server, faces, tmp_path, capsys):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for n, face in enumerate(faces[:3]):
            data = encode_png(np.concatenate([face, face[::-1]], axis=1))
            member = tarfile.TarInfo(f"{n}.png")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    server["/pairs.tar"] = Answer(buffer.getvalue())
    changes = {"source": "pairs", "task": "labels", "pairs.path": server["/pairs.tar"]}
    write_params(tmp_path / "params.yaml", QUICK | changes | {"pairs.layout": "combined"})
    copy_rulings(tmp_path)
    import_module("stages.scrape").main()
    (body,) = Path(".cache/http/bodies").iterdir()
    assert body.read_bytes() == buffer.getvalue()
    Path("rulings/forget.csv").write_text("id\n1.png\n")
    import_module("stages.scrape").main()
    assert list(read_ledger(Path("data/raw/ledger.parquet"), "raw")["status"]) == [
        "ok", "forgotten", "ok",
    ]  # fmt: skip
    assert not body.exists()
    assert f"; {server['/pairs.tar']} holds them, so each scrape" in capsys.readouterr().err


def pair_rows() -> set[int]:
    sides = (arrays.load(Path("data/pairs"), side) for side in ("train", "val"))
    return {int(row) for pairs in sides for row in pairs.index["row"]}
