"""Evidence without a fault, and the changes that faults are made of."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from src.audit import findings
from src.audit.checks import CHECKS
from src.audit.evidence import Evidence, OutputEvidence
from src.audit.registry import When
from src.dataset.arrays import Pairs
from src.dataset.inputs import to_canny, to_gray
from src.demo import site
from src.demo.inventory import Entry, alter
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.model import image_metrics
from src.params import Size
from src.storage.encoding import encode_jpeg, encode_png
from tests.builders import ledger_table, pairs_of, square_crop
from tests.conftest import DEFAULTS

PER_PAGE = 5
SIZE = 64
VAL_ROWS = {4, 9, 14, 19, 24, 29}
TRAIN_ROWS = set(range(30)) - VAL_ROWS
OUTPUT_ROWS = range(100, 108)  # validation's; training holds rows 0-9
# So bad that outputs with a fault of another kind are better.
BAD_SCORES = {"l1": 1.9, "ssim": -1.0, "fd_effnet": 9.0}
BASELINES = dict.fromkeys(("copy_input", "mean_color"), BAD_SCORES)
CHECKS_BY_NAME = {check.name: check for check in CHECKS}


def checks_of(when: When) -> list[str]:
    """Return the names of the checks before or after training."""
    return [check.name for check in CHECKS if check.when == when]


def fired(evidence: Evidence | OutputEvidence) -> dict[str, set[int]]:
    """Return the checks that fail, and the rows that each names."""
    when: When = "before" if isinstance(evidence, Evidence) else "after"
    return {
        name: {offender.row for offender in finding.offenders}
        for name, finding in findings.run(evidence, when).items()
        if finding.failed
    }


def with_limits(evidence: Evidence | OutputEvidence, **limits: float) -> Evidence | OutputEvidence:
    return replace(evidence, limits=evidence.limits | limits)


# --- before training


def evidence_of(files: Sequence[bytes], raw: Path, layout: str = "single") -> Evidence:
    """Return a list of items with a picture each, every fifth of them in validation."""
    p = DEFAULTS
    pair = p.pair.model_copy(update={"crop_size": Size(SIZE, SIZE)})
    (raw / "images").mkdir(parents=True)
    for row, data in enumerate(files):
        (raw / f"images/{row}").write_bytes(data)
    rows = [
        {
            "page": row // PER_PAGE + 1,
            "position": row % PER_PAGE + 1,
            "item_id": f"nm{row:04d}",
            "page_url": f"{site.LIST_URL}?page={row // PER_PAGE + 1}",
            "image_url": f"{site.ORIGIN}/images/M/MV5B{row:06d}@._V1_UX512_.jpg",
            "file": f"images/{row}",
            "sha256": hashlib.sha256(data).hexdigest(),
            "side": "val" if row % 5 == 4 else "train",
        }
        for row, data in enumerate(files)
    ]
    ledger = ledger_table(rows, stated_total=len(rows), layout=layout)
    write_pages(ledger, raw)
    sides = []
    for side in ("train", "val"):
        index = ledger.loc[ledger["side"] == side, ["row", "item_id", "name"]]
        photos = [read_photo(raw / f"images/{row}", layout) for row in index["row"]]
        squares = [square_crop(photo, SIZE, "center") for photo in photos]
        pairs = pairs_of(squares, canny=pair.canny)
        sides.append(replace(pairs, index=index.reset_index(drop=True)))
    limits = findings.resolve_limits(p.audit.limits)
    return Evidence(ledger, *sides, raw, "sketch", pair, limits)


def write_pages(ledger: pd.DataFrame, raw: Path) -> None:
    """Write the list pages that say what the ledger says, in the demo's two layouts by turns."""
    for page, rows in ledger.groupby("page"):
        columns = (rows[name] for name in ("image_url", "item_id", "name"))
        entries = [
            Entry(int(url.split("MV5B")[1][:6]), item, str(name), "portrait", 0)
            for url, item, name in zip(*columns, strict=True)
        ]
        layout = site.lister if page % 2 else site.next_data
        file = raw / f"pages/{page:04d}.html"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(layout(entries, len(ledger), page, True), encoding="utf-8")


def position(evidence: Evidence, row: int) -> tuple[str, int]:
    """Return the side of a row and its index in the arrays."""
    side = evidence.ledger["side"][row]
    return side, list(evidence.sides[side].index["row"]).index(row)


def photo_of(evidence: Evidence, row: int) -> np.ndarray:
    side, index = position(evidence, row)
    return evidence.sides[side].photo[index]


def with_ledger(evidence: Evidence, **columns: object) -> Evidence:
    return replace(evidence, ledger=evidence.ledger.assign(**columns))


def with_side(evidence: Evidence, side: str, **arrays: object) -> Evidence:
    return replace(evidence, **{side: replace(evidence.sides[side], **arrays)})


def with_names(evidence: Evidence, **columns: pd.Series) -> Evidence:
    """Change columns of the ledger, and the ids and names of the arrays' index with them."""
    evidence = with_ledger(evidence, **columns)
    for side, pairs in evidence.sides.items():
        names = evidence.ledger.set_index("row").loc[pairs.index["row"], ["item_id", "name"]]
        index = pairs.index.assign(**names.reset_index(drop=True))
        evidence = with_side(evidence, side, index=index)
    return evidence


def with_list(evidence: Evidence, **columns: pd.Series) -> Evidence:
    """Change columns of the ledger, the arrays' index and the saved pages with them."""
    evidence = with_names(evidence, **columns)
    write_pages(evidence.ledger, evidence.raw)
    return evidence


