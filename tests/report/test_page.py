"""The report: self-contained, honest about failures, and safe with names from the web."""

import base64
import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup, Tag
from hypothesis import given, settings
from hypothesis import strategies as st

from src.clean import verdicts
from src.dataset import arrays, inputs
from src.imaging import decoding
from src.pair.pairing import square_crop
from src.params import read_params
from src.report import figures, page
from src.report.figures import Album
from src.split import assignment
from src.storage import ledger
from src.storage.atomic import write_json, write_text
from src.storage.encoding import encode_png
from src.storage.ledger import write_ledger
from tests.conftest import ROOT

HOSTILE = '<script>alert(1)</script>" onerror="alert(2)'
HOSTILE_URL = 'javascript:alert(1)//"><img src=x onerror=alert(1)>'
FEW = settings(max_examples=25, deadline=None)
SIZE = 16
PAIRED = {"l1": 0.1, "psnr": 20.5, "ssim": 0.7, "colorfulness": 12.0, "gray_share": 0.0, "n": 3}
SETS = {"fd_random": 0.5, "kd_random_x1000": 1.25}
# rows 0-7, 8-9, 10, 11, 12, 13 and 14-15; of the kept ones the first are validation's
VERDICTS = (
    ["keep"] * 8
    + ["grayscale"] * 2
    + ["exact_duplicate", "near_duplicate", "too_small", "unreadable", "missing", "missing"]
)


def table_of(words: Sequence[str], name: str | None = "Zoë Young", val: int = 3) -> pd.DataFrame:
    """A ledger after split with a row for each verdict; the first `val` kept rows are validation's."""
    rows = []
    kept = 0
    for number, word in enumerate(words):
        there, keep = word != "missing", word == "keep"
        copy = word in ("exact_duplicate", "near_duplicate")
        side = ("val" if kept < val else "train") if keep else None
        kept += keep
        row = dict.fromkeys(ledger.schema("split").names)
        row |= {
            "row": number,
            "page": 1 + number // 5,
            "position": 1 + number % 5,
            "item_id": f"nm{number}",
            "name": name,
            "page_url": "https://example.test/list?page=1",
            "image_url": f"https://example.test/{number}.png",
            "layout": "photo_left" if copy else "single",
            "file": f"images/{number}.png" if there else None,
            "bytes": 1234 if there else None,
            "width": 32 if there else None,
            "height": 24 if there else None,
            "format": "PNG" if there else None,
            "animated": False if there else None,
            "status": "ok" if there else "http_404",
            "tone_residual": 1.5 if there and word != "unreadable" else None,
            "colorfulness": 20.0 if there and word != "unreadable" else None,
            "duplicate_of": 0 if copy else None,
            "similarity": 0.987 if copy else None,
            "verdict": word,
            "group": number if keep else None,
            "side": side,
        }
        rows.append(row)
    return pd.DataFrame(rows, columns=ledger.schema("split").names)


def finding(name: str, failed: bool, offenders: list[dict], severity: str = "stop") -> dict:
    return {
        "name": name,
        "description": f"what {name} measures",
        "value": 3.0,
        "limit": 0,
        "thresholds": {"leak_similarity": 0.93},
        "at_least": False,
        "failed": failed,
        "severity": severity,
        "remedy": f"how to mend {name}",
        "offenders": offenders,
    }


def offender(row: int, name: str | None) -> dict:
    return {
        "row": row,
        "detail": f"is at fault with {row}",
        "item_id": f"nm{row}",
        "name": name or "",
        "page": 2,
        "position": 3,
    }


def tint(row: int, part: str) -> tuple[int, int, int]:
    """A colour that tells a row's file, photo, labels and output apart, also after JPEG."""
    return (
        20 + 12 * (row % 20),
        {"file": 40, "photo": 100, "labels": 160, "output": 220}[part],
        60,
    )


