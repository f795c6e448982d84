"""The page of a comparison: its order, its sentences, and safe with names from people."""

import re
from dataclasses import replace

import numpy as np
import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner

from src.analysis import compare_page
from src.analysis.changes import CodeChange
from src.analysis.compare_page import shared_task
from src.analysis.revision import DISTANCES, HISTORY, PARAMETERS, PROGRESS, SCORES
from src.analysis.seed_spread import SeedSpread
from src.cli.compare import compare
from src.errors import UserError
from tests.analysis.contenders import FILES, PARAMS, contender, page
from tests.conftest import ROOT
from tests.report.artifacts import pixels_of, plain, shows, text_of

HOSTILE = '<script>alert(1)</script>" onerror="alert(2)'


@pytest.fixture
def contenders(tmp_path, photos):
    """A side with much noise, and one with little."""
    return contender("A", tmp_path / "a", photos, 90), contender("B", tmp_path / "b", photos, 5)


def soup_of(a, b) -> BeautifulSoup:
    return BeautifulSoup(page(a, b), "lxml")


def texts(soup: BeautifulSoup, selector: str) -> list[str]:
    return [text_of(tag) for tag in soup.select(selector)]


# --- verdict and scores


def test_the_verdict_comes_first_and_says_who_is_better_in_what(contenders):
    soup = soup_of(*contenders)
    assert text_of(soup.select_one(".verdict b")) == (
        "B b is better in l1, psnr, ssim, fd_means, kd_means_x1000."
    )
    assert "Not distinguishable: gray_share." in text_of(soup.select_one(".verdict"))
    assert soup.select_one(".verdict").find_next("h2").get_text() == "Scores"


def test_what_seeds_alone_change_is_told_in_verdict_and_sentences(contenders):
    spread = SeedSpread(
        {"l1": 9.0, "psnr": 0.001, "gray_share": 1.0}, "five trainings <of> the demo"
    )
    soup = BeautifulSoup(page(*contenders, spread), "lxml")
    assert "Seeds alone change as much in l1." in text_of(soup.select_one(".verdict"))
    rows = {tr.th.get_text(): texts(tr, "td") for tr in soup.select("#scores tr")[1:]}
    assert rows["l1 ↓"][0].endswith(", within what seeds alone change (9)")
    assert "seeds" not in rows["psnr ↑"][0]
    assert "That was measured for five trainings <of> the demo." in text_of(soup.header)


def test_the_verdict_on_a_side_and_itself_is_that_nothing_tells_them_apart(tmp_path, photos):
    a = contender("A", tmp_path / "a", photos, 20)
    soup = soup_of(a, replace(a, letter="B"))
    assert text_of(soup.select_one(".verdict b")) == "No score tells A a from B a."
    assert texts(soup, "#parameters p") == ["None."]
    assert texts(soup, "#code p") == ["None in src, stages, dvc.yaml and the requirements."]


def test_every_score_has_both_values_the_difference_its_interval_and_its_sentence(contenders):
    soup = soup_of(*contenders)
    rows = {
        cells[0]: cells[1:] for tr in soup.select("#scores tr") if (cells := texts(tr, "th,td"))
    }
    assert list(rows)[1:] == [
        *["l1 ↓", "psnr ↑", "ssim ↑", "colorfulness", "gray_share ↓"],
        *["fd_means ↓", "kd_means_x1000 ↓", "coverage"],
    ]
    sentence, a, b, difference, interval = rows["l1 ↓"]
    assert re.fullmatch(r"B b better by [\d.]+ \[[\d.]+, [\d.]+\]", sentence)
    assert (a, b) == ("0.1234", "0.1234")  # as recorded
    assert re.fullmatch(r"-0\.\d+", difference)
    assert re.fullmatch(r"\[-0\.\d+, -0\.\d+\]", interval)
    assert all(rows["ssim ↑"])  # not recorded here: the mean of the pictures' scores
    assert rows["kd_means_x1000 ↓"][1:3] == ["", ""]


def test_a_score_without_an_interval_says_so_and_one_of_a_single_contender_too(
    contenders, tmp_path
):
    (tmp_path / "b" / SCORES).write_text('{"val": {"coverage": 0.8, "recall": 0.5}}')
    rows = {tr.th.get_text(): texts(tr, "td") for tr in soup_of(*contenders).select("#scores tr")}
    assert rows["coverage"] == ["recorded without an interval", "0.75", "0.80", "+0.05", ""]
    assert rows["recall"] == ["only B b has it", "", "0.5", "", ""]


# --- pictures


