"""The report: self-contained, honest about failures, and safe with names from the web."""

import base64
import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

from src import images, ledger, split
from src.clean import verdicts
from src.files import write_bytes, write_json, write_text
from src.report import page

HOSTILE = '<script>alert(1)</script>" onerror="alert(2)'
FEW = settings(max_examples=25, deadline=None)
PAIRED = {"l1": 0.1, "psnr": 20.5, "ssim": 0.7, "colorfulness": 12.0, "gray_share": 0.0, "n": 4}
SETS = {"fd_random": 0.5, "kd_random_x1000": 1.25}
VERDICTS = (
    ["keep"] * 5
    + ["grayscale"] * 2
    + ["exact_duplicate", "near_duplicate", "too_small", "unreadable", "missing", "missing"]
)


def table_of(words: list[str], name: str = "Zoë Young") -> pd.DataFrame:
    """A ledger after split with a row for each verdict."""
    rows = []
    for number, word in enumerate(words):
        there = word != "missing"
        copy = word in ("exact_duplicate", "near_duplicate")
        row = dict.fromkeys(ledger.schema("split").names)
        row |= {
            "row": number,
            "page": 1 + number // 5,
            "position": 1 + number % 5,
            "item_id": f"nm{number}",
            "name": name,
            "image_url": f"https://example.test/{number}.png",
            "layout": "photo_left" if copy else "single",
            "file": f"images/{number}.png" if there else None,
            "status": "ok" if there else "http_404",
            "tone_residual": 1.5 if there and word != "unreadable" else None,
            "duplicate_of": 0 if copy else None,
            "similarity": 0.987 if copy else None,
            "verdict": word,
            "group": number if word == "keep" else None,
            "side": ("val" if number == 0 else "train") if word == "keep" else None,
        }
        rows.append(row)
    return pd.DataFrame(rows, columns=ledger.schema("split").names)


def finding(name: str, failed: bool, offenders: list[dict]) -> dict:
    return {
        "name": name,
        "measures": f"what {name} measures",
        "value": 3.0,
        "limit": 0,
        "at_least": False,
        "failed": failed,
        "remedy": f"how to mend {name}",
        "offenders": offenders,
    }


def offender(row: int, name: str) -> dict:
    return {
        "row": row,
        "item_id": f"nm{row}",
        "name": name,
        "page": 2,
        "position": 3,
        "detail": f"is at fault with {row}",
    }


class Artifacts:
    """What the stages before the report leave behind, small and by hand."""

    def __init__(self, folder: Path, name: str = "Zoë Young"):
        self.data, self.metrics = folder / "data", folder / "metrics"
        self.parameters = "source: imdb\nurl: https://example.test/?a=1&b=<2>\n"
        self.table = table_of(VERDICTS, name)
        self.put_picture = lambda row, pixels: write_bytes(
            self.data / "raw" / f"images/{row}.png", images.png(pixels)
        )
        rng = np.random.default_rng(0)
        for row in range(len(self.table)):
            self.put_picture(row, rng.integers(0, 256, (24, 32, 3), np.uint8))
        self.findings = [
            finding("leaked_pictures", True, [offender(n, name) for n in range(9)]),
            finding("train_size", False, [offender(77, name)]),
        ]
        self.history = "step,g_l1,g_gan,d\n1,0.5,0.7,0.6\n2,0.25,0.8,0.5\n"

    def render(self) -> str:
        ledger.write(self.table, self.data / "split" / "ledger.parquet", "split")
        write_json(self.data / "audit" / "findings.json", self.findings)
        for name in ("val", "train"):
            sheet = images.png(np.zeros((9, 9, 3), np.uint8))
            write_bytes(self.data / "samples" / f"{name}.png", sheet)
        gap = {k: 0.0 for k in PAIRED | SETS if k != "n"}
        numbers = {
            "clean": verdicts.counts(self.table),
            "split": split.counts(self.table),
            "train": {"steps": 2, "pictures_seen": 16, "parameters": {"generator": 1_234_567}},
            "evaluate": {
                "val": SETS | PAIRED,
                "train": SETS | PAIRED,
                "gap": gap,
                "floor": {"copy_input": SETS | PAIRED, "real_real": SETS},
            },
            "evaluate_meta": {
                "features": "fd_random",
                "weights": "random, seed 0",
                "versions": {"torch": "2.14.1"},
            },
        }
        for name, value in numbers.items():
            write_json(self.metrics / f"{name}.json", value)
        write_text(self.metrics / "history.csv", self.history)
        write_text(self.metrics / "progress.csv", "step,l1,fd\n1,0.3,2.0\n2,0.2,1.0\n")
        return page.render(self.data, self.metrics, self.parameters)

    def soup(self) -> BeautifulSoup:
        return BeautifulSoup(self.render(), "lxml")