def flat(color: tuple[int, int, int], height: int = SIZE, width: int = SIZE) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def put(path: Path, data: bytes) -> None:
    """A file, without the sync to disk that takes long over hundreds of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


class Artifacts:
    """What the stages before the report leave behind, small and by hand."""

    def __init__(
        self,
        folder: Path,
        name: str | None = "Zoë Young",
        words: Sequence[str] = VERDICTS,
        val: int = 3,
    ):
        self.folder, self.data, self.metrics = folder, folder / "data", folder / "metrics"
        self.p = read_params(ROOT / "params.yaml")
        self.parameters = "source: imdb\nurl: https://example.test/?a=1&b=<2>\n"
        self.experiment = "experiment wiry-ants on 0123456789"
        self.labels = False
        self.table = table_of(words, name, val)
        for row in self.table.loc[self.table["file"].notna(), "row"]:
            self.put_picture(row, flat(tint(row, "file"), 24, 32))
        for row in self.rows("unreadable"):
            put(self.data / "raw" / f"images/{row}.png", b"<html>not found</html>")
        val_rows, train_rows = self.sides()
        self.l1 = {row: 0.1 + 0.01 * at for at, row in enumerate(val_rows)}
        self.nearest = [
            {"row": row, "train_row": train_rows[-1], "similarity": 0.5 + 0.01 * at}
            for at, row in enumerate(val_rows)
            if train_rows
        ]
        self.findings = [
            finding("leaked_pictures", True, [offender(n, name) for n in range(9)]),
            finding("train_size", False, [offender(77, name)]),
        ]
        self.review = [finding("lost_color", False, [], "warn")]
        self.history = (
            "step,d,d_right_on_real,d_right_on_fake,g_l1,g_gan\n"
            "1,0.6,0.5,0.4,0.5,0.7\n2,0.5,0.6,0.5,0.25,0.8\n"
        )

    def rows(self, verdict: str) -> list[int]:
        return [int(row) for row in self.table.loc[self.table["verdict"] == verdict, "row"]]

    def sides(self) -> list[list[int]]:
        sided = {side: self.table["side"] == side for side in ("val", "train")}
        return [[int(row) for row in self.table.loc[at, "row"]] for at in sided.values()]

    def put_picture(self, row: int, pixels: np.ndarray) -> None:
        put(self.data / "raw" / f"images/{row}.png", encode_png(pixels))

    def put_pairs(self, side: str, photos: np.ndarray, rows: list[int]) -> None:
        parts = {
            "photo": photos,
            "gray": inputs.to_gray(photos),
            "canny": np.full(photos.shape[:3], 255, np.uint8),
        }
        if self.labels:
            labels = [flat(tint(row, "labels")) for row in rows]
            parts["labels"] = np.array(labels, np.uint8).reshape(photos.shape)
        index = self.table.loc[rows, ["row", "item_id", "name"]]
        arrays.save(self.data / "pairs", side, parts, index)

    def write(self) -> None:
        write_ledger(self.table, self.data / "split" / "ledger.parquet", "split")
        write_json(self.data / "audit" / "findings.json", self.findings)
        write_json(self.data / "review" / "findings.json", self.review)
        write_json(self.data / "audit" / "nearest.json", self.nearest)
        for side, rows in zip(("val", "train"), self.sides(), strict=True):
            photos = [flat(tint(row, "photo")) for row in rows]
            self.put_pairs(side, np.array(photos, np.uint8).reshape(-1, SIZE, SIZE, 3), rows)
        scores = []
        for row in self.sides()[0]:
            output = encode_png(flat(tint(row, "output")))
            put(self.data / "predictions" / f"{row:06d}.png", output)
            named = dict(self.table.loc[row, ["row", "item_id", "name"]])
            measured = {"l1": self.l1[row], "psnr": 20.0, "ssim": 0.5, "colorfulness": 3.0}
            scores.append(named | measured | {"gray": 0})
        csv = pd.DataFrame(scores).to_csv(index=False, float_format="%.4f")
        write_text(self.data / "predictions" / "scores.csv", csv)
        gap = {k: 0.0 for k in SETS | PAIRED if k != "n"}
        numbers = {
            "clean": verdicts.counts(self.table),
            "split": assignment.counts(self.table),
            "train": {
                "steps": 2,
                "pictures_seen": 16,
                "parameters": {"generator": 1_234_567},
                "best": {"step": 2, "l1": 0.2},
            },
            "evaluate": {
                "val": SETS | PAIRED,
                "train": SETS | PAIRED,
                "gap": gap,
                "floor": {
                    "copy_input": SETS | PAIRED,
                    "mean_color": SETS | PAIRED,
                    "real_real": SETS,
                },
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
        write_text(
            self.metrics / "progress.csv",
            "step,l1,psnr,ssim,fd\n1,0.3,20,0.5,2.0\n2,0.2,22,0.6,1.0\n",
        )

    def html(self) -> str:
        """The page of what is written."""
        return page.render(self.data, self.metrics, self.p, self.parameters, self.experiment)

    def render(self) -> str:
        self.write()
        return self.html()

    def soup(self) -> BeautifulSoup:
        return BeautifulSoup(self.render(), "lxml")

    def album(self) -> Album:
        self.write()
        return Album(self.data)


@pytest.fixture
def artifacts(tmp_path) -> Artifacts:
    return Artifacts(tmp_path)


def text_of(tag: Tag | None) -> str:
    """A tag's text as it is read: whitespace collapsed, without marks that isolate directions."""
    assert tag is not None
    return plain(" ".join(tag.get_text().split()))


