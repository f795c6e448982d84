"""The report: self-contained, honest about failures, and safe with names from the web."""

import base64
import json
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

from src.clean import verdicts
from src.imaging import decoding
from src.report import figures, page
from src.split import assignment
from src.storage.atomic import write_json
from src.storage.encoding import encode_png
from tests.builders import square_crop
from tests.report.artifacts import (
    NAME,
    Artifacts,
    captions,
    finding,
    flat,
    offender,
    put_file,
    shows,
    table_of,
    text_of,
    tint,
)

BASELINES = ["input copied 0.3", "mean colour 0.3"]
HOSTILE = '<script>alert(1)</script>" onerror="alert(2)'
HOSTILE_URL = 'javascript:alert(1)//"><img src=x onerror=alert(1)>'
EXAMPLES = settings(max_examples=25, deadline=None)


# --- safe with what comes from the web


def test_hostile_names_are_shown_as_text(tmp_path):
    artifacts = Artifacts(tmp_path, HOSTILE)
    artifacts.table["page_url"] = artifacts.table["image_url"] = HOSTILE_URL
    artifacts.table["item_id"] = HOSTILE
    soup = artifacts.soup()
    assert soup.find_all("script") == []
    assert not [a for tag in soup.find_all() for a in tag.attrs if a.startswith("on")]
    for selector in ("#removed-grayscale", "#copies", "#check-leaked_pictures"):
        assert captions(soup, selector)
        assert all(HOSTILE in caption for caption in captions(soup, selector))
        assert all(HOSTILE in img["alt"] for img in soup.select(f"{selector} img"))
    assert any(HOSTILE in line.get_text() for line in soup.select("#removed-missing li"))
    assert any(HOSTILE in line.get_text() for line in soup.select("#check-leaked_pictures small"))
    facts = [dd.get_text() for dd in soup.find_all("dd")]
    assert HOSTILE_URL in facts
    assert f"{HOSTILE}, {HOSTILE}" in facts


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
    images = artifacts.soup().find_all("img")
    # removed, copies, merges, offenders, closest, pairs, sheets, samples: the three of validation,
    # three times
    assert len(images) == 3 + 3 + 2 + 9 + 3 * 2 + 3 * 3 + 2 + 3 * 3 * 5
    for img in images:
        head, _, body = str(img["src"]).partition(",")
        assert head == "data:image/jpeg;base64"
        assert decoding.decode(base64.b64decode(body, validate=True)).size
        assert img["alt"]


def test_the_page_is_the_same_twice(artifacts):
    assert artifacts.render() == artifacts.render()


