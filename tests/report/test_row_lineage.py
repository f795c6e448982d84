"""Where a picture comes from and what later stages wrote about it, in full."""

import pandas as pd
import pytest

from src.errors import UserError
from src.report.row_lineage import downstream, lineage
from src.storage.atomic import write_json
from src.storage.ledger import read_ledger
from tests.report.artifacts import Artifacts, offender


def written_ledger(artifacts: Artifacts) -> pd.DataFrame:
    artifacts.write()
    return read_ledger(artifacts.data / "split" / "ledger.parquet", "split")


def facts_of(artifacts: Artifacts, row: int) -> dict[str, str]:
    facts = lineage(written_ledger(artifacts), artifacts.copies(), row)
    assert len(dict(facts)) == len(facts)
    return dict(facts)


# --- the lineage of a row


def test_a_kept_row_is_traced_from_its_page_to_its_side(artifacts):
    assert facts_of(artifacts, 6) == {
        "listed": "page 2, position 2",
        "item": "nm6, Zoë Young",
        "page": "https://example.test/list?page=1",
        "picture": "https://example.test/6.png",
        "fetched": "data/raw/images/6.png (32x24 PNG, 1234 bytes)",
        "verdict": "keep",
        "colour": "tone residual 1.50, colorfulness 20.0",
        "side": "train, in the group of row 6",
    }


def test_a_picture_of_the_web_has_its_date_and_its_licence(artifacts):
    table = written_ledger(artifacts).assign(date="2026-11-22", licence="CC0")
    facts = dict(lineage(table, artifacts.copies(), 6))
    assert (facts["date"], facts["licence"]) == ("2026-11-22", "CC0")


@pytest.mark.parametrize(
    ("file", "shown"),
    [("images/a.png", "B/6.png, data/raw/images/a.png"), (None, "B/6.png")],
)
def test_a_label_map_in_a_file_of_its_own_is_named(artifacts, file, shown):
    table = written_ledger(artifacts).assign(label_url="B/6.png", label_file=file)
    assert dict(lineage(table, artifacts.copies(), 6))["label map"] == shown


def test_a_kept_row_names_its_copies(artifacts):
    facts = facts_of(artifacts, 0)
    assert facts["copies"] == (
        "row 10 (cropped, similarity 0.987), row 11 (cropped, similarity 0.987)"
    )
    assert facts["side"] == "val, in the group of row 0"


@pytest.mark.parametrize(("row", "verdict"), [(10, "exact_duplicate"), (11, "near_duplicate")])
def test_a_removed_copy_names_what_was_kept_instead(artifacts, row, verdict):
    facts = facts_of(artifacts, row)
    assert facts["verdict"] == f"{verdict} of row 0, similarity 0.987"
    assert "side" not in facts
    assert facts["copies"] == "row 0 (cropped, similarity 0.987)"


def test_a_gray_copy_names_the_picture_that_it_is_a_copy_of(artifacts):
    [gray, *_] = artifacts.rows("grayscale")
    copies = artifacts.copies()
    copies.loc[len(copies)] = [2, gray, 0.96, 7, "recoloured", 0.4]
    facts = dict(lineage(written_ledger(artifacts), copies, gray))
    assert facts["verdict"] == "grayscale"
    assert facts["copies"] == "row 2 (recoloured, similarity 0.960)"


def test_a_persons_rulings_are_named(artifacts):
    artifacts.table.loc[0, ["excluded", "forced"]] = ["7 40", "11"]
    facts = facts_of(artifacts, 0)
    assert facts["ruling"] == (
        "no copy of rows 7, 40 (clean.exclude); a copy of row 11 (clean.force)"
    )


def test_a_missing_row_says_why_there_is_no_file(artifacts):
    facts = facts_of(artifacts, 14)
    assert (facts["fetched"], facts["verdict"]) == ("no: http_404", "missing")
    assert not {"colour", "side", "copies"} & set(facts)


def test_an_unreadable_row_has_a_file_and_no_colour(artifacts):
    facts = facts_of(artifacts, 13)
    assert facts["fetched"].startswith("data/raw/images/13.png (")
    assert facts["verdict"] == "unreadable"
    assert "colour" not in facts


def test_a_file_on_disk_has_neither_page_nor_name(artifacts):
    artifacts.table[["page_url", "image_url", "name"]] = None
    facts = facts_of(artifacts, 3)
    assert facts["page"] == "none, a file on disk"
    assert facts["picture"] == "none"
    assert facts["item"] == "nm3, without a name"


def test_a_copy_that_was_kept_still_names_its_twin(artifacts):
    artifacts.table.loc[5, ["duplicate_of", "similarity"]] = [4, 0.95]
    assert facts_of(artifacts, 5)["verdict"] == "keep of row 4, similarity 0.950"
    assert facts_of(artifacts, 4)["copies"] == "row 5 (cropped, similarity 0.950)"


def test_every_row_has_a_lineage_of_text(artifacts):
    table = written_ledger(artifacts)
    for row in range(len(table)):
        parts = [part for fact in lineage(table, artifacts.copies(), row) for part in fact]
        assert all(isinstance(part, str) and part for part in parts)
        assert not {"nan", "None", "<NA>"} & set(parts)


# --- what later stages wrote about it


def facts_downstream(artifacts: Artifacts, row: int) -> list[tuple[str, str]]:
    artifacts.write()
    return downstream(artifacts.data, row)


def test_a_validation_row_has_a_neighbour_scores_and_findings(artifacts):
    artifacts.review[0]["offenders"] = [offender(1, "Zoë Young")]
    assert facts_downstream(artifacts, 1) == [
        ("nearest in training", "row 7, similarity 0.51"),
        ("scores", "l1 0.11, psnr 20.0, ssim 0.5"),
        ("leaked_pictures (failed)", "is at fault with 1"),
        ("lost_color (passed)", "is at fault with 1"),
    ]


def test_a_validation_row_like_no_training_picture_names_none(artifacts):
    artifacts.write()
    entry = {"row": 1, "train_row": 0, "similarity": -1.0, "copy": False}
    write_json(artifacts.data / "audit" / "nearest.json", [entry])
    assert downstream(artifacts.data, 1)[0] == ("nearest in training", "no picture is similar")


def test_a_training_row_has_neither_neighbour_nor_scores(artifacts):
    artifacts.findings = []
    assert facts_downstream(artifacts, 6) == []


def test_a_row_twice_at_fault_is_listed_twice(artifacts):
    artifacts.findings[0]["offenders"] = [offender(6, ""), offender(6, "")]
    assert len(facts_downstream(artifacts, 6)) == 2


def test_stages_that_did_not_run_are_left_out(artifacts, tmp_path):
    assert downstream(tmp_path / "nowhere", 1) == []


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "null"])
@pytest.mark.parametrize(
    "name", ["audit/nearest.json", "review/findings.json", "predictions/scores.csv"]
)
def test_a_file_that_was_damaged_is_named(artifacts, name: str, text: str):
    artifacts.write()
    (artifacts.data / name).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=name):
        downstream(artifacts.data, 1)