def plain(text: str) -> str:
    return re.sub("[\u2066-\u2069]", "", text)


def captions(soup: BeautifulSoup, selector: str) -> list[str]:
    return [text_of(c) for c in soup.select(f"{selector} figcaption")]


def pixels_of(uri: str | None) -> np.ndarray:
    assert uri is not None
    return decoding.decode(base64.b64decode(uri.partition(",")[2], validate=True))


def shows(uri: str | None, color: tuple[int, int, int] | np.ndarray) -> bool:
    """Whether a picture is of that flat colour, as far as JPEG keeps it."""
    return bool(np.abs(pixels_of(uri).astype(int) - color).max() < 8)


# --- safe with what comes from the web


def test_hostile_names_are_shown_as_text(tmp_path):
    made = Artifacts(tmp_path, HOSTILE)
    made.table["page_url"] = made.table["image_url"] = HOSTILE_URL
    made.table["item_id"] = HOSTILE
    soup = made.soup()
    assert soup.find_all("script") == []
    assert not [a for tag in soup.find_all() for a in tag.attrs if a.startswith("on")]
    for place in ("#removed-grayscale", "#copies", "#check-leaked_pictures"):
        assert captions(soup, place)
        assert all(HOSTILE in caption for caption in captions(soup, place))
        assert all(HOSTILE in img["alt"] for img in soup.select(f"{place} img"))
    assert any(HOSTILE in line.get_text() for line in soup.select("#removed-missing li"))
    assert any(HOSTILE in line.get_text() for line in soup.select("#check-leaked_pictures small"))
    told = [dd.get_text() for dd in soup.find_all("dd")]
    assert HOSTILE_URL in told
    assert f"{HOSTILE}, {HOSTILE}" in told


def test_hostile_parameters_and_experiment_are_shown_as_text(artifacts):
    artifacts.parameters = artifacts.experiment = HOSTILE
    soup = artifacts.soup()
    assert soup.find_all("script") == []
    assert soup.pre.get_text() == HOSTILE
    assert HOSTILE in soup.header.small.get_text()


def test_nothing_is_loaded_from_elsewhere(artifacts):
    artifacts.table["page_url"] = HOSTILE_URL
    soup = artifacts.soup()
    assert soup.find_all(["script", "iframe", "object", "base", "form"]) == []
    assert [link["href"] for link in soup.find_all("link")] == ["data:,"]
    for tag in soup.find_all():
        for attribute in ("src", "href", "srcset", "poster", "data", "action"):
            assert str(tag.get(attribute, "data:")).startswith(("data:", "#"))
        assert "style" not in tag.attrs
    assert not re.search(r"url\(|@import", soup.style.get_text())


def test_every_picture_in_the_page_can_be_seen(artifacts):
    shown = artifacts.soup().find_all("img")
    # removed, copies, offenders, closest, pairs, samples: three times the three of validation
    assert len(shown) == 3 + 3 + 9 + 3 * 2 + 3 * 3 + 3 * 3 * 4
    for img in shown:
        head, _, body = str(img["src"]).partition(",")
        assert head == "data:image/jpeg;base64"
        assert decoding.decode(base64.b64decode(body, validate=True)).size
        assert img["alt"]


def test_the_page_is_the_same_twice(artifacts):
    assert artifacts.render() == artifacts.render()


