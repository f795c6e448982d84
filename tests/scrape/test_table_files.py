"""Tables in files: every kind gives the same rows, and a broken one is an error with its name."""

import gzip
import json
import os
import tracemalloc

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.errors import UserError
from src.scrape.http.block_pages import LFS_POINTER
from src.scrape.table_files import find_tables, read_records

ROWS = [{"url": "http://a.test/1.jpg", "id": "7"}, {"url": "http://a.test/2.jpg", "id": "8"}]
COLUMNS = ["id", "url"]
VALUES = [["7", "http://a.test/1.jpg"], ["8", "http://a.test/2.jpg"]]


def as_bytes(suffix: str) -> bytes:
    """Return ROWS as a file of a kind holds them."""
    frame = pd.DataFrame(ROWS)
    return {
        ".csv": frame.to_csv(index=False),
        ".tsv": frame.to_csv(index=False, sep="\t"),
        ".json": json.dumps(ROWS, indent=1),
        ".jsonl": "\n".join(map(json.dumps, ROWS)),
    }[suffix].encode()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl"])
def test_every_kind_of_table_gives_the_same_rows(tmp_path, suffix, packed):
    data = as_bytes(suffix)
    file = tmp_path / f"list{suffix}{'.gz' if packed else ''}"
    file.write_bytes(gzip.compress(data) if packed else data)
    assert [list(record.values) for record in read_records(file, COLUMNS)] == VALUES


@pytest.mark.parametrize(("name", "packed"), [("list.csv.gz", False), ("list.csv", True)])
def test_a_gzipped_file_is_known_by_its_content(tmp_path, name, packed):
    data = as_bytes(".csv")
    (tmp_path / name).write_bytes(gzip.compress(data) if packed else data)
    assert [list(record.values) for record in read_records(tmp_path / name, COLUMNS)] == VALUES


def test_a_parquet_file_gives_the_same_rows(tmp_path):
    file = tmp_path / "list.parquet"
    pd.DataFrame(ROWS).to_parquet(file)
    assert [list(record.values) for record in read_records(file, COLUMNS)] == VALUES
    assert [record.number for record in read_records(file, COLUMNS)] == [1, 2]


def test_a_text_file_has_one_value_a_line_and_blank_lines_are_none(tmp_path):
    file = tmp_path / "LIST.TXT"
    file.write_bytes("\ufeff a \r\n\n b\n".encode())
    assert list(read_records(file, ["line"])) == [(1, ["a"]), (3, ["b"])]