def gains(soup: BeautifulSoup) -> list[float]:
    """How much better B is in each picture that is shown, in their order."""
    found = [
        re.search(r"(A|B) better by ([\d.]+)", t) for t in texts(soup, "#pictures .part > small")
    ]
    return [float(m[2]) * (1 if m[1] == "B" else -1) if m else 0.0 for m in found]


def test_pictures_run_from_the_best_for_b_to_the_best_for_a(tmp_path, photos):
    a, b = (contender(letter, tmp_path / letter, photos, 20) for letter in "AB")
    soup = soup_of(a, b)
    shown = gains(soup)
    assert len(shown) == 40
    assert shown == sorted(shown, reverse=True)
    assert shown[0] > 0 > shown[-1]
    assert texts(soup, "#pictures h3") == ["All 40, from the best for B to the best for A"]


def test_of_many_pictures_both_ends_and_the_middle_are_shown_and_the_others_counted(
    tmp_path, photos, monkeypatch
):
    monkeypatch.setattr(compare_page, "N_BEST", 5)
    monkeypatch.setattr(compare_page, "N_MIDDLE", 3)
    a, b = (contender(letter, tmp_path / letter, photos, 20) for letter in "AB")
    soup = soup_of(a, b)
    differences = (a.experiment.table["l1"] - b.experiment.table["l1"]).sort_values()[::-1]
    expected = [*differences.index[:5], *differences.index[19:22], *differences.index[-5:]]
    rows = [int(t.split(":")[0].removeprefix("row ")) for t in texts(soup, ".part > small")]
    assert rows == expected
    assert texts(soup, "#pictures h3") == ["Best for B", "The middle", "Best for A"]
    assert texts(soup, "#pictures > p")[1:] == [
        "14 pictures left out here.",
        "13 pictures left out here.",
    ]


def test_a_row_shows_input_a_b_and_target_with_the_l1_of_both(tmp_path):
    greens = np.stack(
        [np.full((32, 32, 3), (0, level, 0), np.uint8) for level in range(100, 220, 6)]
    )
    a, b = (contender(letter, tmp_path / letter, greens, 0) for letter in "AB")
    a.experiment.outputs[:] = (255, 0, 0)
    b.experiment.outputs[:] = (0, 0, 255)
    a.experiment.table["l1"], b.experiment.table["l1"] = 0.75, 0.5
    [first, *_] = soup_of(a, b).select(".four")
    assert texts(first, "figcaption") == ["input", "A, L1 0.7500", "B, L1 0.5000", "target"]
    pictures = [img["src"] for img in first.select("img")]
    gray = a.experiment.val.gray[0][0, 0]
    colors = [(gray,) * 3, (255, 0, 0), (0, 0, 255), greens[0][0, 0]]
    assert all(shows(*pair) for pair in zip(pictures, colors, strict=True))
    assert first.img["alt"] == "row 0, input"


def test_pictures_that_are_not_square_keep_their_proportions(tmp_path, photos):
    a, b = (contender(letter, tmp_path / letter, photos[:, ::2], 20) for letter in "AB")
    soup = soup_of(a, b)
    shapes = {pixels_of(img["src"]).shape for img in soup.select("#pictures img")}
    assert shapes == {(16, 32, 3)}


def test_other_inputs_of_b_are_told(contenders):
    assert "other inputs" not in page(*contenders)
    contenders[1].experiment.val.gray[3] = 0
    assert "The two have other inputs; A's are shown." in page(*contenders)


# --- training


def test_curves_of_both_stand_on_one_scale_with_both_names(contenders):
    soup = soup_of(*contenders)
    names = ["g_l1", "l1", "psnr", "ssim", "fd_means"]
    titles = ["Training g_l1", *(f"Validation {name}" for name in names[1:])]
    assert texts(soup, "#curves h3") == titles
    for chart in soup.select("#curves svg"):
        assert len(chart.select("polyline")) == 2
        legend = [
            plain(text.get_text()) for text in chart.select("text") if "last" in text.get_text()
        ]
        assert [line.split(",")[0] for line in legend] == ["A a", "B b"]
    assert texts(soup, "#curves p") == []


def test_missing_curves_are_told_and_the_others_keep_their_colour(tmp_path, photos):
    kept = {path: text for path, text in FILES.items() if path not in (HISTORY, DISTANCES)}
    a = contender("A", tmp_path / "a", photos, 40, files=kept)
    b = contender("B", tmp_path / "b", photos, 5)
    soup = soup_of(a, b)
    assert texts(soup, "#curves p") == [
        f"A a has no {HISTORY}, no {DISTANCES}, no curve of Training g_l1, Validation fd_means."
    ]
    [alone] = soup.select("#curves > .charts > div:first-child svg")
    assert [line["class"] for line in alone.select("polyline")] == [["c1"]]


