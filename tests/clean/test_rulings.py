"""A person's lists of pairs overrule the search, or are refused in one line."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from src.clean import copies, measure, rulings, verdicts
from src.clean.copies import Copy, Pair
from src.clean.rulings import Rulings
from src.demo.inventory import alter
from src.errors import UserError
from src.params import Clean
from src.split import assignment
from src.storage.encoding import encode_jpeg
from src.storage.ledger import COPIES, read_ledger, write_ledger
from tests.builders import ledger_table
from tests.conftest import DEFAULTS, ROOT

PARAMS = DEFAULTS
CLEAN = PARAMS.clean


class Pictures:
    """Files in a folder, cleaned with rulings."""

    def __init__(self, folder: Path, files: list[bytes]):
        for number, data in enumerate(files):
            (folder / f"{number}.jpeg").write_bytes(data)
        rows = [
            {"file": f"{n}.jpeg", "sha256": str(n), "item_id": f"nm{n}"} for n in range(len(files))
        ]
        self.table = ledger_table(rows, "raw")
        self.measurements = measure.measure_pictures(self.table, folder)

    def clean(
        self, excluded: list[Pair] = (), forced: list[Pair] = (), **changes: object
    ) -> tuple[pd.DataFrame, dict[Pair, Copy]]:
        lists = ({pair: f"{pair}" for pair in pairs} for pairs in (excluded, forced))
        settings = CLEAN.model_copy(update=changes)
        return verdicts.assign_verdicts(self.table, self.measurements, settings, Rulings(*lists))


@pytest.fixture
def pictures(faces: list[np.ndarray], tmp_path: Path) -> Pictures:
    """An original, its cropped copy, a stranger, another file of the original's pixels, no picture."""
    original = encode_jpeg(faces[0])
    cropped = alter(faces[0], "cropped", np.random.default_rng(0))
    equal = original[:2] + b"\xff\xfe\x00\x04hi" + original[2:]
    return Pictures(tmp_path, [original, cropped, encode_jpeg(faces[1]), equal, b"<html>"])


def test_without_rulings_the_search_decides(pictures: Pictures):
    table, pairs = pictures.clean()
    assert list(pairs) == [(0, 1), (0, 3)]
    assert list(table["verdict"][:4]) == ["keep", "near_duplicate", "keep", "exact_duplicate"]
    assert 0 < table["certainty"][1] < table["certainty"][3] == 1
    assert table[["excluded", "forced"]].isna().all(axis=None)


def test_an_excluded_pair_is_no_copy_any_more(pictures: Pictures):
    table, pairs = pictures.clean(excluded=[(0, 1)])
    assert list(pairs) == [(0, 3)]
    assert list(table["verdict"][:3]) == ["keep"] * 3
    assert pd.isna(table["duplicate_of"][1])
    assert [table["excluded"][row] for row in (0, 1, 3)] == ["1", "0", "1"]
    assert _groups(table, pairs) == [0, 1, 2]


def test_an_excluded_picture_stands_for_all_that_are_equal_to_it(pictures: Pictures):
    table, pairs = pictures.clean(excluded=[(1, 3)])
    assert list(pairs) == [(0, 3)]
    assert table["excluded"][1] == "0"  # the one that is kept
    table, _ = pictures.clean(excluded=[(1, 3)], duplicates="keep")
    assert table["excluded"][1] == "0 3"


def test_a_forced_pair_is_a_copy_as_any_other(pictures: Pictures):
    table, pairs = pictures.clean(forced=[(0, 2)])
    forced = pairs[0, 2]
    assert (forced.transform, forced.certainty) == ("forced", None)
    assert forced.similarity < CLEAN.similarity
    assert forced.hash_distance > 0
    rows = [row for row in (0, 2) if table["verdict"][row] == "near_duplicate"]
    assert len(rows) == 1
    assert table["duplicate_of"][rows[0]] == 2 - rows[0]
    assert table["transform"][rows[0]] == "forced"


def test_a_forced_pair_is_in_one_group(pictures: Pictures):
    table, pairs = pictures.clean(forced=[(1, 2)], duplicates="keep")
    assert [table["forced"][row] for row in (1, 2)] == ["2", "1"]
    assert _groups(table, pairs) == [0, 0, 0, 0]


def _groups(table: pd.DataFrame, pairs: dict[Pair, Copy]) -> list[int]:
    """Return the groups of the kept rows."""
    split = assignment.assign_sides(table, copies.to_table(pairs), PARAMS.split, 0)
    return split["group"].dropna().tolist()


def test_a_forced_pair_that_is_proven_keeps_its_proof(pictures: Pictures):
    proven, ruled = pictures.clean()[1], pictures.clean(forced=[(0, 1), (0, 3)])[1]
    assert ruled == proven