def test_a_value_may_hold_delimiters_quotes_and_line_breaks(tmp_path):
    file = tmp_path / "list.csv"
    file.write_bytes(b'id,url\n"a, ""b""\nc",u\n')
    assert list(read_records(file, COLUMNS)) == [(3, ['a, "b"\nc', "u"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(("name", "mark"), [("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t")])
def test_a_list_is_read_as_excel_saves_it_in_any_language(tmp_path, name, mark, encoding):
    text = f'id{mark}"url"\r\n"Zoë, {mark}"{mark}u\r\n'
    (tmp_path / name).write_bytes(text.encode(encoding))
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(text.encode(encoding)))
    for file in (tmp_path / name, packed):
        assert list(read_records(file, COLUMNS)) == [(2, [f"Zoë, {mark}", "u"])]


def test_text_is_read_as_powershell_writes_it(tmp_path):
    (tmp_path / "a.txt").write_bytes("a\r\nb\r\n".encode("utf-16"))
    assert list(read_records(tmp_path / "a.txt", ["line"])) == [(1, ["a"]), (2, ["b"])]


def test_a_json_list_is_read_in_blocks_however_it_is_cut(tmp_path, monkeypatch):
    file = tmp_path / "list.json"
    file.write_bytes(as_bytes(".json"))
    for block in range(1, 80, 7):
        monkeypatch.setattr("src.scrape.table_files.BLOCK_CHARS", block)
        assert [list(record.values) for record in read_records(file, COLUMNS)] == VALUES


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_long_table_takes_no_more_memory_than_a_block(tmp_path, suffix):
    file, n = tmp_path / f"list{suffix}", 150_000
    frame = pd.DataFrame({"url": [f"http://a.test/{i:040d}.jpg" for i in range(n)]})
    if suffix == ".parquet":
        frame.to_parquet(file, row_group_size=10_000)
    elif suffix == ".csv":
        frame.to_csv(file, index=False)
    else:
        frame.to_json(file, orient="records", lines=True)
    tracemalloc.start()
    assert sum(1 for _ in read_records(file, ["url"])) == n
    assert tracemalloc.get_traced_memory()[1] < 24_000_000  # all rows take 30 MB
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"link\nhttp://a.test/1.jpg\n", "no column 'id'; its columns are 'link'"),
        ("a.csv", b"", "no column 'id'; its columns are none"),
        ("a.csv", b"id,url\n1\n", "line 2 has 1 values, expected 2"),
        ("a.csv", b'id,url\n"1,2\n', "line 2 is broken: a quotation mark begins"),
        ("a.tsv", b"id\turl\n\xff\t2\n", 'not in UTF-8: save it so, in Excel as "CSV UTF-8"'),
        ("a.csv", b"id;link\n1;2\n", "no column 'url'; its columns are 'id', 'link'"),
        ("a.json", b'[{"url": 1}]', "no column 'id'; its columns are 'url'"),
        ("a.json", b'[{"url": 1}, {', "expected objects, found '{'"),
        ("a.json", b'["http://a.test/1.jpg"]', r"row 1 is \"http.*, expected an object"),
        ("a.jsonl", b'{"a":' * 100_000, "expected objects"),
        ("a.parquet", b"PAR1", "Parquet"),
        ("a.parquet", LFS_POINTER, "run `git lfs pull`"),
        ("a.parquet.gz", gzip.compress(b"PAR1", mtime=0), "unpack it with gunzip"),
        ("a.csv.gz", gzip.compress(b"id,url\n", mtime=0) + b"<html>", "Not a gzipped file"),
        ("a.csv.gz", gzip.compress(b"id,url\n1,2\n", mtime=0)[:-6], "ended before"),
        ("a.csv", "id,url\n".encode("utf-16-le"), "not in UTF-8"),
        ("a.csv", "id,url\n".encode("utf-16-be"), "not in UTF-8"),
        ("a.csv", "id,url\n".encode("utf-32"), "not in UTF-8"),
        ("a.json", b'[{"id": 1, "url": 2}, ', "it ends within a list, before `]`"),
        ("a.xlsx", b"PK", r"expected a name that ends in \.txt, \.csv"),
    ],
)
def test_a_table_that_cannot_be_read_is_an_error_with_its_name(tmp_path, name, data, message):
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(UserError, match=f"{name} cannot be read as a list: .*{message}"):
        list(read_records(file, COLUMNS))


def test_tables_of_a_folder_are_found_without_other_files(tmp_path):
    for name in ("b.csv", "a/2.txt.gz", "_SUCCESS.txt", ".hidden.csv", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "more").symlink_to(tmp_path)
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    files, others = find_tables(tmp_path)
    assert [file.relative_to(tmp_path).as_posix() for file in files] == ["a/2.txt.gz", "b.csv"]
    assert others.passed_over == {
        "link_to_folder": ["more"],
        "hidden": ["_SUCCESS.txt", ".hidden.csv"],
        "broken_link": ["gone.csv"],
        "other_format": ["notes.md"],
        "special_file": ["pipe.csv"],
    }
    assert find_tables(tmp_path / "notes.md")[0] == [tmp_path / "notes.md"]


def test_the_row_that_breaks_a_csv_file_is_named(tmp_path):
    (tmp_path / "a.csv").write_text('url,id\nhttp://a.test/1,"7\n8"\n"http://a.test/2"x,9\n')
    with pytest.raises(
        UserError, match=r"a\.csv cannot .* the row at line 4 is broken: text follows a value"
    ):
        list(read_records(tmp_path / "a.csv", COLUMNS))


def test_a_broken_row_behind_blank_lines_is_named_by_its_own_line(tmp_path):
    (tmp_path / "a.csv").write_text('id,url\n7,a\n\n \n"x"y,b\n')
    with pytest.raises(UserError, match="the row at line 5 is broken"):
        list(read_records(tmp_path / "a.csv", ["id"]))


def test_other_columns_may_be_long_and_blank_lines_are_no_rows(tmp_path):
    (tmp_path / "a.csv").write_text(f"id,note,url\n \n7,{'x' * 200_000},http://a.test/1\n")
    assert [record.values for record in read_records(tmp_path / "a.csv", ["id"])] == [["7"]]