def test_a_page_full_of_pictures_stays_under_five_megabytes(tmp_path, faces):
    words = ["keep"] * 120 + ["grayscale", "too_small", "unreadable", "missing"] * 30
    artifacts = Artifacts(tmp_path, words=words + ["exact_duplicate"] * 240, val=40)
    copies = artifacts.rows("exact_duplicate")
    artifacts.table.loc[copies, "duplicate_of"] = [i // 8 for i in range(len(copies))]
    artifacts.table["layout"] = "single"
    with_file = artifacts.table["file"].notna()
    files = [f"images/{n % len(faces)}.png" for n in range(sum(with_file))]
    artifacts.table.loc[with_file, "file"] = files
    for row, face in enumerate(faces):
        artifacts.put_picture(row, face)
    artifacts.findings = [
        finding(name, True, [offender(row, NAME) for row in range(40)])
        for name in ["leaked_pictures", *(f"check_{n}" for n in range(9))]
    ]
    artifacts.write()
    rows = artifacts.sides()[0]
    size = artifacts.p.pair.crop_size.height
    photos = np.stack([square_crop(faces[row % len(faces)], size, "center") for row in rows])
    artifacts.put_pairs("val", photos, rows)
    for row, photo in zip(rows, photos, strict=True):
        put_file(artifacts.data / "predictions" / f"{row:06d}.png", encode_png(photo))
    assert len(artifacts.html().encode()) < 5_000_000


# --- the verdict and the checks


def test_the_verdict_names_the_checks_that_stop(artifacts):
    artifacts.findings.append(finding("blurred", True, [], "warn"))
    verdict = artifacts.soup().select_one(".verdict")
    expected = "Do not trust the scores: 1 of 4 checks failed (leaked_pictures), 1 warn (blurred)."
    assert expected in text_of(verdict)
    assert "bad" in verdict["class"]


@pytest.mark.parametrize("when", ["findings", "review"])
def test_the_verdict_says_when_checks_only_warn(artifacts, when):
    artifacts.findings[0]["failed"] = False
    getattr(artifacts, when).append(finding("blurred", True, [], "warn"))
    verdict = artifacts.soup().select_one(".verdict")
    expected = f"No check stops this run; 1 of 4 warn (blurred). {artifacts.scores}"
    assert text_of(verdict) == expected
    assert "warn" in verdict["class"]


def test_the_verdict_says_when_all_checks_passed(artifacts):
    artifacts.findings[0]["failed"] = False
    verdict = artifacts.soup().select_one(".verdict")
    assert text_of(verdict) == f"All checks passed. {artifacts.scores}"
    assert "good" in verdict["class"]


def test_the_verdict_says_when_the_model_fails_and_how_bad_it_is(artifacts):
    artifacts.findings[0]["failed"] = False
    artifacts.review += [
        finding("runaway_loss", True, [], "fail"),
        finding("lost_variety", True, [], "warn"),
    ]
    verdict = artifacts.soup().select_one(".verdict")
    expected = "This model fails: 1 of 5 checks failed (runaway_loss), 1 warn (lost_variety). "
    assert text_of(verdict) == expected + artifacts.scores
    assert "bad" in verdict["class"]
    check = artifacts.soup().select_one("#check-runaway_loss")
    assert check.select_one(".bad").get_text() == "failed"


def test_a_model_that_fails_on_data_that_fail_is_named_too(artifacts):
    artifacts.review.append(finding("runaway_loss", True, [], "fail"))
    verdict = text_of(artifacts.soup().select_one(".verdict"))
    assert verdict.startswith("Do not trust the scores: 1 of 4 checks failed (leaked_pictures)")
    assert verdict.endswith("; the model fails runaway_loss.")


def test_unseen_pictures_are_counted_beside_how_good_they_are_or_not_at_all(artifacts):
    for failed in (True, False):
        artifacts.findings[0]["failed"] = failed
        text = text_of(artifacts.soup().body)
        assert text.count("never saw") == text.count(artifacts.scores) == 1 - failed


def test_failed_checks_are_open_with_remedy_and_rows(artifacts):
    check = artifacts.soup().select_one("#check-leaked_pictures")
    assert check.has_attr("open")
    assert check.summary.get_text().endswith("failed")
    assert "how to mend leaked_pictures" in text_of(check)
    lines = [f"row {n}, Zoë Young, page 2: is at fault with {n}" for n in range(9)]
    rows = check.select_one(".rows")
    assert "".join(["9 rows at fault", *lines]) == text_of(rows)


def test_a_warning_is_marked_otherwise_than_a_failure(artifacts):
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
    folded = artifacts.soup().select_one("#passed")
    order = [tag.get("id") or tag.get_text() for tag in folded.select("h3, .check")]
    assert order == ["Before training", "check-train_size", "After training", "check-lost_color"]


def test_passed_checks_are_folded_and_failed_ones_open_at_the_top(artifacts):
    artifacts.review.append(finding("runaway_loss", True, [], "fail"))
    artifacts.review.append(finding("lost_variety", True, [], "warn"))
    soup = artifacts.soup()
    folded = soup.select_one("#passed")
    assert not folded.has_attr("open")
    assert text_of(folded.summary) == "2 passed"
    assert all(not check.has_attr("open") for check in folded.select(".check"))
    top = [check["id"] for check in soup.select("#failed > .check[open]")]
    assert top == ["check-leaked_pictures", "check-runaway_loss"]
    # a warning does not come before the scores
    assert [c["id"] for c in soup.select("#checks > .check[open]")] == ["check-lost_variety"]


def test_the_verdict_leads_to_the_checks_that_it_names(artifacts):
    artifacts.review.append(finding("lost_variety", True, [], "warn"))
    links = [a["href"] for a in artifacts.soup().select(".verdict a")]
    assert links == ["#check-leaked_pictures", "#check-lost_variety"]


def test_a_run_without_a_passed_check_has_no_fold(artifacts):
    artifacts.findings, artifacts.review = artifacts.findings[:1], []
    assert artifacts.soup().select("#passed") == []


UNMEASURED = {
    # no labels, no faces were looked for, no pages, and no page states a total
    "colorize": [
        "blank_edges", "full_edges", "cut_faces", "missing_from_list", "repeated_pages",
        "misplaced_pictures", "shared_names",
    ],
    "sketch": ["labels_fit_photos"],
}  # fmt: skip


@pytest.mark.parametrize("task", UNMEASURED)
def test_checks_without_a_subject_are_neither_shown_nor_counted(artifacts, task):
    artifacts.task = task
    artifacts.table["page_url"] = None
    artifacts.findings[0]["failed"] = False
    unmeasured = [finding(name, False, []) for name in UNMEASURED[task]]
    artifacts.findings += unmeasured
    soup = artifacts.soup()
    assert [name for name in UNMEASURED[task] if soup.select(f"#check-{name}")] == []
    assert text_of(soup.select_one("#passed > summary")) == "3 passed"
    for check in unmeasured:
        check["failed"] = True  # never hidden
    soup = artifacts.soup()
    assert [name for name in UNMEASURED[task] if not soup.select(f"#check-{name}")] == []


def test_checks_with_a_subject_are_shown(artifacts):
    artifacts.task, artifacts.labels, artifacts.faces = "sketch", True, {}
    artifacts.table["stated_total"] = 16
    names = [name for names in UNMEASURED.values() for name in names]
    artifacts.findings += [finding(name, False, []) for name in names]
    soup = artifacts.soup()
    assert [name for name in names if not soup.select(f"#passed #check-{name}")] == []


def test_outputs_at_fault_are_shown_and_not_their_targets(artifacts):
    artifacts.review.append(finding("saturated_outputs", True, [offender(1, NAME)], "fail"))
    [image] = artifacts.soup().select("#failed #check-saturated_outputs img")
    assert shows(str(image["src"]), tint(1, "output"))


def test_a_failed_check_shows_its_rows_pictures(artifacts):
    soup = artifacts.soup()
    lines = captions(soup, "#check-leaked_pictures")
    assert lines == [f"row {n}, Zoë Young: is at fault with {n}" for n in range(9)]
    uris = [str(img["src"]) for img in soup.select("#check-leaked_pictures img")]
    assert all(shows(uri, tint(row, "file")) for row, uri in enumerate(uris))


def test_many_rows_at_fault_are_counted_and_the_first_shown(artifacts):
    artifacts.findings[0]["offenders"] = [offender(n % 8, "Zoë Young") for n in range(40)]
    check = artifacts.soup().select_one("#check-leaked_pictures")
    assert "40 rows at fault" in text_of(check)
    assert len(check.find_all("img")) == figures.MAX_ROWS


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


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("blurred", "sharpness 0.12"),
        ("dark", "highlights 40 of 255"),
        ("bright", "shadows 230 of 255"),
        ("low_information", "entropy 1.5 bits"),
        ("odd_aspect", "32x24 pixels, aspect ratio 0.30"),
    ],
)
def test_pictures_removed_for_a_fault_are_shown_with_its_number(tmp_path, word, number):
    artifacts = Artifacts(tmp_path, words=["keep"] * 4 + [word], val=1)
    values = {"sharpness": 0.12, "highlights": 40, "shadows": 230, "entropy": 1.5}
    for name, value in (values | {"aspect_ratio": 0.3}).items():
        artifacts.table.loc[4, name] = value
    soup = artifacts.soup()
    assert captions(soup, f"#removed-{word}") == [f"row 4, Zoë Young: {number}"]
    assert f"−1 {word.replace('_', ' ')}" in text_of(soup.select_one("#funnel"))


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