def test_a_page_full_of_pictures_stays_under_five_megabytes(tmp_path, faces):
    words = ["keep"] * 120 + ["grayscale", "too_small", "unreadable", "missing"] * 30
    made = Artifacts(tmp_path, words=words + ["exact_duplicate"] * 240, val=40)
    copies = made.rows("exact_duplicate")
    made.table.loc[copies, "duplicate_of"] = [at // 8 for at in range(len(copies))]
    made.table["layout"] = "single"
    there = made.table["file"].notna()
    made.table.loc[there, "file"] = [f"images/{n % len(faces)}.png" for n in range(sum(there))]
    for row, face in enumerate(faces):
        made.put_picture(row, face)
    made.findings = [
        finding(f"check_{n}", True, [offender(row, "Zoë Young") for row in range(40)])
        for n in range(10)
    ]
    made.write()
    rows = made.sides()[0]
    size = made.p.pair.crop_size
    photos = np.stack([square_crop(faces[row % len(faces)], size, "center") for row in rows])
    made.put_pairs("val", photos, rows)
    for row, photo in zip(rows, photos, strict=True):
        put(made.data / "predictions" / f"{row:06d}.png", encode_png(photo))
    assert len(made.html().encode()) < 5_000_000


# --- the verdict and the checks


def test_the_verdict_names_the_checks_that_stop(artifacts):
    artifacts.findings.append(finding("blurred", True, [], "warn"))
    verdict = artifacts.soup().select_one(".verdict")
    said = "Do not trust the scores: 1 of 4 checks failed (leaked_pictures), 1 warn (blurred)."
    assert said in text_of(verdict)
    assert "bad" in verdict["class"]


@pytest.mark.parametrize("when", ["findings", "review"])
def test_the_verdict_says_when_checks_only_warn(artifacts, when):
    artifacts.findings[0]["failed"] = False
    getattr(artifacts, when).append(finding("blurred", True, [], "warn"))
    verdict = artifacts.soup().select_one(".verdict")
    assert "No check stops this run; 1 of 4 warn (blurred)." in text_of(verdict)
    assert "warn" in verdict["class"]


def test_the_verdict_says_when_all_checks_passed(artifacts):
    artifacts.findings[0]["failed"] = False
    verdict = artifacts.soup().select_one(".verdict")
    assert "All checks passed" in text_of(verdict)
    assert "good" in verdict["class"]


def test_failed_checks_are_open_with_remedy_and_rows(artifacts):
    check = artifacts.soup().select_one("#check-leaked_pictures")
    assert check.has_attr("open")
    assert check.summary.get_text().endswith("failed")
    assert "how to mend leaked_pictures" in text_of(check)
    lines = [f"row {n}, Zoë Young, page 2: is at fault with {n}" for n in range(5)]
    assert "".join(["9 rows at fault", *lines]) == text_of(check.select("small")[-1])


def test_a_warning_is_told_apart_from_a_failure(artifacts):
    artifacts.review[0]["failed"] = True
    check = artifacts.soup().select_one("#check-lost_color")
    assert check.select_one(".warn").get_text() == "warns"
    assert check.select(".bad") == []


def test_a_passed_check_is_listed_without_remedy_rows_or_pictures(artifacts):
    artifacts.findings[1]["offenders"] = [offender(1, "Zoë Young")]
    check = artifacts.soup().select_one("#check-train_size")
    assert not check.has_attr("open")
    assert check.select_one(".good").get_text() == "passed"
    assert "what train_size measures" in text_of(check)
    assert "how to mend" not in text_of(check)
    assert "at fault" not in text_of(check)
    assert check.find_all("img") == []


def test_checks_stand_under_their_time(artifacts):
    section = artifacts.soup().select_one("#checks")
    order = [tag.get("id") or tag.get_text() for tag in section.select("h3, .check")]
    assert order == [
        "Before training",
        "check-leaked_pictures",
        "check-train_size",
        "After training",
        "check-lost_color",
    ]


def test_a_failed_check_shows_its_rows_pictures(artifacts):
    soup = artifacts.soup()
    shown = captions(soup, "#check-leaked_pictures")
    assert shown == [f"row {n}, Zoë Young: is at fault with {n}" for n in range(9)]
    uris = [str(img["src"]) for img in soup.select("#check-leaked_pictures img")]
    assert all(shows(uri, tint(row, "file")) for row, uri in enumerate(uris))


def test_many_rows_at_fault_are_counted_and_the_first_shown(artifacts):
    artifacts.findings[0]["offenders"] = [offender(n % 8, "Zoë Young") for n in range(40)]
    check = artifacts.soup().select_one("#check-leaked_pictures")
    assert "40 rows at fault" in text_of(check)
    assert len(check.find_all("img")) == figures.SHOWN


def test_a_row_at_fault_that_is_not_in_the_ledger_is_named(artifacts):
    lost = offender(4711, None) | {"name": "not in the ledger", "item_id": "", "page": 0}
    artifacts.findings[0]["offenders"] = [lost, offender(1, "Zoë Young")]
    check = artifacts.soup().select_one("#check-leaked_pictures")
    assert "row 4711, not in the ledger" in text_of(check)
    assert len(check.find_all("img")) == 1


def test_a_failed_check_without_rows_is_shown(artifacts):
    artifacts.findings[0]["offenders"] = []
    check = artifacts.soup().select_one("#check-leaked_pictures")
    assert "how to mend leaked_pictures" in text_of(check)
    assert check.find_all("img") == []


# --- removed pictures


def test_removed_pictures_are_shown_with_their_reason(artifacts):
    soup = artifacts.soup()
    assert captions(soup, "#removed-grayscale") == [
        "row 8, Zoë Young: tone residual 1.5",
        "row 9, Zoë Young: tone residual 1.5",
    ]
    assert captions(soup, "#removed-too_small") == ["row 12, Zoë Young: 32x24 pixels"]
    uri = str(soup.select_one("#removed-too_small img")["src"])
    assert shows(uri, tint(12, "file"))


def test_removed_rows_without_a_picture_are_listed_with_their_reason(artifacts):
    soup = artifacts.soup()
    listed = {
        word: [
            text_of(line).partition("lineage")[0].strip()
            for line in soup.select(f"#removed-{word} li")
        ]
        for word in ("unreadable", "missing", "grayscale")
    }
    assert listed == {
        "unreadable": ["row 13, Zoë Young: unreadable"],
        "missing": ["row 14, Zoë Young: http_404", "row 15, Zoë Young: http_404"],
        "grayscale": [],
    }
    assert soup.select("#removed-missing img, #removed-unreadable img") == []


def test_a_picture_that_is_gone_from_disk_is_listed_without_it(artifacts):
    (artifacts.data / "raw" / "images/8.png").unlink()
    soup = artifacts.soup()
    [line] = soup.select("#removed-grayscale li")
    assert text_of(line).startswith("row 8, Zoë Young: tone residual 1.5")
    assert len(soup.select("#removed-grayscale img")) == 1


def test_only_the_photograph_of_a_pair_is_shown(artifacts):
    pixels = np.zeros((16, 64, 3), np.uint8)
    pixels[:, :32] = (200, 30, 30)
    artifacts.put_picture(10, pixels)
    assert shows(artifacts.album().figure(10, "").uri, (200, 30, 30))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 200), (200, 1), (2, 500), (3000, 2)])