def test_blank_lines_before_the_header_are_none(tmp_path):
    (tmp_path / "a.csv").write_text("\r\n  \r\nid;url\r\n7;http://a.test/1\r\n", newline="")
    assert [record.values for record in read_records(tmp_path / "a.csv", ["id"])] == [["7"]]


def test_the_row_before_broken_json_is_named(tmp_path):
    rows = [json.dumps({"url": "x" * 999, "n": n}) for n in range(3000)]
    (tmp_path / "a.jsonl").write_text("\n".join([*rows, '{"url": "cut']))
    message = r"starting behind row 3000; expected objects, .* cut short, get all of it"
    with pytest.raises(UserError, match=message):
        list(read_records(tmp_path / "a.jsonl", ["url"]))


def test_what_parquet_holds_and_no_list_can_is_an_error_with_its_name(tmp_path):
    urls = pa.array(["http://a.test/1"])
    twice = pa.Table.from_arrays([urls, urls], names=["url", "url"])
    late = pa.table({"url": pa.array([2**62], pa.timestamp("us"))})
    for table, message in ((twice, "several columns 'url'"), (late, "date value out of range")):
        pq.write_table(table, tmp_path / "a.parquet")
        with pytest.raises(UserError, match=rf"a\.parquet cannot be read as a list: .*{message}"):
            list(read_records(tmp_path / "a.parquet", ["url"]))


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('url\tname\nu1\t"Untitled" by X\n', [("u1", '"Untitled" by X')]),
        (
            'url\tname\nu1\t"open\nu2\tx\nu3\tclose"\n',
            [("u1", '"open'), ("u2", "x"), ("u3", 'close"')],
        ),
        ('url\tname\nu1\t"a ""b"" c"\n', [("u1", 'a "b" c')]),
        (
            '"url"\t"name"\nu1\t"a\tb"\nu2\t"c\nd"\nu3\te\n',
            [("u1", "a\tb"), ("u2", "c\nd"), ("u3", "e")],
        ),
        ('url\tname\r\nu1\t"\r\nu2\t""\r\n', [("u1", '"'), ("u2", "")]),
    ],
)
def test_quotation_marks_between_tabs_may_be_text_or_enclose_it(tmp_path, text, rows):
    (tmp_path / "a.tsv").write_text(text, newline="")
    records = read_records(tmp_path / "a.tsv", ["url", "name"])
    assert [tuple(record.values) for record in records] == rows


def test_a_row_between_tabs_is_named_by_the_line_at_which_it_ends(tmp_path):
    (tmp_path / "a.tsv").write_text('url\tname\nu1\t"c\nd"\n\nu3\te\n')
    numbers = [record.number for record in read_records(tmp_path / "a.tsv", ["url"])]
    assert numbers == [3, 5]


def test_a_quotation_mark_between_tabs_that_nothing_ends_is_an_error_of_its_row(tmp_path):
    (tmp_path / "a.tsv").write_text('url\tname\nu1\tx\n"u2\nu3\ty\n')
    with pytest.raises(UserError, match="the row at line 3 is broken: a quotation mark begins"):
        list(read_records(tmp_path / "a.tsv", ["url"]))


def test_a_missing_column_is_named_with_its_setting_and_few_others(tmp_path):
    header = ",".join([f"column{n}" for n in range(5000)] + ["x" * 90_000])
    (tmp_path / "a.csv").write_text(f"{header}\n")
    with pytest.raises(UserError) as refused:
        list(read_records(tmp_path / "a.csv", ["url"], {"url": "urls.url"}))
    message = str(refused.value)
    assert "no column 'url' (urls.url): set it to one of its columns, 'column0'," in message
    assert message.endswith("'column11' and 4989 more")
    (tmp_path / "a.csv").write_text("x" * 90_000)
    with pytest.raises(UserError, match=r"'x{40}…'$"):
        list(read_records(tmp_path / "a.csv", ["url"]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PAR1" + bytes(20), "it is a Parquet file: name it so"),
        (b"PK\3\4" + bytes(20), "it is a ZIP archive or an Excel file"),
        (gzip.compress(gzip.compress(b"url\n", mtime=0), mtime=0), "it is compressed twice"),
    ],
)
def test_a_file_of_another_kind_than_its_name_says_is_an_error_that_says_its_kind(
    tmp_path, data, message
):
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(UserError, match=message):
        list(read_records(tmp_path / "a.csv", ["url"]))
