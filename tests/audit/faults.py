"""Faults of the data before training, and of the outputs after it: one table each."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from src.audit.evidence import Evidence, OutputEvidence
from src.dataset.inputs import to_canny, to_gray
from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.storage.encoding import encode_png
from src.storage.ledger import write_ledger
from tests.audit.evidence import (
    OUTPUT_ROWS,
    SIZE,
    TRAIN_ROWS,
    VAL_ROWS,
    altered_copy,
    photo_of,
    rescored,
    select,
    with_baseline,
    with_file,
    with_input,
    with_labels,
    with_ledger,
    with_limits,
    with_list,
    with_names,
    with_photo,
    with_raw_file,
    with_side,
    without_rows,
    write_pages,
)
from tests.builders import square_crop

HTML = b"<!DOCTYPE html><title>503</title>"
Change = Callable[[Evidence], Evidence]
OutputChange = Callable[[OutputEvidence], OutputEvidence]
PixelChange = Callable[[np.ndarray], np.ndarray]


class Fault(NamedTuple):
    """A change of clean evidence, the one check that it fails, and the rows that this names."""

    check: str
    change: Callable
    rows: set[int]


# --- the list


def repeat_page(evidence: Evidence) -> Evidence:
    """The last page lists the first page's items, with other pictures."""
    ids = evidence.ledger["item_id"].copy()
    ids[25:30] = ids[0:5]
    return with_list(evidence, item_id=ids)


def mix_pages(evidence: Evidence) -> Evidence:
    """Pages 3 and 4 mix items of pages 1 and 2: no page equals another, no item is new."""
    ids = evidence.ledger["item_id"].copy()
    ids[10:20] = [ids[row] for row in (8, 0, 7, 1, 9, 2, 6, 3, 5, 4)]
    return with_list(evidence, item_id=ids)


def repeat_items(evidence: Evidence) -> Evidence:
    """Each page but the first lists an item of the page before it."""
    columns = {name: evidence.ledger[name].copy() for name in ("item_id", "image_url")}
    for column in columns.values():
        column[5::5] = list(column[3:28:5])
    return with_list(evidence, stated_total=25, **columns)


def share_item(evidence: Evidence) -> Evidence:
    """Validation holds another picture of row 0's item."""
    ids = evidence.ledger["item_id"].copy()
    ids[9] = ids[0]
    return with_list(evidence, item_id=ids)


def part_group(evidence: Evidence) -> Evidence:
    """Rows 0 and 9, which lie on both sides, are copies of one that was removed."""
    return with_ledger(
        evidence, group=evidence.ledger["group"].mask(evidence.ledger["row"] == 9, 0)
    )


def add_sides(evidence: Evidence) -> Evidence:
    """A removed row is on a side, and a kept one on a side that nothing reads."""
    rows = evidence.ledger["row"]
    return with_ledger(
        evidence,
        side=evidence.ledger["side"].mask(rows == 12, "test"),
        verdict=evidence.ledger["verdict"].mask(rows == 3, "grayscale"),
    )


def shift_names(rows: list[int]) -> Change:
    """Each picture has the next one's id, which differs from the saved page."""

    def change(evidence: Evidence) -> Evidence:
        ids = evidence.ledger["item_id"].copy()
        ids[rows] = list(ids[[*rows[1:], rows[0]]])
        return with_names(evidence, item_id=ids)

    return change


def garble_names(evidence: Evidence) -> Evidence:
    """One name is UTF-8 read as Windows-1252, one has a replacement character, two are right."""
    names = evidence.ledger["name"].copy()
    names[2:6] = ["Zoë O’Brien", "Zoë O’Brien".encode().decode("cp1252"), "Zo\ufffd", "Łucja 李"]
    return with_names(evidence, name=names)


def share_name(evidence: Evidence) -> Evidence:
    """Validation holds a picture of row 0's person under another id, in another spelling."""
    names = evidence.ledger["name"].copy()
    names[0], names[9] = "Zoë O’Brien", "ZOE  OBRIEN"
    return with_list(evidence, name=names)


# --- rows and files