def test_long_galleries_are_cut_and_say_so(tmp_path):
    words = ["keep", "keep"] + ["grayscale"] * 40
    soup = Artifacts(tmp_path, words=words, val=1).soup()
    assert len(captions(soup, "#removed-grayscale")) == figures.MAX_ROWS
    titles = [text_of(summary) for summary in soup.select("#funnel .part > summary")]
    assert titles == ["Removed as grayscale (24 of 40)"]


def test_copies_stand_beside_the_picture_kept_instead(artifacts):
    soup = artifacts.soup()
    [cluster] = soup.select("#copies .group")
    assert [text_of(c) for c in cluster.find_all("figcaption")] == [
        "row 0, Zoë Young: kept",
        "row 10, Zoë Young: cropped, similarity 0.987",
        "row 11, Zoë Young: cropped, similarity 0.987",
    ]
    assert shows(str(cluster.img["src"]), tint(0, "file"))
    assert "(1 of 1 cluster, the largest first)" in text_of(soup.select_one("#funnel"))


def test_an_uncertain_merge_stands_beside_the_line_that_overrules_it(artifacts):
    soup = artifacts.soup()
    [merge] = soup.select("#merges .merge")
    assert [text_of(c) for c in merge.find_all("figcaption")] == [
        "row 0, Zoë Young: kept",
        "row 11, Zoë Young: removed",
    ]
    assert [
        shows(str(m["src"]), tint(n, "file")) for m, n in zip(merge("img"), (0, 11), strict=True)
    ]
    assert text_of(merge.small) == "cropped, similarity 0.987, certainty 0.50"
    assert text_of(merge.code) == "0,11"
    text = text_of(soup.select_one("#funnel"))
    assert "Least certain merges (1 of 1 near duplicate, the least certain first)" in text
    assert "add their line to rulings/exclude.csv" in text