def test_two_without_curves_are_a_line(tmp_path, photos):
    a, b = (
        contender(letter, tmp_path / letter, photos, 20, files={PARAMETERS: PARAMS})
        for letter in "AB"
    )
    soup = soup_of(a, b)
    files = f"no {HISTORY}, no {PROGRESS}, no {DISTANCES}"
    assert texts(soup, "#curves p") == [f"A a has {files}. B b has {files}."]
    assert soup.select("#curves svg") == []


# --- what differs


def test_parameters_that_differ_are_listed_old_and_new(contenders, tmp_path):
    (tmp_path / "b" / PARAMETERS).write_text(PARAMS.replace("encdec", "unet") + "  seed: 1\n")
    assert texts(soup_of(*contenders), "#parameters td") == [
        *["model", "encdec → unet"],
        *["train.seed", "not set → 1"],
    ]


def test_code_that_differs_is_listed_with_its_lines(contenders, monkeypatch):
    changes = [CodeChange("src/a.py", 3, 1), CodeChange("src/b.png", None, None)]
    monkeypatch.setattr(compare_page, "code_changes", lambda *_: changes)
    soup = soup_of(*contenders)
    assert text_of(soup.select_one("#code summary")) == "2 files, +3 −1 lines"
    assert texts(soup, "#code td") == ["src/a.py", "+3 −1", "src/b.png", "no text"]


# --- safe with what comes from people


def test_hostile_names_are_shown_as_text(tmp_path, photos, monkeypatch):
    a, b = (contender(letter, tmp_path / letter, photos, 20, name=HOSTILE) for letter in "AB")
    (tmp_path / "B" / PARAMETERS).write_text(PARAMS.replace("encdec", f"'{HOSTILE}'"))
    monkeypatch.setattr(compare_page, "code_changes", lambda *_: [CodeChange(HOSTILE, 1, 1)])
    soup = soup_of(a, b)
    assert soup.find_all("script") == []
    assert not [name for tag in soup.find_all() for name in tag.attrs if name.startswith("on")]
    assert texts(soup, ".contenders bdi") == [HOSTILE, HOSTILE]
    assert HOSTILE in soup.title.get_text()
    assert HOSTILE in text_of(soup.select_one("#parameters"))
    assert HOSTILE in text_of(soup.select_one("#code td"))


def test_nothing_is_loaded_from_elsewhere(contenders):
    soup = soup_of(*contenders)
    assert soup.find_all(["script", "iframe", "object", "base", "form"]) == []
    for tag in soup.find_all():
        for attribute in ("src", "href", "srcset", "poster", "data", "action"):
            assert str(tag.get(attribute, "data:")).startswith(("data:", "#"))
    assert not re.search(r"url\(|@import", soup.style.get_text())


def test_a_long_name_is_whole_once_and_short_in_sentences(tmp_path, photos):
    a = contender("A", tmp_path / "a", photos, 40, name="n" * 300)
    b = contender("B", tmp_path / "b", photos, 5, name="m" * 300)
    soup = soup_of(a, b)
    assert texts(soup, ".contenders bdi") == ["n" * 300, "m" * 300]
    assert text_of(soup.select_one(".verdict b")).startswith(f"B {'m' * 39}… is better in")


def test_the_same_two_give_the_same_page(contenders):
    assert page(*contenders) == page(*contenders)


# --- bad input is one line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task: sketch", "a has the task 'colorize', b 'sketch': expected one task"),
        ("task: faces", "b: task in its params.yaml is 'faces', expected one of colorize"),
        ("model: x", "b: task in its params.yaml is None, expected one of colorize"),
        ("task: [", "b: its params.yaml cannot be read as YAML"),
        ("- x", "b: its params.yaml holds list"),
        (None, "b: its params.yaml is missing"),
    ],
)
def test_other_tasks_and_unreadable_parameters_are_one_line(contenders, tmp_path, text, message):
    path = tmp_path / "b" / PARAMETERS
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(UserError) as refused:
        shared_task(*(c.revision for c in contenders))
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "step,l1\n1,x\n"])
def test_curves_that_are_no_numbers_are_one_line(contenders, tmp_path, text):
    (tmp_path / "b" / PROGRESS).write_text(text)
    with pytest.raises(UserError, match=r"progress\.csv cannot be read as numbers") as refused:
        page(*contenders)
    assert "\n" not in str(refused.value)


def test_a_folder_instead_of_a_file_is_refused_before_anything_is_compared(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    folder = tmp_path / "a.html"
    folder.mkdir()
    refused = CliRunner().invoke(compare, ["nobody", "no one", "--html", str(folder)])
    assert isinstance(refused.exception, UserError)
    assert (
        str(refused.exception)
        == f"--html = {str(folder)!r} is a folder, expected the name of a file"
    )