def refuse_files(evidence: Evidence) -> Evidence:
    """Scrape refused four of thirty pictures."""
    rows = [3, 8, 13, 18]
    evidence = without_rows(evidence, rows)
    refused = evidence.ledger["row"].isin(rows)
    file = evidence.ledger["file"].mask(refused, None)
    return with_ledger(
        evidence, file=file, status=evidence.ledger["status"].mask(refused, "placeholder")
    )


def mark_unreadable(evidence: Evidence) -> Evidence:
    """Four of thirty files were error pages under a picture's name."""
    rows = [3, 8, 13, 18]
    evidence = without_rows(evidence, rows)
    verdict = evidence.ledger["verdict"].mask(evidence.ledger["row"].isin(rows), "unreadable")
    return with_ledger(evidence, verdict=verdict)


def drop_side(evidence: Evidence) -> Evidence:
    """A row is kept and on no side."""
    verdict = evidence.ledger["verdict"].copy()
    return with_ledger(without_rows(evidence, [12]), verdict=verdict)


def lose_scraped_rows(evidence: Evidence) -> Evidence:
    """Scrape wrote two rows more than the ledger holds."""
    more = pd.concat([evidence.ledger, evidence.ledger.tail(2)], ignore_index=True)
    write_ledger(more.assign(row=range(len(more))), evidence.raw / "ledger.parquet", "raw")
    return evidence


def lose_row(side: str, index: int) -> Change:
    return lambda evidence: select(
        evidence, side, np.delete(np.arange(len(evidence.sides[side])), index)
    )


def double_row(evidence: Evidence) -> Evidence:
    return select(evidence, "train", [0, *range(len(evidence.train))])


def repeat_ledger_row(evidence: Evidence) -> Evidence:
    """A row is listed a second time, under another item's id, so that no item repeats."""
    again = evidence.ledger.iloc[[12]].assign(item_id="nm9999", stated_total=30)
    ledger = pd.concat([evidence.ledger, again], ignore_index=True)
    write_pages(ledger, evidence.raw)
    return replace(evidence, ledger=ledger)


def delete_ledger_row(evidence: Evidence) -> Evidence:
    evidence = with_ledger(without_rows(evidence, [12]), stated_total=29)
    return replace(evidence, ledger=evidence.ledger[evidence.ledger["row"] != 12])


def swap_index_names(evidence: Evidence) -> Evidence:
    """Two neighbours in training have each other's id and name."""
    index = evidence.train.index.copy()
    index.loc[[5, 6], ["item_id", "name"]] = index.loc[[6, 5], ["item_id", "name"]].to_numpy()
    return with_side(evidence, "train", index=index)


def delete_file(evidence: Evidence) -> Evidence:
    (evidence.raw / "images/3").unlink()
    return evidence


def replace_file(row: int, data: bytes) -> Change:
    return lambda evidence: with_raw_file(evidence, row, data)


def halve_file(evidence: Evidence) -> Evidence:
    return with_raw_file(evidence, 9, (evidence.raw / "images/9").read_bytes()[:5000])


def change_bytes(evidence: Evidence) -> Evidence:
    """The file holds the same pixels in other bytes."""
    data = encode_png(read_photo(evidence.raw / "images/8"))
    return with_raw_file(evidence, 8, data + b"more", listed=False)


def use_placeholder(evidence: Evidence) -> Evidence:
    """Three items have the same silhouette, which clean removed."""
    evidence = without_rows(evidence, [5, 6, 7])
    for row in (5, 6, 7):
        evidence = with_raw_file(evidence, row, encode_png(np.full((40, 30, 3), 204, np.uint8)))
    return evidence


def use_thumbnails(evidence: Evidence) -> Evidence:
    for row in (1, 2, 4, 5):
        tiny = resize(read_photo(evidence.raw / f"images/{row}"), 48, 64)
        evidence = with_file(evidence, row, encode_png(tiny))
    return evidence


def measure_as(row: int, measure: str, value: float) -> Change:
    """Clean measured a value on a picture that it kept."""

    def change(evidence: Evidence) -> Evidence:
        column = evidence.ledger[measure].copy()
        column[row] = value
        return with_ledger(evidence, **{measure: column})

    return change