def with_photo(evidence: Evidence, row: int, photo: np.ndarray) -> Evidence:
    """Replace a photograph of the arrays, and its inputs with it."""
    side, index = position(evidence, row)
    canny = to_canny(photo, evidence.pair.canny)
    pictures = {"photo": photo, "gray": to_gray(photo), "canny": canny}
    arrays = {name: getattr(evidence.sides[side], name).copy() for name in pictures}
    for name, picture in pictures.items():
        arrays[name][index] = picture
    return with_side(evidence, side, **arrays)


def with_input(evidence: Evidence, name: str, row: int, derive: Callable) -> Evidence:
    """Replace a row's gray or canny input by `derive` of its photograph."""
    side, index = position(evidence, row)
    array = getattr(evidence.sides[side], name).copy()
    array[index] = derive(photo_of(evidence, row))
    return with_side(evidence, side, **{name: array})


def with_raw_file(evidence: Evidence, row: int, data: bytes, listed: bool = True) -> Evidence:
    """Replace a row's file, and its digest in the ledger unless `listed` is False."""
    (evidence.raw / evidence.ledger["file"][row]).write_bytes(data)
    if not listed:
        return evidence
    digests = evidence.ledger["sha256"].copy()
    digests[row] = hashlib.sha256(data).hexdigest()
    return with_ledger(evidence, sha256=digests)


def with_file(evidence: Evidence, row: int, data: bytes) -> Evidence:
    """Replace a row's file and everything that the stages derive from it."""
    square = square_crop(decoding.decode(data), SIZE, "center")
    return with_photo(with_raw_file(evidence, row, data), row, square)


def select(evidence: Evidence, side: str, indices: Sequence[int] | np.ndarray) -> Evidence:
    """Keep the pairs of some indices of a side, in that order."""
    pairs = evidence.sides[side]
    arrays = {name: getattr(pairs, name)[indices] for name in ("photo", "gray", "canny")}
    index = pairs.index.iloc[indices].reset_index(drop=True)
    return with_side(evidence, side, **arrays, index=index)


def without_rows(evidence: Evidence, rows: list[int]) -> Evidence:
    """Remove rows as a stage does, with a verdict in the ledger."""
    removed = evidence.ledger["row"].isin(rows)
    verdict = evidence.ledger["verdict"].mask(removed, "near_duplicate")
    side = evidence.ledger["side"].mask(removed, None)
    evidence = with_ledger(evidence, side=side, verdict=verdict)
    for name, pairs in evidence.sides.items():
        evidence = select(evidence, name, np.flatnonzero(~pairs.index["row"].isin(rows)))
    return evidence


def with_labels(evidence: Evidence) -> Evidence:
    """Add label maps, which the task reads: the photographs in few colours; and their files."""
    evidence = replace(evidence, task="labels")
    files: dict[int, bytes] = {}
    for side, pairs in evidence.sides.items():
        labels = np.asarray(pairs.photo) // 64 * 64
        files |= dict(zip(pairs.index["row"], map(encode_png, labels), strict=True))
        evidence = with_side(evidence, side, labels=labels)
    for row, data in files.items():
        (evidence.raw / f"images/{row}.label.png").write_bytes(data)
    rows = evidence.ledger["row"]
    return with_ledger(
        evidence,
        label_file=[f"images/{row}.label.png" if row in files else None for row in rows],
        label_sha256=[
            hashlib.sha256(files[row]).hexdigest() if row in files else None for row in rows
        ],
    )


def altered_copy(picture: np.ndarray, kind: str) -> bytes:
    """Return an altered copy as a file of the size that files have."""
    return alter(resize(picture, 256, 256), kind, np.random.default_rng(1))


# --- after training


def output_evidence_of(photos: Sequence[np.ndarray]) -> OutputEvidence:
    """Return validation pictures, and outputs that are those saved again as JPEG."""
    rows = list(range(100, 100 + len(photos)))
    outputs = {
        row: decoding.decode(encode_jpeg(photo, 70))
        for row, photo in zip(rows, photos, strict=True)
    }
    val: Pairs = pairs_of(photos, rows)
    limits, settings = findings.resolve_limits({}), DEFAULTS.train
    losses, train_rows = np.array([]), frozenset(range(10))
    evidence = rescored(
        OutputEvidence(
            val,
            train_rows,
            outputs,
            {},
            BASELINES,
            losses,
            "colorize",
            settings,
            limits,
            settings.steps,
        )
    )
    return replace(evidence, losses=evidence.scores["l1"] * np.linspace(2, 1, 100))


def rescored(evidence: OutputEvidence) -> OutputEvidence:
    """Record the L1 and SSIM that evaluate would record for these outputs, and a distance."""
    outputs = np.stack([evidence.outputs[row] for row in evidence.val.index["row"]])
    each = image_metrics.scores(outputs, np.asarray(evidence.val.photo))
    scores = {name: round(float(each[name].mean()), 4) for name in ("l1", "ssim")}
    return replace(evidence, scores=scores | {"fd_effnet": 0.5, "n": len(outputs)})


def with_baseline(evidence: OutputEvidence, name: str, **scores: float) -> OutputEvidence:
    """Change scores of a baseline, copy_input or mean_color."""
    changed = evidence.baselines[name] | scores
    return replace(evidence, baselines=evidence.baselines | {name: changed})