def test_a_removed_picture_of_any_shape_is_shown(artifacts, height, width):
    artifacts.put_picture(12, np.zeros((height, width, 3), np.uint8))
    [shown] = artifacts.album().removed("too_small")
    found = pixels_of(shown.uri)
    assert found.shape[1] == figures.THUMBNAIL
    assert found.shape[0] <= 4 * figures.THUMBNAIL  # a tall picture does not fill the page


def test_long_galleries_are_cut_and_say_so(tmp_path):
    words = ["keep", "keep"] + ["grayscale"] * 40
    soup = Artifacts(tmp_path, words=words, val=1).soup()
    assert len(captions(soup, "#removed-grayscale")) == figures.SHOWN
    titles = [text_of(summary) for summary in soup.select("#funnel .part > summary")]
    assert titles == ["Removed as grayscale (24 of 40)"]


def test_copies_stand_beside_the_picture_kept_instead(artifacts):
    soup = artifacts.soup()
    [cluster] = soup.select("#copies .group")
    assert [text_of(c) for c in cluster.find_all("figcaption")] == [
        "row 0, Zoë Young: kept",
        "row 10, Zoë Young: copy of row 0, similarity 0.987",
        "row 11, Zoë Young: copy of row 0, similarity 0.987",
    ]
    assert shows(str(cluster.img["src"]), tint(0, "file"))