def remove_as_copy(evidence: Evidence, row: int, survivor: int) -> Evidence:
    """Clean removed a picture as a near duplicate of another."""
    evidence = without_rows(evidence, [row])
    is_removed = evidence.ledger["row"] == row
    return with_ledger(
        evidence, duplicate_of=evidence.ledger["duplicate_of"].mask(is_removed, survivor)
    )


def remove_another(evidence: Evidence) -> Evidence:
    return remove_as_copy(evidence, 7, 3)


def keep_caption(evidence: Evidence) -> Evidence:
    """The picture without the strip was removed."""
    evidence = remove_as_copy(evidence, 7, 3)
    original = (evidence.raw / "images/3").read_bytes()
    captioned = read_photo(evidence.raw / "images/3").copy()
    captioned[-24:] = (20, 40, 90)
    return with_file(with_raw_file(evidence, 7, original), 3, encode_png(captioned))


def show_skies(evidence: Evidence) -> Evidence:
    """Two photographs show skies of other colours, with a bird: a few edges, but no detail."""
    for row, red in ((2, 60), (11, 120)):
        light = np.linspace(150, 250, SIZE)[:, None]
        sky = np.stack(np.broadcast_arrays(red, light, 255, np.zeros((SIZE, SIZE)))[:3], axis=2)
        sky[30:33, 20:23] = red
        evidence = with_file(evidence, row, encode_png(sky.astype(np.uint8)))
    return evidence


# --- photographs


def shift_arrays(evidence: Evidence) -> Evidence:
    """Each training picture is at the next row's index."""
    pairs = evidence.train
    names = ("photo", "gray", "canny")
    return with_side(evidence, "train", **{n: np.roll(getattr(pairs, n), 1, axis=0) for n in names})


def swap_pale_photos(evidence: Evidence) -> Evidence:
    """Two small motifs on white are swapped: they differ by few levels."""
    for row in (2, 3):
        pale = np.full((SIZE, SIZE, 3), 255, np.uint8)
        pale[18:46, 18:46] = resize(photo_of(evidence, row), 28, 28)
        evidence = with_file(evidence, row, encode_png(pale))
    second, third = photo_of(evidence, 2).copy(), photo_of(evidence, 3).copy()
    return with_photo(with_photo(evidence, 2, third), 3, second)


def misread(row: int, change: PixelChange) -> Change:
    return lambda evidence: with_photo(
        evidence, row, np.ascontiguousarray(change(photo_of(evidence, row)))
    )


def ignore_orientation(evidence: Evidence) -> Evidence:
    """The file is stored turned, with the EXIF tag that says so."""
    turned, exif = (
        np.ascontiguousarray(np.rot90(read_photo(evidence.raw / "images/9"))),
        Image.Exif(),
    )
    exif[0x0112] = 6
    evidence = with_raw_file(evidence, 9, encode_png(turned, exif.tobytes()))
    return with_photo(evidence, 9, square_crop(turned, SIZE, "center"))


def drop_alpha(evidence: Evidence) -> Evidence:
    """The file's background is transparent, the array's is black."""
    pixels = read_photo(evidence.raw / "images/7").copy()
    alpha = np.zeros(pixels.shape[:2], np.uint8)
    alpha[:, 40:150] = 255
    pixels[alpha == 0] = 0
    evidence = with_raw_file(evidence, 7, encode_png(np.dstack([pixels, alpha])))
    return with_photo(evidence, 7, square_crop(pixels, SIZE, "center"))


def copy_across(kind: str) -> Change:
    """A validation picture is an altered copy of a training picture."""
    return lambda evidence: with_file(evidence, 14, altered_copy(photo_of(evidence, 16), kind))


def rule_copy(evidence: Evidence) -> Evidence:
    """A person ruled that two pictures across the sides are copies."""
    return with_ledger(
        evidence, forced=evidence.ledger["forced"].mask(evidence.ledger["row"] == 14, "16")
    )


