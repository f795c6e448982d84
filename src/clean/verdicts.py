"""What is kept and what is removed, with the reason and its number in the ledger.

The survivor of several copies is the one in colour, of these the largest, and among equals the
one listed first. Copies are gathered around their survivor only: whoever does not match the
survivor itself stays, so that chains of likeness never swallow a picture that has no copy left.
"""

import pandas as pd

from src import neighbours
from src.clean.measure import Measured
from src.parallel import progress
from src.params import Clean

VERDICTS = (
    "keep",
    "missing",
    "unreadable",
    "too_small",
    "grayscale",
    "exact_duplicate",
    "near_duplicate",
)


def judge(
    table: pd.DataFrame, measured: dict[tuple[str, str], Measured], clean: Clean
) -> pd.DataFrame:
    """The ledger with clean's columns; every row gets one of VERDICTS."""
    table = table.copy()
    files = zip(table["file"], table["layout"], strict=True)
    by_row = {row: measured.get(key) for row, key in zip(table["row"], files, strict=True)}
    verdict = {row: _own_verdict(m, clean) for row, m in by_row.items()}
    good = [row for row, word in verdict.items() if word == "keep"]
    copies = _exact(good, by_row)
    survivors = [row for row in good if row not in copies]
    near = _near(survivors, by_row, clean)
    # a copy of a copy belongs to the survivor
    for row, (of, similarity) in copies.items():
        copies[row] = (
            (near[of][0], min(similarity, near[of][1])) if of in near else (of, similarity)
        )
    if clean.duplicates == "remove":
        verdict |= dict.fromkeys(copies, "exact_duplicate") | dict.fromkeys(near, "near_duplicate")
    duplicates = copies | near
    readable = {row: m for row, m in by_row.items() if m is not None and not m.error}
    table["fingerprint"] = _column(
        table,
        {r: m.fingerprint.hashes[neighbours.WHOLE].tobytes().hex() for r, m in readable.items()},
    )
    table["tone_residual"] = _column(table, {r: m.tone_residual for r, m in readable.items()})
    table["colorfulness"] = _column(table, {r: m.colorfulness for r, m in readable.items()})
    table["duplicate_of"] = _column(table, {r: of for r, (of, _) in duplicates.items()})
    table["similarity"] = _column(table, {r: round(s, 4) for r, (_, s) in duplicates.items()})
    table["cluster"] = _column(table, {r: duplicates.get(r, (r, 1))[0] for r in good})
    table["verdict"] = _column(table, verdict)
    return table


def counts(table: pd.DataFrame) -> dict[str, int]:
    """metrics/clean.json: listed is the sum of all verdicts."""
    found = table["verdict"].value_counts()
    words = {"keep": "kept", "exact_duplicate": "exact_duplicates"}
    words["near_duplicate"] = "near_duplicates"
    by_verdict = {words.get(word, word): int(found.get(word, 0)) for word in VERDICTS}
    kept = table[table["verdict"] == "keep"]
    return {"listed": len(table), **by_verdict, "people_kept": int(kept["item_id"].nunique())}


def _column(table: pd.DataFrame, values: dict[int, object]) -> list[object]:
    return [values.get(row) for row in table["row"]]


def _own_verdict(measured: Measured | None, clean: Clean) -> str:
    if measured is None:
        return "missing"
    if measured.error:
        return "unreadable"
    if min(measured.width, measured.height) < clean.min_side:
        return "too_small"
    if clean.grayscale == "remove" and measured.tone_residual < clean.tone_residual:
        return "grayscale"
    return "keep"


def _rank(row: int, by_row: dict[int, Measured], clean: Clean) -> tuple[bool, int, int]:
    measured = by_row[row]
    gray = measured.tone_residual < clean.tone_residual
    return gray, -measured.width * measured.height, row


def _exact(rows: list[int], by_row: dict[int, Measured]) -> dict[int, tuple[int, float]]:
    """Rows whose decoded pixels equal an earlier row's: row → (that row, 1.0)."""
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(by_row[row].pixels, row)
    firsts = {row: first[by_row[row].pixels] for row in rows}
    return {row: (of, 1.0) for row, of in firsts.items() if of != row}


def _near(
    rows: list[int], by_row: dict[int, Measured], clean: Clean
) -> dict[int, tuple[int, float]]:
    """Rows that match a better picture: row → (survivor, similarity)."""
    ranked = sorted(rows, key=lambda row: _rank(row, by_row, clean))
    prints = [by_row[row].fingerprint for row in ranked]
    pairs = neighbours.candidates(prints, clean.hash_distance)
    proven: dict[int, list[tuple[int, float]]] = {}
    for i, j in progress(pairs, len(pairs), "comparing likely copies"):
        similarity = neighbours.similarity(prints[i].thumbnail, prints[j].thumbnail)
        if similarity >= clean.similarity:
            proven.setdefault(i, []).append((j, similarity))
    removed: dict[int, tuple[int, float]] = {}
    for i in range(len(ranked)):
        if i not in removed:
            for j, similarity in proven.get(i, []):
                removed.setdefault(j, (i, similarity))
    return {ranked[j]: (ranked[i], similarity) for j, (i, similarity) in removed.items()}