def test_the_largest_clusters_come_first_and_are_cut(tmp_path):
    made = Artifacts(tmp_path, words=["keep"] * 30 + ["near_duplicate"] * 60)
    copies = made.rows("near_duplicate")
    # rows 0-28 have one copy each, row 29 all others
    made.table.loc[copies, "duplicate_of"] = [min(at, 29) for at in range(len(copies))]
    clusters = made.album().clusters()
    assert len(clusters) == figures.CLUSTERS
    assert [c[0].caption.partition(",")[0] for c in clusters[:3]] == ["row 29", "row 0", "row 1"]
    assert [len(c) for c in clusters[:2]] == [1 + figures.COPIES, 2]


def test_a_page_without_copies_has_no_gallery_of_them(tmp_path):
    soup = Artifacts(tmp_path, words=["keep"] * 4).soup()
    assert soup.select("#copies, #funnel a, #funnel details") == []


# --- the funnel


@FEW
@given(st.lists(st.sampled_from(verdicts.VERDICTS), max_size=40))
def test_the_funnel_adds_up(words):
    table = table_of(words)
    steps = page.funnel({"clean": verdicts.counts(table), "split": assignment.counts(table)})
    assert (steps[0].name, steps[0].count, steps[0].lost) == ("listed", len(words), {})
    *way, unique, train, val = steps
    for before, after in pairwise([*way, unique]):
        assert before.count - after.count == sum(after.lost.values()), after.name
    assert unique.count == train.count + val.count == words.count("keep")
    lost = Counter({word: count for step in steps for word, count in step.lost.items()})
    assert +lost == Counter(word for word in words if word != "keep")


@pytest.mark.parametrize("word", [word for word in verdicts.VERDICTS if word != "keep"])
def test_the_funnel_leads_to_the_gallery_of_what_was_lost(tmp_path, word):
    soup = Artifacts(tmp_path, words=["keep", "keep", word, word], val=1).soup()
    [link] = soup.select("ol.funnel a")
    assert link.get_text() == f"−2 {word.replace('_', ' ')}"
    gallery = soup.select_one(link["href"])
    assert len(gallery.select("figure, li")) == (3 if "duplicate" in word else 2)


def test_every_link_leads_to_one_place_in_the_page(artifacts):
    soup = artifacts.soup()
    ids = Counter(tag["id"] for tag in soup.find_all(id=True))
    assert max(ids.values()) == 1
    links = [a["href"] for a in soup.find_all("a")]
    assert len(links) == 8 + 6  # sections, and all reasons for a loss
    assert {href[1:] for href in links} <= set(ids)


# --- leaks, pairs and samples


def test_the_closest_pairs_come_first(tmp_path):
    made = Artifacts(tmp_path, words=["keep"] * 20, val=15)
    groups = [[plain(f.caption) for f in group] for group in made.album().closest()]
    assert len(groups) == figures.NEAREST
    assert groups[0] == [
        "row 14, Zoë Young: similarity 0.64",
        "row 19, Zoë Young: its nearest in training",
    ]
    assert [c[0].split(":")[0] for c in groups] == [f"row {n}, Zoë Young" for n in range(14, 2, -1)]


def test_the_similarities_are_charted_with_the_limit(artifacts):
    chart = artifacts.soup().select_one("#leaks svg")
    assert sum(int(title.get_text()) for title in chart.select("rect title")) == 3
    assert "limit 0.93" in chart.get_text(" ")


def test_pairs_show_photo_gray_and_edges(artifacts):
    [first, *_] = artifacts.album().pairs()
    assert [f.caption for f in first] == ["row 0, photo", "row 0, gray", "row 0, edges"]
    photo = flat(tint(0, "photo"))
    wanted = [tint(0, "photo"), inputs.to_gray(photo)[..., None], (255, 255, 255)]
    assert all(shows(f.uri, color) for f, color in zip(first, wanted, strict=True))