def remove_color(kind: str, row: int) -> Change:
    return lambda evidence: with_file(evidence, row, altered_copy(photo_of(evidence, row), kind))


def truncate(evidence: Evidence) -> Evidence:
    """A lenient decoder filled the lowest quarter."""
    pixels = read_photo(evidence.raw / "images/4").copy()
    pixels[176:] = 128
    return with_file(evidence, 4, encode_png(pixels))


# --- inputs


def shuffle_input(name: str, side: str) -> Change:
    """Each pair has the previous one's input."""
    return lambda evidence: with_side(
        evidence, side, **{name: np.roll(getattr(evidence.sides[side], name), 1, axis=0)}
    )


def derive_gray(row: int, derive: PixelChange) -> Change:
    return lambda evidence: with_input(evidence, "gray", row, derive)


def move_edges_down(evidence: Evidence) -> Evidence:
    canny = evidence.pair.canny
    return with_input(evidence, "canny", 11, lambda p: np.roll(to_canny(p, canny), 1, axis=0))


def skip_blur(evidence: Evidence) -> Evidence:
    canny = evidence.pair.canny.model_copy(update={"blur": 1})
    return with_input(evidence, "canny", 24, lambda p: to_canny(p, canny))


def remove_edges(row: int) -> Change:
    """The photograph has no edge."""
    ramp = np.linspace(40, 220, 128)
    soft = np.stack(np.broadcast_arrays(ramp, ramp[:, None], 128.0), axis=2).astype(np.uint8)
    return lambda evidence: with_file(evidence, row, encode_png(soft))


def draw_stripes(row: int) -> Change:
    """The photograph shows stripes one pixel wide, in colours that change slowly."""
    ramp = np.linspace(0, 50, SIZE)
    stripes = np.stack(np.broadcast_arrays(ramp, ramp[:, None], 0.0), axis=2)
    stripes[:, ::4] += 200
    return lambda evidence: with_file(evidence, row, encode_png(stripes.astype(np.uint8)))


def cut_through_faces(rows: set[int]) -> Change:
    """Files are 192x256, so that an eighth is cut off above and below; faces begin too high."""

    def change(evidence: Evidence) -> Evidence:
        for side, pairs in evidence.sides.items():
            tops = [0.05 if row in rows else 0.2 for row in pairs.index["row"]]
            faces = [[(0.3, top, 0.6, top + 0.25)] for top in tops]
            evidence = with_side(evidence, side, index=pairs.index.assign(faces=faces))
        return evidence

    return change


def blank_labels(evidence: Evidence) -> Evidence:
    """Every photograph has the same map: the worst tenth are the first three."""
    evidence = with_labels(evidence)
    for side, pairs in evidence.sides.items():
        evidence = with_side(evidence, side, labels=np.full_like(pairs.photo, 7))
    return with_ledger(evidence, label_file=None)


def rotate_three_labels(evidence: Evidence) -> Evidence:
    evidence = with_limits(with_labels(evidence), labels_fit=0.99)
    labels = evidence.train.labels.copy()
    labels[[0, 1, 2]] = labels[[1, 2, 0]]
    return with_ledger(with_side(evidence, "train", labels=labels), label_file=None)


def misread_label(row: int, change_pixels: PixelChange) -> Change:
    """A label map of training differs from its file."""

    def change(evidence: Evidence) -> Evidence:
        evidence = with_labels(evidence)
        labels = evidence.train.labels.copy()
        index = list(evidence.train.index["row"]).index(row)
        labels[index] = change_pixels(labels[index])
        return with_side(evidence, "train", labels=labels)

    return change


# --- sides


def grow_cluster(evidence: Evidence) -> Evidence:
    ledger = evidence.ledger
    return with_ledger(evidence, cluster=ledger["cluster"].mask(ledger["row"] < 7, 0))


def remove_rows(rows: list[int]) -> Change:
    return lambda evidence: without_rows(evidence, rows)


def state_total(total: int) -> Change:
    return lambda evidence: with_ledger(evidence, stated_total=total)


