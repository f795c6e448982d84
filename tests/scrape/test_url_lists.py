"""Lists of URLs as a source: each row in its place, fetched as any picture of the web is."""

import gzip
import json
import os

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.errors import UserError
from src.scrape import sources
from src.scrape.spooled_rows import SpooledRows
from src.scrape.store import require_pictures
from src.scrape.url_lists import list_urls
from tests.scrape.scraping import picture, scraped, scraped_ledger, write
from tests.servers import Answer, served

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def listed(quick, tmp_path):
    """Write a list, and return the rows that it gives: listed("a.csv", "url\\nhttp://…")."""

    def make(name: str, text: str, changes=None) -> list[dict]:
        path = write(tmp_path / "lists" / name, text.encode())
        params = quick("urls", {"urls.path": str(path)} | (changes or {}))
        with sources.open_source(params, tmp_path / "raw") as source:
            return list(source.crawl.rows)

    return make


def test_pictures_of_many_hosts_are_fetched_from_a_list(quick, tmp_path):
    with served() as one, served() as two:
        for number, server in enumerate((one, two)):
            server["/a.png"] = Answer(picture(number))
        urls = [one["/a.png"], two["/a.png"], one["/gone.png"], one["/a.png"], "ftp://a.test/1", ""]
        frame = pd.DataFrame({"link": urls, "who": [1, 2, 3, 1, 4, 5]})
        frame["called"] = [f"Person {n}" for n in frame["who"]]
        frame["split"] = ["train", "validation", "test", "train", None, ""]
        frame.to_parquet(tmp_path / "list.parquet")
        columns = {"url": "link", "item": "who", "name": "called", "side": "split"}
        changes = {f"urls.{key}": column for key, column in columns.items()}
        changes |= {"urls.path": str(tmp_path / "list.parquet")}
        table, metrics = scraped(quick("urls", changes), tmp_path / "raw")
        assert one.page_targets().count("/a.png") == 1
        assert "/robots.txt" in one.targets
    assert list(table["status"]) == ["ok", "ok", "http_404", "ok", "unsupported_url", "no_image"]
    assert list(table["item_id"]) == ["1", "2", "3", "1", "4", "5"]
    assert list(table["name"]) == [f"Person {n}" for n in frame["who"]]
    assert list(table["given_side"].fillna("")) == ["train", "val", "val", "train", "", ""]
    assert set(table["page_url"]) == {"list.parquet"}
    assert (metrics["listed"], metrics["pages"], metrics["unique_items"]) == (6, 1, 5)


def test_robots_txt_and_private_addresses_hold_for_lists(quick, tmp_path, server):
    server["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /private/")
    server["/a.png"] = Answer(picture(1))
    urls = [server["/private/a.png"], f"http://[::1]:{server.port}/a.png", server["/a.png"]]
    path = write(tmp_path / "list.txt", "\n".join(urls).encode())
    table, _ = scraped(quick("urls", {"urls.path": str(path)}), tmp_path / "raw")
    assert list(table["status"]) == ["robots", "private_address", "ok"]
    assert server.page_targets() == ["/a.png"]


def test_no_page_goes_as_the_referer(quick, tmp_path, server):
    server["/a.png"] = Answer(picture(1))
    path = write(tmp_path / "list.txt", server["/a.png"].encode())
    scraped(quick("urls", {"urls.path": str(path)}), tmp_path / "raw")
    assert not [headers for headers in server.headers if "Referer" in headers]


def test_a_file_of_a_folder_is_a_page_and_its_row_the_position(listed, tmp_path):
    rows = "\n".join(["http://a.test/1.jpg", "", "http://a.test/2.jpg"])
    write(tmp_path / "lists" / "more" / "b.txt.gz", gzip.compress(rows.encode()))
    (tmp_path / "lists" / "a.jsonl").write_text(json.dumps({"url": "http://a.test/3.jpg"}))
    found = listed("notes.md", "no list", {"urls.path": str(tmp_path / "lists")})
    places = [(row["page"], row["position"], row["page_url"]) for row in found]
    assert places == [(1, 1, "a.jsonl"), (2, 1, "more/b.txt.gz"), (2, 3, "more/b.txt.gz")]