def test_pairs_across_the_sides_that_a_person_excluded_are_named(artifacts):
    assert "Not compared" not in text_of(artifacts.soup().select_one("#leaks"))
    artifacts.table.loc[[0, 6, 7], "excluded"] = ["1 6 10", "0", "6"]
    leaks = text_of(artifacts.soup().select_one("#leaks"))
    listed = "because rulings/exclude.csv lists them (1 pair across the sides): rows 0 and 6."
    assert f"Not compared, {listed}" in leaks


def test_a_page_without_copies_has_no_gallery_of_them(tmp_path):
    soup = Artifacts(tmp_path, words=["keep"] * 4).soup()
    assert soup.select("#copies, #funnel a, #funnel details") == []


# --- the funnel


@EXAMPLES
@given(st.lists(st.sampled_from(verdicts.VERDICTS), max_size=40))
def test_the_funnel_adds_up(words):
    table = table_of(words)
    steps = page.funnel(verdicts.counts(table), assignment.counts(table))
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
    assert len(links) == 9 + 6 + 1  # sections, all reasons for a loss, and what failed
    assert {href[1:] for href in links} <= set(ids)


# --- leaks, pairs and samples


def test_the_similarities_are_charted_with_the_limit(artifacts):
    chart = artifacts.soup().select_one("#leaks svg")
    assert sum(int(title.get_text()) for title in chart.select("rect title")) == 3
    assert "limit 0.93" in chart.get_text(" ")


@pytest.mark.parametrize("val", [1, 2, 3])
def test_few_validation_pictures_are_all_shown(tmp_path, val):
    soup = Artifacts(tmp_path, words=["keep"] * (val + 2), val=val).soup()
    lines = [text_of(s) for s in soup.select("#samples .part > small")]
    best, median, worst = (lines[i * val : (i + 1) * val] for i in range(3))
    assert len(set(best)) == val
    assert best == median == worst[::-1]


@pytest.mark.parametrize("broken", ["scored on a training row", "an output is gone"])
def test_foreign_outputs_do_not_stop_the_page_that_warns_of_them(artifacts, broken):
    artifacts.write()
    predictions = artifacts.data / "predictions"
    if broken == "an output is gone":
        (predictions / "000001.png").unlink()
    else:
        put_file(predictions / "000005.png", encode_png(flat(tint(5, "output"))))
        with (predictions / "scores.csv").open("a", encoding="utf-8") as scores:
            scores.write("5,nm5,Zoë Young,0.05,20.0,0.5,3.0,0\n")
    text = text_of(BeautifulSoup(artifacts.html(), "lxml").select_one("#samples"))
    assert "row 0: L1 0.1000" in text
    assert "row 2: L1 0.1200" in text


def test_every_picture_has_its_lineage(artifacts):
    soup = artifacts.soup()
    grouped = soup.select(".groups > .group, .groups > .part, .gallery > figure, .unseen > li")
    assert grouped
    for group in grouped:
        labels = [dt.get_text() for dt in group.select_one("details.lineage").find_all("dt")]
        assert {"listed", "item", "page", "picture", "fetched", "verdict"} <= set(labels)


def test_missing_names_are_left_out(tmp_path):
    soup = Artifacts(tmp_path, None).soup()
    assert captions(soup, "#removed-too_small") == ["row 12: 32x24 pixels"]
    assert "nm12, without a name" in [dd.get_text() for dd in soup.find_all("dd")]
    words = set(re.findall(r"\b(?:nan|none|na)\b", text_of(soup.body), re.IGNORECASE))
    assert not words
    assert not re.search(r", ,", text_of(soup.body))