FAULTS = {
    "the first page again": Fault("repeated_pages", repeat_page, {25}),
    "pages of items seen before": Fault("repeated_pages", mix_pages, {10, 15}),
    "shorter than stated": Fault("missing_from_list", state_total(50), {29}),
    "items again": Fault("repeated_items", repeat_items, {5, 10, 15, 20, 25}),
    "two names swapped": Fault("misplaced_pictures", shift_names([10, 11]), {10, 11}),
    "names shifted in JSON": Fault("misplaced_pictures", shift_names([5, 6, 7, 8]), {5, 6, 7, 8}),
    "names in another encoding": Fault("garbled_names", garble_names, {3, 4}),
    "pictures refused": Fault("unfetched_pictures", refuse_files, {3, 8, 13, 18}),
    "error pages": Fault("unfetched_pictures", mark_unreadable, {3, 8, 13, 18}),
    "a kept row on no side": Fault("lost_rows", drop_side, {12}),
    "sides of no use": Fault("lost_rows", add_sides, {3, 12}),
    "fewer rows than scraped": Fault("lost_rows", lose_scraped_rows, {29}),
    "a row lost in training": Fault("lost_rows", lose_row("train", 10), {12}),
    "a row lost in validation": Fault("lost_rows", lose_row("val", 1), {9}),
    "a row doubled": Fault("lost_rows", double_row, {0}),
    "a row twice in the ledger": Fault("lost_rows", repeat_ledger_row, {12}),
    "a row gone from the ledger": Fault("lost_rows", delete_ledger_row, {12}),
    "names of the next": Fault("misnamed_pairs", swap_index_names, {6, 7}),
    "a file gone": Fault("broken_files", delete_file, {3}),
    "an error page": Fault("broken_files", replace_file(6, HTML), {6}),
    "an empty file": Fault("broken_files", replace_file(6, b""), {6}),
    "half a file": Fault("broken_files", halve_file, {9}),
    "other bytes": Fault("broken_files", change_bytes, {8}),
    "one picture for three": Fault("placeholders", use_placeholder, {5, 6, 7}),
    "faces above the crop": Fault("cut_faces", cut_through_faces({2, 9}), {2, 9}),
    "thumbnails": Fault("upscaled_pictures", use_thumbnails, {1, 2, 4, 5}),
    "a blurred picture": Fault("blurred_pictures", measure_as(7, "sharpness", 0.249), {7}),
    "a dark picture": Fault("dark_pictures", measure_as(9, "highlights", 81), {9}),
    "a bright picture": Fault("bright_pictures", measure_as(3, "shadows", 226), {3}),
    "a picture of one colour": Fault(
        "low_information_pictures", measure_as(4, "entropy", 1.9), {4}
    ),
    "a narrow strip": Fault("odd_aspect_pictures", measure_as(2, "aspect_ratio", 0.349), {2}),
    "birds in the sky": Fault("blank_pictures", show_skies, {2, 11}),
    "another picture removed": Fault("unconfirmed_copies", remove_another, {7}),
    "a caption kept": Fault("captioned_survivors", keep_caption, {3}),
    "pale pictures swapped": Fault("altered_photos", swap_pale_photos, {2, 3}),
    "red and blue": Fault("altered_photos", misread(2, lambda p: p[..., ::-1]), {2}),
    "mirrored in validation": Fault("altered_photos", misread(14, lambda p: p[:, ::-1]), {14}),
    "half of the range": Fault("altered_photos", misread(2, lambda p: 128 + p // 2), {2}),
    "orientation ignored": Fault("altered_photos", ignore_orientation, {9}),
    "alpha dropped": Fault("altered_photos", drop_alpha, {7}),
    "rows of pictures shifted": Fault("altered_photos", shift_arrays, TRAIN_ROWS),
    "one channel in training": Fault("grayscale_targets", remove_color("gray", 3), {3}),
    "gray with noise in training": Fault("grayscale_targets", remove_color("gray_rgb", 3), {3}),
    "sepia in validation": Fault("grayscale_targets", remove_color("sepia", 9), {9}),
    "an incomplete download": Fault("truncated_photos", truncate, {4}),
    "training's gray shuffled": Fault("gray_is_mean", shuffle_input("gray", "train"), TRAIN_ROWS),
    "validation's gray shuffled": Fault("gray_is_mean", shuffle_input("gray", "val"), VAL_ROWS),
    "luma": Fault(
        "gray_is_mean", derive_gray(7, lambda p: cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)), {7}
    ),
    "gray moved aside": Fault(
        "gray_is_mean", derive_gray(4, lambda p: np.roll(to_gray(p), 2, axis=1)), {4}
    ),
    "gray inverted": Fault("gray_is_mean", derive_gray(7, lambda p: 255 - to_gray(p)), {7}),
    "training's edges shuffled": Fault(
        "edges_are_canny", shuffle_input("canny", "train"), TRAIN_ROWS
    ),
    "validation's edges shuffled": Fault(
        "edges_are_canny", shuffle_input("canny", "val"), VAL_ROWS
    ),
    "edges moved down": Fault("edges_are_canny", move_edges_down, {11}),
    "edges without a blur": Fault("edges_are_canny", skip_blur, {24}),
    "no edges in training": Fault("blank_edges", remove_edges(2), {2}),
    "no edges in validation": Fault("blank_edges", remove_edges(24), {24}),
    "all edges in training": Fault("full_edges", draw_stripes(2), {2}),
    "all edges in validation": Fault("full_edges", draw_stripes(24), {24}),
    "one label map for all": Fault("labels_fit_photos", blank_labels, {0, 1, 2}),
    "label maps of the next": Fault("labels_fit_photos", rotate_three_labels, {0, 1, 2}),
    "a label map's red and blue": Fault(
        "altered_labels", misread_label(2, lambda p: p[..., ::-1]), {2}
    ),
    "a label map mirrored": Fault("altered_labels", misread_label(7, lambda p: p[:, ::-1]), {7}),
    "copies of a removed picture across": Fault("parted_groups", part_group, {9}),
    "an item on both sides": Fault("shared_items", share_item, {9}),
    "one person under two ids": Fault("shared_names", share_name, {0, 9}),
    "recompressed across": Fault("leaked_pictures", copy_across("recompressed"), {14}),
    "mirrored across": Fault("leaked_pictures", copy_across("mirrored"), {14}),
    "cropped across": Fault("leaked_pictures", copy_across("cropped"), {14}),
    "captioned across": Fault("leaked_pictures", copy_across("captioned"), {14}),
    "copies by ruling across": Fault("leaked_pictures", rule_copy, {14}),
    "one cluster": Fault("giant_cluster", grow_cluster, set(range(7))),
    "too few to train on": Fault(
        "train_size", remove_rows([row for row in sorted(TRAIN_ROWS) if row > 17]), set()
    ),
    "too few to validate on": Fault("val_size", remove_rows([4, 9, 14]), set()),
}

# --- outputs

# Limits that part the faults of outputs from each other.
OUTPUT_LIMITS = {
    "foreign_outputs": 0,
    "score_error": 0.002,
    "own_target_share": 0.7,
    "color_share": 0.7,
    "contrast_share": 0.75,
    "variety_share": 0.6,
    "saturated_share": 0.25,
    "l1_of_baseline": 1.0,
    "ssim_error_of_baseline": 1.5,
    "distance_of_baseline": 1.0,
    "loss_of_lowest": 1.5,
}


def change_outputs(change: PixelChange) -> OutputChange:
    """Every output is changed, and scored as it then is."""

    def change_and_score(evidence: OutputEvidence) -> OutputEvidence:
        pictures = change(np.stack(list(evidence.outputs.values())).astype(np.float64))
        levels = pictures.clip(0, 255).astype(np.uint8)
        outputs = dict(zip(evidence.outputs, levels, strict=True))
        return rescored(replace(evidence, outputs=outputs))

    return change_and_score


def add_output(row: int) -> OutputChange:
    def add(evidence: OutputEvidence) -> OutputEvidence:
        picture = evidence.outputs[OUTPUT_ROWS[0]]
        return replace(evidence, outputs=evidence.outputs | {row: picture})

    return add


def lose_output(evidence: OutputEvidence) -> OutputEvidence:
    outputs = dict(evidence.outputs)
    del outputs[OUTPUT_ROWS[2]]
    return replace(evidence, outputs=outputs)


def change_score(difference: float) -> OutputChange:
    return lambda evidence: replace(
        evidence, scores=evidence.scores | {"l1": evidence.scores["l1"] + difference}
    )


def improve_baseline(name: str, score: str, factor: float) -> OutputChange:
    """A baseline has the model's score times a factor."""
    return lambda evidence: with_baseline(
        evidence, name, **{score: factor * evidence.scores[score]}
    )


def change_losses(losses: np.ndarray) -> OutputChange:
    return lambda evidence: replace(evidence, losses=losses)


def burn(pictures: np.ndarray) -> np.ndarray:
    """Colours and light far beyond the range, in their places."""
    return 128 + 6 * (pictures - 128)


def components(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each picture's mean colour, its light and shade, and its colours around that mean."""
    mean = pictures.mean(axis=(1, 2), keepdims=True)
    light = (pictures - mean).mean(axis=3, keepdims=True)
    return mean, light, pictures - mean - light


def fade(pictures: np.ndarray) -> np.ndarray:
    mean, light, _ = components(pictures)
    return mean + light


def flatten(pictures: np.ndarray) -> np.ndarray:
    mean, light, colors = components(pictures)
    return mean + 0.6 * light + 0.75 * colors


def tint(pictures: np.ndarray) -> np.ndarray:
    return pictures - pictures.mean(axis=(1, 2), keepdims=True) + pictures.mean(axis=(0, 1, 2))


OUTPUT_FAULTS = {
    "a training picture scored": Fault("foreign_outputs", add_output(7), {7}),
    "an unknown picture scored": Fault("foreign_outputs", add_output(999), {999}),
    "an output lost": Fault("foreign_outputs", lose_output, {OUTPUT_ROWS[2]}),
    "too good a score": Fault("scores_of_another_run", change_score(-0.01), {OUTPUT_ROWS[0]}),
    "too bad a score": Fault("scores_of_another_run", change_score(0.01), {OUTPUT_ROWS[0]}),
    "negatives": Fault("outputs_fit_targets", change_outputs(lambda p: 255 - p), {*OUTPUT_ROWS}),
    "faded outputs": Fault("lost_color", change_outputs(fade), {*OUTPUT_ROWS}),
    "flat outputs": Fault("lost_contrast", change_outputs(flatten), {*OUTPUT_ROWS}),
    "one tint for all": Fault("lost_variety", change_outputs(tint), {*OUTPUT_ROWS}),
    "burnt colours": Fault("saturated_outputs", change_outputs(burn), {*OUTPUT_ROWS}),
    "a worse L1 than the input's": Fault(
        "l1_worse_than_baseline", improve_baseline("copy_input", "l1", 0.9), {*OUTPUT_ROWS}
    ),
    "a worse L1 than the mean colour's": Fault(
        "l1_worse_than_baseline", improve_baseline("mean_color", "l1", 0.9), {*OUTPUT_ROWS}
    ),
    "a worse SSIM than the input's": Fault(
        "ssim_worse_than_baseline", improve_baseline("copy_input", "ssim", 1.06), set()
    ),
    "a worse distance than the input's": Fault(
        "distance_worse_than_baseline", improve_baseline("copy_input", "fd_effnet", 0.9), set()
    ),
    "a worse distance than the mean colour's": Fault(
        "distance_worse_than_baseline", improve_baseline("mean_color", "fd_effnet", 0.9), set()
    ),
    "a loss that rose": Fault("runaway_loss", change_losses(np.linspace(0.1, 0.5, 100)), set()),
    "a loss that is no number": Fault(
        "runaway_loss", change_losses(np.array([0.2, 0.1, np.nan])), set()
    ),
    "a loss above the baselines'": Fault(
        "runaway_loss", change_losses(np.linspace(4, 3.5, 100)), set()
    ),
}