def test_letters_of_a_side_may_be_large(listed):
    text = "url,side\nhttp://a.test/1.jpg,TRAIN\nhttp://a.test/2.jpg,Validation\n"
    found = listed("a.csv", text, {"urls.side": "side"})
    assert [row["given_side"] for row in found] == ["train", "val"]


def test_a_url_is_the_id_of_a_picture_without_one(listed):
    urls = ["HTTP://A.test:80/x.jpg?ref=1", "https://a.test/x.jpg?ref=1", "http://a.test/x.jpg"]
    ids = [row["item_id"] for row in listed("a.txt", "\n".join(urls))]
    assert ids == [
        "https://a.test/x.jpg?ref=1",
        "https://a.test/x.jpg?ref=1",
        "https://a.test/x.jpg",
    ]


def test_passwords_and_blanks_in_urls_stay_out_of_the_ledger(listed):
    [row] = listed("a.csv", 'url\n" http://me:secret@a.test/\tx.jpg "\n')
    assert row["image_url"] == "http://***@a.test/x.jpg"
    assert row["item_id"] == "https://***@a.test/x.jpg"


def test_a_picture_inside_a_url_does_not_fill_the_ledger(listed):
    drawing = "data:image/svg+xml;utf8," + "x" * 200
    rows = listed("a.txt", f"{drawing}1\n{drawing}2\n")
    for key in ("image_url", "item_id"):
        assert len({row[key] for row in rows}) == 2
        assert all(row[key].startswith("data:image/svg+xml;sha256=") for row in rows)


def test_numbers_are_ids_and_missing_values_are_empty(listed):
    text = '{"url": "http://a.test/1.jpg", "id": 7}\n{"url": null, "id": NaN}'
    rows = listed("a.jsonl", text, {"urls.item": "id", "urls.name": "id"})
    assert [row["item_id"] for row in rows] == ["7", "a.jsonl:2"]
    assert [(row["name"], row["image_url"]) for row in rows] == [
        ("7", "http://a.test/1.jpg"),
        ("", None),
    ]


def test_one_person_has_one_id_in_files_that_store_it_otherwise(listed, tmp_path):
    folder = tmp_path / "lists"
    for name, ids in (("a", pa.array([7.0, None])), ("b", pa.array([7])), ("c", pa.array([b"7"]))):
        urls = [f"http://a.test/{name}{n}.jpg".encode() for n in range(len(ids))]
        table = pa.table({"url": pa.array(urls), "id": ids})
        pq.write_table(table, write(folder / f"{name}.parquet", b""))
    write(folder / "d.csv", b"url,id\nhttp://a.test/d.jpg,7.0\n")
    found = listed("notes.md", "no list", {"urls.path": str(folder), "urls.item": "id"})
    assert [row["item_id"] for row in found] == ["7", "https://a.test/a1.jpg", "7", "7", "7"]


def test_a_column_of_one_value_as_the_items_id_is_told(listed, capsys):
    text = "url,album\nhttp://a.test/1,7\nhttp://a.test/2,7\n"
    assert len(listed("a.csv", text, {"urls.item": "album"})) == 2
    told = "scrape: all 2 items have the id '7', and count as one (urls.item = 'album')\n"
    assert told in capsys.readouterr().err
    for other in (text.replace("2,7", "2,8"), text.rpartition("http")[0]):
        listed("a.csv", other, {"urls.item": "album"})
        assert "count as one" not in capsys.readouterr().err


