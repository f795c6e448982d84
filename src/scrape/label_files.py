"""Label maps that are files of their own, each beside its photograph; and what is in no pair."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.errors import print_on_stderr
from src.imaging import decoding
from src.imaging.encoded_picture import open_image, open_picture
from src.imaging.image_error import ignore_metadata_errors
from src.imaging.picture_folders import reasons_with_names
from src.parallel.local import map_processes
from src.scrape.raw_ledger import LABEL_STATUS, RawLedger
from src.storage.archives import read_bytes

# Statuses of pictures without a fitting partner; those of label maps begin with LABEL_STATUS.
UNPAIRED = (
    "no_label",
    "no_photo",
    "not_a_pair",
    "other_size",
    "other_orientation",
    "outside_folders",
)
LEVELS = 256  # of 8 bits
MIN_LARGEST = 1 << 14  # of numbers of 16 bits that use them: others are nearly black


class PairCheck(NamedTuple):
    """A pair's status, and what is odd about its label map.

    Attributes:
        status: `ok`, or why there is no pair.
        fault: `plain`, of one colour alone; `merged`, of numbers of 16 bits that are equal in 8;
            `turned`, whose photograph alone is turned by EXIF; or "".
    """

    status: str
    fault: str = ""


def refuse_mismatches(ledger: RawLedger, folder: Path) -> None:
    """Set the status of pairs in the ledger that do not fit.

    The status of a label map that cannot be decoded begins with `label_`. A photograph that cannot
    be decoded is for `clean` to judge.
    """
    if not (pairs := ledger.pairs()):
        return
    compare = partial(_check_pair, folder=folder)
    files = [(file, label_file) for _, file, label_file, _ in pairs]
    faults: dict[str, list[str]] = {}
    compared = map_processes(compare, files, "comparing pairs")
    for (row, _, _, name), pair in zip(pairs, compared, strict=True):
        ledger.set_status(row, pair.status)
        if pair.fault:
            faults.setdefault(pair.fault, []).append(name)
    _note_faults(faults, len(pairs))


def note_unusable(ledger: RawLedger) -> None:
    """Count files that are no picture or in no pair by status, and name some, on the terminal."""
    if not (names := ledger.unusable_files()):
        return
    unpaired = any(status in UNPAIRED or status.startswith(LABEL_STATUS) for status in names)
    fault = "are no pair" if unpaired else "have no picture"
    count = sum(map(len, names.values()))
    note = f"{count} of {len(ledger)} rows {fault}: {reasons_with_names(names)}"
    print_on_stderr(f"scrape: {note}")


def _note_faults(names: dict[str, list[str]], n_pairs: int) -> None:
    """Name the label maps that may not show their photograph's parts, by their faults."""
    if turned := names.pop("turned", None):
        note = f"of {len(turned)} of {n_pairs} pairs EXIF turns one file, and not the other"
        remedy = "look at some: do the label maps show the photographs upright?"
        print_on_stderr(f"scrape: {note}: {reasons_with_names({'turned': turned})}; {remedy}")
    if names:
        count = sum(map(len, names.values()))
        note = f"{count} of {n_pairs} label maps have one colour for several parts, or for all"
        remedy = (
            "of files of 16 bits only the upper 8 are read: write numbers in 8 bits, or colours"
        )
        print_on_stderr(f"scrape: {note}: {reasons_with_names(names)}; {remedy}")


def _check_pair(files: tuple[str, str], folder: Path) -> PairCheck:
    """Compare a photograph and its label map, which are named below `folder`."""
    photo, label = (folder / name for name in files)
    data = read_bytes(label)
    try:
        pixels = decoding.decode(data)
    except decoding.ImageError as error:
        return PairCheck(f"{LABEL_STATUS}{error.reason}")
    try:
        opened = open_picture(read_bytes(photo))
        size = decoding.decode_picture(opened).shape
    except decoding.ImageError:
        return PairCheck("ok", _label_fault(data, pixels))
    is_turned = opened.orientation != open_picture(data).orientation
    if size != pixels.shape:
        swapped = is_turned and size == (pixels.shape[1], pixels.shape[0], 3)
        return PairCheck("other_orientation" if swapped else "other_size")
    return PairCheck("ok", _label_fault(data, pixels) or ("turned" if is_turned else ""))


def _label_fault(data: bytes, pixels: np.ndarray) -> str:
    """Return the fault of a label map, as `PairCheck` has it.

    Args:
        data: Its file.
        pixels: As it is read.
    """
    with ignore_metadata_errors():  # Pillow alone may refuse what `decode` reads
        image = open_image(data)
        if image.mode.startswith("I"):  # of one channel, with more than 8 bits
            numbers = np.unique(np.asarray(image))
            is_merged = len(numbers) > len(np.unique(pixels[..., 0]))
            # a map of depths or heights has more numbers than 8 bits, and up to the largest ones
            if is_merged and (len(numbers) <= LEVELS or numbers[-1] < MIN_LARGEST):
                return "merged"
    return "plain" if (pixels == pixels[0, 0]).all() else ""