def test_pairs_show_labels_where_there_are_any(artifacts):
    artifacts.labels = True
    [*_, labels] = artifacts.album().pairs()[0]
    assert labels.caption == "row 0, labels"
    assert shows(labels.uri, tint(0, "labels"))


@pytest.mark.parametrize(("val", "expected"), [(1, 1), (2, 2), (6, 6), (30, 6)])
def test_pairs_are_spread_over_validation(tmp_path, val, expected):
    made = Artifacts(tmp_path, words=["keep"] * (val + 1), val=val)
    rows = [group[0].caption.partition(",")[0] for group in made.album().pairs()]
    assert len(set(rows)) == len(rows) == expected
    assert (rows[0], rows[-1]) == ("row 0", f"row {val - 1}")


def test_samples_are_the_best_the_median_and_the_worst_by_l1(tmp_path):
    made = Artifacts(tmp_path, words=["keep"] * 20, val=13)
    made.l1 = {row: round(0.1 + 0.01 * (row * 5 % 13), 2) for row in range(13)}
    order = sorted(made.l1, key=made.l1.__getitem__)
    shown = {name: [s.caption for s in found] for name, found in samples(made).items()}
    wanted = {"best": order[:4], "median": order[4:8], "worst": order[:-5:-1]}
    assert shown == {
        name: [f"row {row}: L1 {made.l1[row]:.4f}" for row in rows] for name, rows in wanted.items()
    }


def test_equal_scores_are_ordered_by_row(tmp_path):
    made = Artifacts(tmp_path, words=["keep"] * 14, val=12)
    made.l1 = dict.fromkeys(range(12), 0.2)
    best = [s.caption.split(":")[0] for s in samples(made)["best"]]
    assert best == ["row 0", "row 1", "row 2", "row 3"]


def samples(made: Artifacts, task: str = "colorize") -> dict[str, list[figures.Sample]]:
    return made.album().samples(task)


@pytest.mark.parametrize("val", [1, 2, 3])
def test_few_validation_pictures_are_all_shown(tmp_path, val):
    soup = Artifacts(tmp_path, words=["keep"] * (val + 2), val=val).soup()
    shown = [text_of(s) for s in soup.select("#samples .part > small")]
    best, median, worst = (shown[at * val : (at + 1) * val] for at in range(3))
    assert len(set(best)) == val
    assert best == median == worst[::-1]


def test_a_sample_shows_input_output_target_and_its_nearest_in_training(artifacts):
    sample = samples(artifacts)["best"][0]
    names = ["input", "output", "target", "row 7, Zoë Young: nearest in training, similarity 0.5"]
    assert [plain(f.caption) for f in sample.figures] == names
    gray = inputs.to_gray(flat(tint(0, "photo")))[..., None]
    wanted = [gray, tint(0, "output"), tint(0, "photo"), tint(7, "file")]
    assert all(shows(f.uri, color) for f, color in zip(sample.figures, wanted, strict=True))


@pytest.mark.parametrize("broken", ["scored on a training row", "an output is gone"])
def test_foreign_outputs_do_not_stop_the_page_that_warns_of_them(artifacts, broken):
    artifacts.write()
    predictions = artifacts.data / "predictions"
    if broken == "an output is gone":
        (predictions / "000001.png").unlink()
    else:
        put(predictions / "000005.png", encode_png(flat(tint(5, "output"))))
        with (predictions / "scores.csv").open("a", encoding="utf-8") as scores:
            scores.write("5,nm5,Zoë Young,0.05,20.0,0.5,3.0,0\n")
    shown = text_of(BeautifulSoup(artifacts.html(), "lxml").select_one("#samples"))
    assert "row 0: L1 0.1000" in shown
    assert "row 2: L1 0.1200" in shown


@pytest.mark.parametrize(
    ("task", "color"), [("sketch", (255, 255, 255)), ("labels", tint(0, "labels"))]
)
def test_a_sample_shows_the_input_of_its_task(artifacts, task, color):
    artifacts.labels = True
    assert shows(samples(artifacts, task)["best"][0].figures[0].uri, color)


def test_every_picture_has_its_lineage(artifacts):
    soup = artifacts.soup()
    grouped = soup.select(".groups > .group, .groups > .part, .gallery > figure, .unseen > li")
    assert grouped
    for place in grouped:
        told = [dt.get_text() for dt in place.select_one("details.lineage").find_all("dt")]
        assert {"listed", "item", "page", "picture", "fetched", "verdict"} <= set(told)