def test_rulings_survive_in_the_ledger(pictures: Pictures, tmp_path: Path):
    table, pairs = pictures.clean(excluded=[(0, 1)], forced=[(1, 2)])
    write_ledger(table, tmp_path / "ledger.parquet", "clean")
    read = read_ledger(tmp_path / "ledger.parquet", "clean")
    assert read["excluded"].fillna("").tolist() == ["1", "0", "", "1", ""]
    assert read["certainty"].isna().tolist() == [True, True, True, False, True]
    assert copies.to_table(pairs)["transform"].tolist() == ["exact", "forced"]
    assert list(copies.to_table(pairs)) == COPIES.names


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"excluded": [(0, 3)]}, r"\(0, 3\): both pictures have the pixels of row 0"),
        ({"excluded": [(0, 1)], "forced": [(1, 3)]}, r"\(0, 1\): the pair is also in \(1, 3\)"),
        ({"excluded": [(0, 4)]}, r"\(0, 4\): row 4 has no picture that can be read"),
        ({"forced": [(0, 4)]}, r"\(0, 4\): row 4 has no picture that can be read"),
    ],
)
def test_a_ruling_that_cannot_hold_is_refused(pictures: Pictures, lists: dict, message: str):
    with pytest.raises(UserError, match=message):
        pictures.clean(**lists)


# The lists


@pytest.fixture
def table() -> pd.DataFrame:
    """Six rows, of which 4 and 5 have one file."""
    files = ["images/aa.jpeg", "images/bb.jpeg", "images/00001.zip/cc.jpeg", None]
    return ledger_table(
        [{"file": file} for file in (*files, "images/ee.png", "images/ee.png")], "raw"
    )


def _lists(folder: Path, excluded: str | bytes, forced: str = "a,b\n") -> Clean:
    data = excluded if isinstance(excluded, bytes) else excluded.encode()
    (folder / "exclude.csv").write_bytes(data)
    (folder / "force.csv").write_text(forced, encoding="utf-8")
    paths = {"exclude": str(folder / "exclude.csv"), "force": str(folder / "force.csv")}
    return CLEAN.model_copy(update=paths)


def test_a_list_names_rows_files_or_ids(table: pd.DataFrame, tmp_path: Path):
    lines = "\ufeffa,note,b\r\n2,same sitter,1\r\n\r\naa,,images/bb.jpeg\r\ncc.jpeg, ,nm0000004\r\n"
    ruled = rulings.read(_lists(tmp_path, lines, "b,a\n0,ee\n4,0\n"), table)
    file = tmp_path / "exclude.csv"
    assert ruled.excluded == {
        (1, 2): f"{file}, line 2",
        (0, 1): f"{file}, line 4",
        (2, 4): f"{file}, line 5",
    }
    assert ruled.forced == {(0, 4): f"{tmp_path / 'force.csv'}, line 2"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("a,b\n0,1\n0,6\n", "line 3: b: '6' is no row (0 to 5), item id or file of the ledger"),
        ("a,b\n-1,1\n", "line 2: a: '-1' is no row (0 to 5)"),
        ("a,b\n,1\n", "line 2: a: '' is no row"),
        ("a,b\n0\n", "line 2: b: '' is no row"),
        ("a,b\n1,bb\n", "line 2: a = '1' and b = 'bb' are one picture (row 1), expected two"),
        ("a,b\n4,5\n", "are one picture (rows 4 and 5, which have one file), expected two"),
        ("a;b\n1;2\n", "line 1: the column a is missing in 'a;b', expected the columns a,b"),
        ("0,1\n", "line 1: the column a is missing in '0,1'"),
        ("", "line 1: the column a is missing in ''"),
        ("a,b,a\n0,1,2\n", "line 1: several columns a, expected one"),
        (b"a,b\n\xff,1\n", "cannot be read as CSV in UTF-8"),
        ('a,b\n"0,1\n', "cannot be read as CSV in UTF-8: unexpected end of data"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number(
    table: pd.DataFrame, tmp_path: Path, lines: str | bytes, message: str
):
    with pytest.raises(UserError) as refused:
        rulings.read(_lists(tmp_path, lines), table)
    assert message in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "exclude.csv"))
    assert "\n" not in str(refused.value)


def test_a_device_in_place_of_a_list_is_refused_unread(table: pd.DataFrame, tmp_path: Path):
    lists = _lists(tmp_path, "a,b\n").model_copy(update={"force": "/dev/null"})
    with pytest.raises(UserError, match=r"^/dev/null \(clean\.force\) cannot be read .*a device"):
        rulings.read(lists, table)


def test_a_missing_list_is_refused_with_its_parameter(table: pd.DataFrame, tmp_path: Path):
    lists = _lists(tmp_path, "a,b\n").model_copy(update={"force": str(tmp_path / "gone.csv")})
    with pytest.raises(UserError, match=r"gone\.csv is missing, which clean\.force names"):
        rulings.read(lists, table)


def test_clean_reruns_when_a_list_changes_and_the_projects_own_lists_rule_nothing():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert {"${clean.exclude}", "${clean.force}"} <= set(stages["clean"]["deps"])
    for path in (CLEAN.exclude, CLEAN.force):
        assert (ROOT / path).read_text(encoding="utf-8").splitlines() == ["a,b,note"]
