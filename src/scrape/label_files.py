"""Label maps that are files of their own, each beside its photograph; and what is in no pair."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from src.errors import print_on_stderr
from src.imaging import decoding
from src.imaging.picture_folders import reasons_with_names
from src.parallel.local import map_processes
from src.storage.archives import read_bytes

# Statuses of pictures without a fitting partner; those of label maps begin with LABEL_STATUS.
UNPAIRED = ("no_label", "no_photo", "not_a_pair", "other_size", "outside_folders")
LABEL_STATUS = "label_"  # before the reason why a label map cannot be used


class Compared(NamedTuple):
    """What is found of a pair: its status, and whether its label map has one colour alone."""

    status: str
    label_is_plain: bool


def refuse_mismatches(table: pd.DataFrame, folder: Path) -> None:
    """Set the status of pairs in the ledger that do not fit, and delete files that no row names.

    The status of a label map that cannot be decoded begins with `label_`. A photograph that cannot
    be decoded is for `clean` to judge.
    """
    stored = _files(table)
    ok = table.loc[table["status"] == "ok", ["layout", "width", "file", "label_file"]]
    slivers = ok[(ok["layout"] != "single") & (ok["width"] < 2)]
    table.loc[slivers.index, "status"] = "not_a_pair"
    pairs = ok[ok["label_file"].notna()]
    if len(pairs):
        files = list(zip(pairs["file"], pairs["label_file"], strict=True))
        compare = partial(_compared, folder=folder)
        compared = map_processes(compare, files, "comparing pairs")
        table.loc[pairs.index, "status"] = [pair.status for pair in compared]
        are_plain = [pair.label_is_plain for pair in compared]
        _note_plain(list(table.loc[pairs.index[are_plain], "label_url"]), len(pairs))
    table.loc[table["status"] != "ok", ["file", "label_file"]] = None
    for name in sorted(stored - _files(table)):
        (folder / name).unlink()


def note_unusable(table: pd.DataFrame) -> None:
    """Count files that are no picture or in no pair by status, and name some, on the terminal."""
    status = table["status"].astype(str)
    unpaired = status.isin(UNPAIRED) | status.str.startswith(LABEL_STATUS)
    unusable = table[unpaired | (table["page_url"].isna() & (status != "ok"))]
    if unusable.empty:
        return
    names = {
        str(reason): list(rows["image_url"].fillna(rows["label_url"]).fillna("no file"))
        for reason, rows in unusable.groupby("status", sort=True)
    }
    fault = "are no pair" if unpaired.any() else "have no picture"
    note = f"{len(unusable)} of {len(table)} rows {fault}: {reasons_with_names(names)}"
    print_on_stderr(f"scrape: {note}")


def _files(table: pd.DataFrame) -> set[str]:
    return set(table["file"].dropna()) | set(table["label_file"].dropna())


def _note_plain(names: list[str], n_pairs: int) -> None:
    """Name the label maps that show nothing: in files of 16 bits small numbers are all black."""
    if names:
        note = f"{len(names)} of {n_pairs} label maps have one colour alone"
        remedy = (
            "of files of 16 bits only the upper 8 are read: write numbers in 8 bits, or colours"
        )
        print_on_stderr(f"scrape: {note}: {reasons_with_names({'plain': names})}; {remedy}")


def _compared(files: tuple[str, str], folder: Path) -> Compared:
    """Compare a photograph and its label map, which are named below `folder`."""
    photo, label = (folder / name for name in files)
    try:
        pixels = decoding.decode(read_bytes(label))
    except decoding.ImageError as error:
        return Compared(f"{LABEL_STATUS}{error.reason}", False)
    is_plain = bool((pixels == pixels[0, 0]).all())
    try:
        fits = decoding.decode(read_bytes(photo)).shape == pixels.shape
    except decoding.ImageError:
        fits = True
    return Compared("ok" if fits else "other_size", is_plain)