def test_missing_names_are_left_out(tmp_path):
    soup = Artifacts(tmp_path, None).soup()
    assert captions(soup, "#removed-too_small") == ["row 12: 32x24 pixels"]
    assert "nm12, without a name" in [dd.get_text() for dd in soup.find_all("dd")]
    words = set(re.findall(r"\b(?:nan|none|na)\b", text_of(soup.body), re.IGNORECASE))
    assert not words
    assert not re.search(r", ,", text_of(soup.body))


# --- scores, curves and parameters


def test_scores_stand_in_their_rows(artifacts):
    rows = [
        [cell.get_text() for cell in row.find_all(["th", "td"])]
        for row in artifacts.soup().select("#scores tr")
    ]
    assert rows[0] == ["", *SETS, *PAIRED]
    assert rows[0][-1] == "n"
    by_title = {title: values for title, *values in rows[1:]}
    baselines = ["baseline: input copied", "baseline: mean colour"]
    titles = ["validation", "training", "gap", *baselines, "floor: real vs real"]
    assert list(by_title) == titles
    all_numbers = [str(v) for v in (SETS | PAIRED).values()]
    for title in ("validation", "training", *baselines):
        assert by_title[title] == all_numbers
    assert by_title["gap"] == ["0.0"] * (len(all_numbers) - 1) + [""]
    assert by_title["floor: real vs real"] == [*map(str, SETS.values()), *[""] * len(PAIRED)]


def test_random_features_are_not_called_fid(artifacts):
    assert "not FID" in artifacts.soup().get_text()


@pytest.mark.parametrize("failed", [True, False])
def test_the_gap_is_disowned_only_while_checks_fail(artifacts, failed):
    artifacts.findings[0]["failed"] = failed
    note = artifacts.soup().select_one("#scores > p").get_text()
    assert bool(re.search(r"\.\s+The gap means nothing", note)) is failed


def test_the_curves_are_charted(artifacts):
    section = artifacts.soup().select_one("#curves")
    shown = [[text_of(label) for label in svg.select("text")] for svg in section.select("svg")]
    assert shown == [
        ["g_l1: 0.25 to 0.5", "g_gan: 0.7 to 0.8", "d: 0.5 to 0.6"],
        ["d_right_on_real: 0.5 to 0.6", "d_right_on_fake: 0.4 to 0.5"],
        ["l1: 0.2 to 0.3"],
        ["ssim: 0.5 to 0.6"],
        ["fd: 1 to 2"],
    ]


def test_a_training_without_discriminator_has_no_chart_of_it(artifacts):
    artifacts.history = "step,g_l1\n1,0.5\n2,0.25\n"
    section = artifacts.soup().select_one("#curves")
    assert "discriminator" not in text_of(section)
    assert len(section.find_all("svg")) == 4


def test_a_loss_that_came_later_is_charted_from_there(artifacts):
    artifacts.history = "step,g_l1,d\n1,0.5,\n2,0.25,0.6\n3,0.2,0.5\n"
    first = artifacts.soup().select_one("#curves svg")
    shown = [text_of(label) for label in first.select("text")]
    assert shown == ["g_l1: 0.2 to 0.5", "d: 0.5 to 0.6"]


def test_the_best_snapshot_is_named(artifacts):
    assert "Best snapshot: step 2" in text_of(artifacts.soup().select_one("#curves"))


def test_the_parameters_are_shown_as_they_are(artifacts):
    assert artifacts.soup().pre.get_text() == artifacts.parameters


def test_the_experiment_and_the_versions_are_named(artifacts):
    soup = artifacts.soup()
    assert "experiment wiry-ants on 0123456789; 2 steps" in text_of(soup.header)
    said = text_of(soup.select_one("#parameters"))
    assert "experiment wiry-ants on 0123456789. torch 2.14.1;" in said
    assert "generator 1,234,567 parameters, 2 steps, 16 pictures seen" in said


def test_metrics_may_name_more_than_the_page_shows(artifacts):
    write_json(artifacts.metrics / "other.json", json.loads('{"a": {"b": 1}}'))
    assert artifacts.soup().h1