# --- scores, curves and parameters


def rows_of_scores(artifacts: Artifacts) -> dict[str, list[str]]:
    """The cells of each row of the table of scores, by the score's name."""
    rows = [
        [text_of(cell) for cell in row.find_all(["th", "td"])]
        for row in artifacts.soup().select("#scores tr")
    ]
    return {name: cells for name, *cells in rows}


def test_scores_stand_in_their_columns_with_their_errors(artifacts):
    rows = rows_of_scores(artifacts)
    head, *names = rows
    sets = ["input copied", "mean colour", "training", "gap", "real vs real"]
    assert rows[head] == ["validation", "against baselines", *sets]
    same = ["colorfulness", "gray_share ↓"]
    assert names == ["l1 ↓", "psnr ↑", "ssim ↑", "fd_effnet ↓", "kd_effnet_x1000 ↓", *same]
    assert rows["l1 ↓"] == ["▲ 0.1", "better than both", "0.3", "0.3", "0.1", "0.0", ""]
    assert rows["fd_effnet ↓"][0] == "▲ 0.50 ± 0.012"
    assert rows["fd_effnet ↓"][2:] == [
        *["0.75 ± 0.012"] * 2,
        "0.50 ± 0.012",
        "0.00 ± 0",
        "0.50 ± 0.012",
    ]


@pytest.mark.parametrize(
    ("score", "value", "standing", "mark"),
    [
        ("l1", 0.29, "better than both", "▲"),
        ("l1", 0.31, "worse than both", "▼"),
        ("ssim", 0.81, "better than both", "▲"),
        ("ssim", 0.79, "worse than both", "▼"),
        ("psnr", 20.5, "as good as both", "="),
        ("fd_effnet", 0.76, "worse than both", "▼"),
    ],
)
def test_a_score_is_marked_as_better_or_worse_than_the_baselines(
    artifacts, score, value, standing, mark
):
    artifacts.val_scores = artifacts.val_scores | {score: value}
    row = next(v for name, v in rows_of_scores(artifacts).items() if name.startswith(score))
    assert row[1] == standing
    assert row[0].startswith(f"{mark} ")


def test_a_score_that_neither_is_better_of_has_no_mark(artifacts):
    assert rows_of_scores(artifacts)["colorfulness"][:2] == ["12.0", ""]


def test_scores_and_samples_come_before_all_but_what_failed(artifacts):
    order = ["scores", "samples", "curves", "checks", "funnel", "leaks", "pairs", "parameters"]
    assert [s["id"] for s in artifacts.soup().find_all("section")] == ["failed", *order]
    artifacts.findings[0]["failed"] = False
    assert [s["id"] for s in artifacts.soup().find_all("section")] == order


def test_the_scores_of_single_pictures_are_charted_beside_mean_and_baselines(artifacts):
    charts = artifacts.soup().select("#scores svg")
    assert [c["aria-label"].split()[0] for c in charts] == ["l1", "psnr", "ssim"]
    for chart in charts:
        assert sum(int(title.get_text()) for title in chart.select("rect title")) == 3
    legend = [text_of(label) for label in charts[0].select("text:not([text-anchor])")]
    assert legend == [*BASELINES, "mean 0.1"]


def test_the_page_says_on_what_the_scores_were_computed(artifacts):
    text = text_of(artifacts.soup().select_one("#parameters"))
    assert "Training on AMD EPYC, AVX512, in bfloat16. Evaluation on AMD EPYC, AVX2, in fl" in text
    assert "torch 2.14.1" in text


def test_the_page_says_that_there_is_no_fid_only_where_there_is_none(artifacts):
    assert "not FID, whose weights are not available" in artifacts.soup().get_text()
    artifacts.val_scores = artifacts.val_scores | {"fid": 20.0}
    artifacts.baseline_scores = artifacts.baseline_scores | {"fid": 40.0}
    assert "not FID" not in artifacts.soup().get_text()


def test_the_page_says_where_the_network_of_the_distance_has_taught_the_model(artifacts):
    assert "may flatter it" not in artifacts.soup().get_text()
    artifacts.p = artifacts.p.model_copy(update={"model": "pretrained"})
    assert "may flatter it" in text_of(artifacts.soup().select_one("#scores > p"))