@pytest.fixture
def artifacts(tmp_path) -> Artifacts:
    return Artifacts(tmp_path)


def data_uris(soup: BeautifulSoup) -> list[str]:
    return [str(tag["src"]) for tag in soup.find_all(src=True)]


def test_hostile_names_are_shown_as_text(tmp_path):
    soup = Artifacts(tmp_path, HOSTILE).soup()
    assert soup.find_all("script") == []
    assert not [a for tag in soup.find_all() for a in tag.attrs if a.startswith("on")]
    captions = [c.get_text() for c in soup.find_all("figcaption")]
    assert captions
    assert all(HOSTILE in caption for caption in captions)
    assert all(HOSTILE in figure.img["alt"] for figure in soup.find_all("figure"))
    assert any(HOSTILE in line.get_text() for line in soup.find_all("small"))


def test_nothing_is_loaded_from_elsewhere(artifacts):
    soup = artifacts.soup()
    assert soup.find_all(["link", "script", "iframe", "object", "base"]) == []
    for tag in soup.find_all():
        for attribute in ("src", "href", "srcset", "poster", "data", "action"):
            assert str(tag.get(attribute, "data:")).startswith("data:")
    assert not re.search(r"url\(|@import", soup.style.get_text())


def test_every_picture_in_the_page_can_be_seen(artifacts):
    uris = data_uris(artifacts.soup())
    assert len(uris) == 5 + 2  # the removed ones with a file, and two sheets
    for uri in uris:
        head, _, body = uri.partition(",")
        assert head in ("data:image/png;base64", "data:image/jpeg;base64")
        assert images.decode(base64.b64decode(body, validate=True)).size


def test_failed_checks_are_listed_with_remedy_and_rows(artifacts):
    soup = artifacts.soup()
    text = " ".join(soup.get_text(" ").split())
    verdict = " ".join(soup.select_one(".verdict").get_text().split())
    assert "Do not trust the scores: 1 of 2 checks failed (leaked_pictures)." in verdict
    assert "how to mend leaked_pictures" in text
    assert "row 0, Zoë Young, page 2: is at fault with 0" in text
    assert text.count("is at fault with") == 5


def test_a_passed_check_is_listed_without_remedy_or_rows(artifacts):
    text = artifacts.soup().get_text(" ")
    assert "what train_size measures" in text
    assert "how to mend train_size" not in text
    assert "row 77" not in text


def test_the_page_says_when_all_checks_passed(artifacts):
    for found in artifacts.findings:
        found["failed"] = False
    verdict = artifacts.soup().select_one(".verdict")
    assert "All 2 checks passed" in verdict.get_text()
    assert "good" in verdict["class"]


def test_removed_pictures_are_shown_with_their_reason(artifacts):
    soup = artifacts.soup()
    captions = {c.get_text() for c in soup.find_all("figcaption")}
    assert captions == {
        "row 5, Zoë Young: tone 1.5",
        "row 6, Zoë Young: tone 1.5",
        "row 7, Zoë Young: copy of row 0, similarity 0.987",
        "row 8, Zoë Young: copy of row 0, similarity 0.987",
        "row 9, Zoë Young: tone 1.5",
    }
    titles = [summary.get_text() for summary in soup.find_all("summary")]
    assert "Removed as near duplicate (the first 1)" in titles