def test_a_list_without_any_url_is_an_error_that_names_its_column(quick, tmp_path):
    path = write(tmp_path / "list.csv", b"url,who\n,Ada\n,Zoe")
    ledger = scraped_ledger(quick("urls", {"urls.path": str(path)}), tmp_path / "raw")
    with pytest.raises(UserError, match=r"2 no_image \(.*urls\.url"):
        require_pictures(ledger)


@pytest.mark.parametrize(
    ("name", "text", "changes", "message"),
    [
        (
            "a.csv",
            "link\nhttp://a.test/1.jpg",
            {},
            r"a\.csv .*no column 'url' \(urls\.url\): set it to one of its columns, 'link'",
        ),
        (
            "a.csv",
            "url,side\nu,left",
            {"urls.side": "side"},
            r"a\.csv: row 2 has the side 'left' .*train",
        ),
        (
            "a.csv",
            "url;Person\nu;Ann",
            {"urls.item": "person"},
            r"a\.csv .*no column 'person' \(urls\.item\): set it to one of its columns, 'url', 'Person'",
        ),
        ("a.jsonl", '{"url": {"0": "u"}}', {}, r"row 1 has dict in column 'url' \(urls\.url\)"),
        ("a.txt", "http://a.test/1", {"urls.item": "who"}, r"a\.txt cannot .* no column 'who'"),
        ("a.txt", "a\nb\nc", {"scrape.max_items": 2}, r"more items than scrape\.max_items = 2"),
        ("a.txt", "\n", {}, r"urls\.path = .*expected URLs, found none"),
        ("a.txt", "u", {"urls.path": ""}, r"urls\.path is empty"),
        ("a.txt", "u", {"urls.path": "no/list.txt"}, r"urls\.path = .*does not exist"),
    ],
)
def test_a_wrong_list_is_an_error_that_names_it(listed, name, text, changes, message):
    with pytest.raises(UserError, match=message):
        listed(name, text, changes)


def test_a_folder_without_lists_is_an_error_that_names_the_kinds(listed, tmp_path):
    with pytest.raises(UserError, match=r"holds no list \(\.txt, \.csv, .*\.parquet"):
        listed("notes.md", "no list", {"urls.path": str(tmp_path / "lists")})


def test_rows_are_read_back_from_disk_in_order(changed, tmp_path):
    path = write(tmp_path / "a.txt", "\n".join(f"http://a.test/{n}" for n in range(9)).encode())
    rows = list_urls(changed({"urls.path": str(path)}).urls, 9, tmp_path).rows
    assert isinstance(rows, SpooledRows)
    assert len(rows) == 9
    assert [row["image_url"] for row in rows] == [f"http://a.test/{n}" for n in range(9)]


def test_a_list_whose_name_is_no_utf8_is_read(quick, tmp_path):
    for name, text in ((b"caf\xe9.txt", b"http://a.test/1"), (b".ipynb_checkpoints/a.txt", b"x")):
        write(tmp_path / "lists" / os.fsdecode(name), text)
    pd.DataFrame({"url": ["http://a.test/2"]}).to_parquet(tmp_path / "b.parquet")
    (tmp_path / "b.parquet").rename(tmp_path / "lists" / os.fsdecode(b"\xe9.parquet"))
    rows = list_urls(quick("urls", {"urls.path": str(tmp_path / "lists")}).urls, 9, tmp_path).rows
    named = {(row["page_url"], row["image_url"]) for row in rows}
    assert named == {(r"caf\xe9.txt", "http://a.test/1"), (r"\xe9.parquet", "http://a.test/2")}


def test_paths_of_files_are_refused_with_the_source_that_reads_them(quick, tmp_path):
    path = write(tmp_path / "list.txt", b"/home/ada/1.jpg")
    ledger = scraped_ledger(quick("urls", {"urls.path": str(path)}), tmp_path / "raw")
    with pytest.raises(
        UserError, match=r"such as /home/ada/1\.jpg \(expected http.*source: folder"
    ):
        require_pictures(ledger)