@pytest.mark.parametrize("interpretable", [1, 0])
def test_the_gap_is_disowned_only_where_training_has_seen_validation(artifacts, interpretable):
    artifacts.findings[0]["failed"] = True  # a check that is no leak
    artifacts.interpretable = interpretable
    note = artifacts.soup().select_one("#scores > p").get_text()
    assert bool(re.search(r"\.\s+The gap means nothing", note)) is not bool(interpretable)


def legends(artifacts: Artifacts) -> dict[str, list[str]]:
    """The legend of each chart over training, by its title."""
    plots = artifacts.soup().select("#curves .charts > div")
    return {
        text_of(plot.h3): [text_of(label) for label in plot.select("text:not([text-anchor])")]
        for plot in plots
    }


def test_the_curves_are_charted_beside_the_baselines_in_reach(artifacts):
    assert legends(artifacts) == {
        "L1": ["training, last 0.25", "validation, last 0.2", *BASELINES],
        "Validation SSIM": ["validation, last 0.6"],  # 0.8 is beyond the scale
        "Validation fd_effnet": ["validation, last 1"],
        "Adversarial losses": ["generator, last 0.8", "discriminator, last 0.5"],
        "Share of patches the discriminator gets right": [
            "of photographs, last 0.6",
            "of outputs, last 0.5",
            "a guess 0.5",
        ],
    }


def test_the_discriminators_share_is_charted_from_0_to_1_with_a_line_at_a_half(artifacts):
    chart = artifacts.soup().select("#curves svg")[-1]
    ticks = [text_of(tick) for tick in chart.select('text[text-anchor="end"]')]
    assert (ticks[0], ticks[-1]) == ("0", "1")
    [line] = chart.select("line")
    heights = {text_of(t): float(t["y"]) for t in chart.select('text[text-anchor="end"]')}
    middle = (heights["0"] + heights["1"]) / 2
    assert float(line["y1"]) == float(line["y2"]) == pytest.approx(middle - 5)  # of the text


def test_a_training_without_discriminator_has_no_chart_of_it(artifacts):
    artifacts.history = "step,g_l1\n1,0.5\n2,0.25\n"
    assert list(legends(artifacts)) == ["L1", "Validation SSIM", "Validation fd_effnet"]
    assert "discriminator" not in text_of(artifacts.soup().select_one("#curves"))


def test_a_loss_that_came_later_or_ran_away_is_charted_where_it_is_a_number(artifacts):
    artifacts.history = "step,g_l1,d\n1,0.5,\n2,0.25,0.6\n3,nan,inf\n4,0.2,0.5\n"
    found = legends(artifacts)
    assert found["L1"][0] == "training, last 0.2"
    assert found["Adversarial losses"] == ["discriminator, last 0.5"]
    [curve] = artifacts.soup().select("#curves .charts > div:nth-of-type(4) polyline")
    assert len(set(curve["points"].split())) == 2


def test_the_snapshots_sheets_are_shown_in_the_order_of_training(artifacts):
    soup = artifacts.soup()
    assert captions(soup, "#curves .sheets") == ["step 1", "step 2"]
    artifacts.steps = []
    for sheet in (artifacts.data / "model" / "samples").iterdir():
        sheet.unlink()
    assert artifacts.soup().select("#curves .sheets") == []


def test_the_best_snapshot_is_named(artifacts):
    best = "Best snapshot by L1: step 2. "
    soup = artifacts.soup()
    assert "; 2 steps, 3 validation pictures" in text_of(soup.header)
    assert f"{best}It is scored and released." in text_of(soup.select_one("#curves"))
    artifacts.scored_step = 1
    soup = artifacts.soup()
    assert "; step 1 of 2 steps, 3 validation pictures" in text_of(soup.header)
    remedy = "To score and release it, set evaluate.snapshot: best_l1."
    assert best + remedy in text_of(soup.select_one("#curves"))


def test_the_parameters_are_shown_as_they_are(artifacts):
    assert artifacts.soup().pre.get_text() == artifacts.parameters


def test_the_experiment_and_the_versions_are_named(artifacts):
    soup = artifacts.soup()
    assert "experiment wiry-ants on 0123456789; 2 steps" in text_of(soup.header)
    text = text_of(soup.select_one("#parameters"))
    assert "experiment wiry-ants on 0123456789. torch 2.14.1;" in text
    assert "generator 1,234,567 parameters, 2 steps, 16 pictures seen" in text


def test_metrics_may_name_more_than_the_page_shows(artifacts):
    write_json(artifacts.metrics / "other.json", json.loads('{"a": {"b": 1}}'))
    assert artifacts.soup().h1