def test_only_the_photograph_of_a_pair_is_shown(artifacts):
    pixels = np.zeros((16, 64, 3), np.uint8)
    pixels[:, :32] = (200, 30, 30)
    artifacts.put_picture(7, pixels)
    artifacts.render()
    [shown] = page.gallery(artifacts.table, "exact_duplicate", artifacts.data / "raw")
    found = images.decode(base64.b64decode(shown.uri.partition(",")[2]))
    assert np.abs(found.astype(int) - (200, 30, 30)).max() < 8


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 200), (200, 1), (2, 500)])
def test_a_removed_picture_of_any_shape_is_shown(artifacts, height, width):
    artifacts.put_picture(9, np.zeros((height, width, 3), np.uint8))
    assert len(data_uris(artifacts.soup())) == 7


def test_a_tall_picture_does_not_fill_the_page(artifacts):
    artifacts.put_picture(9, np.zeros((3000, 2, 3), np.uint8))
    artifacts.render()
    [shown] = page.gallery(artifacts.table, "too_small", artifacts.data / "raw")
    found = images.decode(base64.b64decode(shown.uri.partition(",")[2]))
    assert found.shape[0] <= 10 * page.THUMBNAIL


def test_long_galleries_are_cut(artifacts):
    artifacts.table = table_of(["grayscale"] * 40)
    for row in range(40):
        artifacts.put_picture(row, np.zeros((8, 8, 3), np.uint8))
    assert len(page.gallery(artifacts.table, "grayscale", artifacts.data / "raw")) == page.SHOWN


def test_the_parameters_are_shown_as_they_are(artifacts):
    assert artifacts.soup().pre.get_text() == artifacts.parameters


def test_scores_stand_in_their_rows(artifacts):
    rows = [
        [cell.get_text() for cell in row.find_all(["th", "td"])]
        for row in artifacts.soup().find_all("table")[1].find_all("tr")
    ]
    assert rows[0] == ["", *SETS, *PAIRED]
    titles = [row[0] for row in rows[1:]]
    assert titles == ["validation", "training", "gap", "input copied", "real vs real"]
    assert rows[1][1:] == [str(v) for v in (SETS | PAIRED).values()]
    assert rows[5][1:] == [*(str(v) for v in SETS.values()), *[""] * len(PAIRED)]


def test_random_features_are_not_called_fid(artifacts):
    assert "not FID" in artifacts.soup().get_text()


def test_the_page_is_the_same_twice(artifacts):
    assert artifacts.render() == artifacts.render()


@FEW
@given(st.lists(st.sampled_from(verdicts.VERDICTS), max_size=40))
def test_the_funnel_adds_up(words):
    table = table_of(words)
    steps = page.funnel({"clean": verdicts.counts(table), "split": split.counts(table)})
    assert steps[0][:2] == ("listed", len(words))
    for (_, before, _), (name, after, lost) in pairwise(steps[:-1]):
        assert before - after == int(lost.split()[0]), name
    assert steps[-1][1] == steps[-2][1] == words.count("keep")
    assert steps[-1][1] == sum(map(int, re.findall(r"\d+", steps[-1][2])))


def test_a_chart_spans_its_frame():
    svg = page.chart({"a": [(1, 5.0), (2, 7.0), (3, 6.0)]})
    points = re.search(r'points="([^"]+)"', svg)[1].split()
    assert points == ["8.0,142.0", "280.0,8.0", "552.0,75.0"]
    assert "a: 5 to 7" in svg


@pytest.mark.parametrize("points", [[(1, 2.0)], [(1, 2.0), (2, 2.0)], [(1, -1e9), (2, 1e9)]])
def test_a_flat_or_single_point_is_charted(points):
    numbers = re.findall(r"[\d.]+", re.search(r'points="([^"]+)"', page.chart({"a": points}))[1])
    assert len(numbers) == 2 * len(points)
    assert all(0 <= float(number) <= 560 for number in numbers)


def test_a_training_without_discriminator_is_charted(artifacts):
    artifacts.history = "step,g_l1\n1,0.5\n2,0.25\n"
    charts = artifacts.soup().find_all("svg")
    assert len(charts) == 3
    assert "g_l1: 0.25 to 0.5" in charts[0].get_text()


def test_metrics_may_name_more_than_the_page_shows(artifacts):
    write_json(artifacts.metrics / "other.json", json.loads('{"a": {"b": 1}}'))
    assert artifacts.soup().h1
