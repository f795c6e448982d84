"""The ledger is read as it was written, or refused with the name of the file."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.errors import UserError
from src.storage import ledger
from src.storage.ledger import read_ledger, write_ledger
from tests.builders import ledger_table

ROW = {
    "page": 1,
    "position": 1,
    "item_id": "nm1000001",
    "name": "Zoë O’Brien",
    "page_url": "http://demo.test/list/",
    "image_url": "http://demo.test/images/a.jpg",
    "stated_total": 2,
    "given_side": None,
    "layout": "single",
    "file": "images/a.jpeg",
    "sha256": "ab",
    "bytes": 10,
    "width": 4,
    "height": 5,
    "format": "JPEG",
    "animated": False,
    "status": "ok",
}
ABSENT = {
    **dict.fromkeys(ROW, None),
    "page": 1,
    "position": 2,
    "item_id": "nm1000002",
    "status": "http_404",
}


def _table(*rows: dict) -> pd.DataFrame:
    return pd.DataFrame(
        [{"row": number, **row} for number, row in enumerate(rows)], columns=ledger.SCRAPED.names
    )


def _values(table: pd.DataFrame) -> list[dict]:
    """Plain values, each kind of null as None."""
    return [
        {key: None if pd.isna(value) else value for key, value in row.items()}
        for row in table.to_dict("records")
    ]


def test_a_round_trip_preserves_values_and_nulls(tmp_path: Path):
    write_ledger(_table(ROW, ABSENT), tmp_path / "ledger.parquet", "raw")
    read = read_ledger(tmp_path / "ledger.parquet", "raw")
    none = dict.fromkeys(ledger.OPTIONAL.names)
    assert _values(read) == [{"row": 0, **ROW, **none}, {"row": 1, **ABSENT, **none}]


def test_integers_stay_integers_beside_nulls(tmp_path: Path):
    write_ledger(_table(ROW, ABSENT), tmp_path / "ledger.parquet", "raw")
    read = read_ledger(tmp_path / "ledger.parquet", "raw")
    assert read["bytes"].dtype == pd.Int64Dtype()
    assert read["bytes"][1] is pd.NA


CELLS = {
    "int64": st.integers(-(2**62), 2**62),
    "double": st.floats(allow_nan=False),
    "string": st.text(max_size=6),
    "bool": st.booleans(),
}


@settings(max_examples=25, deadline=None)
@given(data=st.data(), count=st.integers(0, 4))
def test_any_ledger_survives_two_round_trips(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, count: int
):
    fields = [field for field in ledger.schema("split") if field.name != "row"]
    fields += ledger.OPTIONAL
    cells = {field.name: CELLS[str(field.type)] for field in fields}
    cells |= {name: st.sampled_from(words) for name, words in ledger.WORDS.items()}
    cells |= {name: st.none() | cells[name] for name in cells if name not in ledger.OF_ROWS}
    rows = [{name: data.draw(cell) for name, cell in cells.items()} for _ in range(count)]
    table = pd.DataFrame(rows, columns=[field.name for field in fields], dtype=object)
    table.insert(0, "row", range(count))
    folder = tmp_path_factory.mktemp("ledger")
    write_ledger(table, folder / "one.parquet", "split")
    read = read_ledger(folder / "one.parquet", "split")
    assert _values(read) == _values(table)
    write_ledger(read, folder / "two.parquet", "split")
    assert (folder / "one.parquet").read_bytes() == (folder / "two.parquet").read_bytes()


def test_equal_tables_give_equal_bytes(tmp_path: Path):
    table = _table(ROW, ABSENT)
    equal = table.astype({"bytes": "Int64", "width": "Float64"})[table.columns[::-1]]
    equal["scratch"] = 1
    equal.index = ["a", "b"]
    write_ledger(table, tmp_path / "one.parquet", "raw")
    write_ledger(equal, tmp_path / "two.parquet", "raw")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_only_the_columns_of_the_stage_are_written(tmp_path: Path):
    write_ledger(_table(ROW).assign(scratch=1), tmp_path / "ledger.parquet", "raw")
    assert pq.read_schema(tmp_path / "ledger.parquet").equals(ledger.SCRAPED, check_metadata=True)


@pytest.mark.parametrize("written", ["label_url", "label_file"])
def test_columns_of_label_maps_are_written_where_there_is_any(tmp_path: Path, written: str):
    names = ledger.LABEL_FILES.names
    table = _table(ROW, ABSENT).assign(**dict.fromkeys(names))
    write_ledger(table, tmp_path / "none.parquet", "raw")
    table[written] = [None, "B/1.png"]
    write_ledger(table, tmp_path / "some.parquet", "raw")
    columns = [pq.read_schema(tmp_path / f"{file}.parquet").names for file in ("none", "some")]
    assert columns == [ledger.SCRAPED.names, [*ledger.SCRAPED.names, *names]]
    assert read_ledger(tmp_path / "some.parquet", "raw")[written][1] == "B/1.png"


@pytest.mark.parametrize("name", ledger.ORIGIN.names)
def test_dates_and_licences_are_written_where_there_is_any(tmp_path: Path, name: str):
    table = _table(ROW, ABSENT).assign(**dict.fromkeys(ledger.ORIGIN.names))
    table[name] = ["2026-11-22", None]
    write_ledger(table, tmp_path / "ledger.parquet", "raw")
    names = pq.read_schema(tmp_path / "ledger.parquet").names
    assert names == [*ledger.SCRAPED.names, name]
    assert read_ledger(tmp_path / "ledger.parquet", "raw")[name][0] == "2026-11-22"


@pytest.mark.parametrize("rows", [[1, 2], [0, 2], [1, 0], [0, 0]])
def test_rows_with_gaps_or_out_of_order_are_refused(tmp_path: Path, rows: list[int]):
    with pytest.raises(ValueError, match="without gaps"):
        write_ledger(_table(ROW, ROW).assign(row=rows), tmp_path / "ledger.parquet", "raw")
    assert not (tmp_path / "ledger.parquet").exists()


def test_a_table_that_lacks_columns_is_not_written(tmp_path: Path):
    with pytest.raises(ValueError, match="verdict"):
        write_ledger(_table(ROW), tmp_path / "ledger.parquet", "clean")
    assert not (tmp_path / "ledger.parquet").exists()


def test_columns_that_a_file_lacks_are_named(tmp_path: Path):
    write_ledger(_table(ROW), tmp_path / "ledger.parquet", "raw")
    with pytest.raises(UserError, match=r"ledger\.parquet lacks the columns .*verdict") as refused:
        read_ledger(tmp_path / "ledger.parquet", "clean")
    assert "item_id" not in str(refused.value)


def test_a_file_that_another_program_wrote_is_read_or_its_columns_are_named(tmp_path: Path):
    path = tmp_path / "ledger.parquet"
    write_ledger(pd.DataFrame([{"row": 0, **ROW}]), path, "raw")
    table = read_ledger(path, "raw")
    table.assign(width="4").to_parquet(path)
    assert read_ledger(path, "raw")["width"].tolist() == [4]
    table.assign(width="wide").to_parquet(path)
    with pytest.raises(
        UserError, match=r"ledger\.parquet has a column of another type .*wide.*dvc repro"
    ):
        read_ledger(path, "raw")


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        (
            "row",
            [1, 2],
            "has rows that are not numbered 0, 1, … without gaps: `dvc repro` rebuilds",
        ),
        ("row", [0, 0], "has rows that are not numbered"),
        ("row", [0, None], "has rows that are not numbered"),
        ("file", ["images/0.png", None], "has rows without file: `dvc repro` rebuilds it"),
        ("sha256", [None, "0"], "has rows without sha256"),
        ("layout", [None, None], "has rows without layout"),
        (
            "layout",
            ["single", "sidebyside"],
            "has the layout 'sidebyside', expected single, photo_",
        ),
        (
            "given_side",
            [None, "test"],
            "has the given_side 'test', expected train, val: `dvc repro`",
        ),
        ("side", ["dev", "val"], "has the side 'dev', expected train, val"),
    ],
)
def test_a_ledger_that_was_edited_or_cut_is_named_with_the_remedy(
    tmp_path: Path, column: str, values: list, message: str
):
    path = tmp_path / "ledger.parquet"
    table = ledger_table(2).assign(**{column: pd.Series(values, dtype=object)})
    ledger.write_table(table, path, ledger.schema("split"))
    with pytest.raises(UserError) as refused:
        ledger.read_ledger(path, "split")
    assert str(refused.value).startswith(f"{path} {message}")
    if column in ledger.WORDS:
        table = table.assign(**{column: pd.Series([None, None], dtype=object)})
    pictureless = table.assign(row=[0, 1], status="http_404")
    ledger.write_table(pictureless, path, ledger.schema("split"))
    assert len(ledger.read_ledger(path, "split")) == 2


def test_a_pair_of_copies_without_a_row_is_named_with_the_remedy(tmp_path: Path):
    pair = {"row_a": 0, "row_b": None, "hash_distance": 1, "similarity": 1.0}
    table = pd.DataFrame([pair | {"transform": "exact", "certainty": 1.0}])
    ledger.write_table(table, tmp_path / "copies.parquet", ledger.COPIES)
    with pytest.raises(UserError, match=r"copies\.parquet has rows without row_b: `dvc repro`"):
        ledger.read_table(tmp_path / "copies.parquet", ledger.COPIES)


@pytest.mark.parametrize("column", ["page", "position", "item_id", "status"])
def test_what_every_row_has_may_not_be_removed(tmp_path: Path, column: str):
    path = tmp_path / "ledger.parquet"
    table = ledger_table(2, status="http_404")
    table.loc[1, column] = pd.NA
    ledger.write_table(table, path, ledger.schema("split"))
    with pytest.raises(UserError, match=f"has rows without {column}: `dvc repro` rebuilds it"):
        ledger.read_ledger(path, "split")


def test_a_missing_file_is_named_with_the_remedy(tmp_path: Path):
    with pytest.raises(UserError, match=r"ledger\.parquet is missing: run `dvc repro`"):
        read_ledger(tmp_path / "ledger.parquet", "raw")


@pytest.mark.parametrize(
    "data",
    [b"", b"not a table", b"PAR1" + b"\x00" * 40 + b"PAR1"],
    ids=["empty", "text", "zeros between the marks"],
)
def test_a_file_that_is_no_table_is_named(tmp_path: Path, data: bytes):
    (tmp_path / "ledger.parquet").write_bytes(data)
    with pytest.raises(UserError, match=r"ledger\.parquet cannot be read as Parquet") as refused:
        read_ledger(tmp_path / "ledger.parquet", "raw")
    assert "\n" not in str(refused.value)


def test_each_stage_adds_to_the_columns_before_it():
    raw, clean, split = (ledger.schema(stage).names for stage in ("raw", "clean", "split"))
    assert clean[: len(raw)] == raw
    assert split[: len(clean)] == clean
    assert split[len(clean) :] == ["group", "side"]


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_a_large_ledger_is_a_folder_of_files(tmp_path: Path, monkeypatch, rows: int):
    monkeypatch.setattr("src.storage.ledger.ROWS_PER_FILE", 2)
    monkeypatch.setattr("src.storage.ledger.BATCH_ROWS", 1)
    table = pd.DataFrame([{"row": n} | ROW | {"name": f"person {n}"} for n in range(rows)])
    path = tmp_path / "ledger.parquet"
    write_ledger(table, path, "raw")
    assert path.is_dir() == (rows > 2)
    if rows > 2:
        lengths = [len(pq.read_table(file)) for file in sorted(path.iterdir())]
        assert lengths == [2] * (rows // 2) + [1] * (rows % 2)
    read = read_ledger(path, "raw")
    assert list(read["row"]) == list(range(rows))
    assert list(read["name"]) == list(table["name"])


@pytest.mark.parametrize(("before", "after"), [(5, 3), (5, 1), (1, 5), (3, 5)])
def test_a_ledger_replaces_another_of_any_size(
    tmp_path: Path, monkeypatch, before: int, after: int
):
    monkeypatch.setattr("src.storage.ledger.ROWS_PER_FILE", 2)
    monkeypatch.setattr("src.storage.ledger.BATCH_ROWS", 1)
    path = tmp_path / "ledger.parquet"
    for rows in (before, after):
        write_ledger(pd.DataFrame([{"row": n} | ROW for n in range(rows)]), path, "raw")
    assert list(read_ledger(path, "raw")["row"]) == list(range(after))
    assert [p.name for p in tmp_path.iterdir()] == ["ledger.parquet"]
