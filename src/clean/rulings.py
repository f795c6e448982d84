"""A person's rulings on pairs of pictures: that they are copies, or that they are not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from src.clean import hash_candidates
from src.clean.copies import Copy, Pair
from src.clean.measurement import Measurement, features_of
from src.errors import UserError
from src.params import Clean
from src.storage.row_selection import find_row
from src.storage.ruling_files import PAIR_COLUMNS, read_lines
from src.vision import matching

FORCED = "forced"  # the transform of a pair that the search does not prove
Places = dict[Pair, str]  # of rows, the smaller one first: the file and line that names them


@dataclass(frozen=True)
class Rulings:
    """Pairs of rows on which a person ruled.

    Attributes:
        excluded: They are no copies of each other, whatever the search proves.
        forced: They are copies.
    """

    excluded: Places
    forced: Places


NONE = Rulings({}, {})


def read(clean: Clean, table: pd.DataFrame) -> Rulings:
    """Read the lists `clean.exclude` and `clean.force`, which name rows of the ledger.

    Raises:
        UserError: A file is missing or no such CSV file, or a line names no two pictures.
    """
    return Rulings(
        _read_list(Path(clean.exclude), "clean.exclude", table),
        _read_list(Path(clean.force), "clean.force", table),
    )


def _read_list(path: Path, parameter: str, table: pd.DataFrame) -> Places:
    places: Places = {}
    for place, values in read_lines(path, parameter, PAIR_COLUMNS, "pairs"):
        a, b = sorted(_row(place, name, values, table) for name in PAIR_COLUMNS)
        files = table.loc[table["row"].isin((a, b)), ["file", "layout"]]
        if a == b or files.dropna().duplicated().any():
            named = f"row {a}" if a == b else f"rows {a} and {b}, which have one file"
            raise UserError(
                f"{place}: a = {values['a']!r} and b = {values['b']!r} are one picture ({named}), "
                "expected two: correct or remove the line"
            )
        places.setdefault((a, b), place)
    return places


def _row(place: str, name: str, values: Mapping[str, str], table: pd.DataFrame) -> int:
    try:
        return find_row(table, values[name])
    except UserError as error:
        raise UserError(f"{place}: {name}: {error}; correct or remove the line") from None


def overrule(
    pairs: Mapping[Pair, Copy],
    rulings: Rulings,
    pictures: Mapping[int, Measurement],
    firsts: Mapping[int, int],
    clean: Clean,
) -> dict[Pair, Copy]:
    """Return the proven pairs without the excluded ones, and with the forced ones; sorted.

    Args:
        pairs: The proven ones.
        rulings: See `Rulings`.
        pictures: The readable pictures by row.
        firsts: See `copies.first_of_equals`. A ruling holds for all pictures of equal pixels.
        clean: What counts as gray.

    Raises:
        UserError: A ruling is on a picture that cannot be read, on two of equal pixels that it
            excludes, or against another ruling.
    """
    excluded, forced = (_of_firsts(places, firsts) for places in (rulings.excluded, rulings.forced))
    for (a, b), place in excluded.items():
        if a == b:
            raise UserError(
                f"{place}: both pictures have the pixels of row {a}, expected different ones: "
                "equal pictures are copies; remove the line"
            )
        if (a, b) in forced:
            raise UserError(
                f"{place}: the pair is also in {forced[a, b]}, expected one ruling on it: "
                "remove one of the two lines"
            )
    ruled = {pair: copy for pair, copy in pairs.items() if pair not in excluded}
    for a, b in forced:
        if a != b and (a, b) not in ruled:
            ruled[a, b] = _measure(pictures[a], pictures[b], clean)
    return dict(sorted(ruled.items()))


def _of_firsts(places: Places, firsts: Mapping[int, int]) -> Places:
    first_places: Places = {}
    for pair, place in places.items():
        for row in pair:
            if row not in firsts:
                raise UserError(
                    f"{place}: row {row} has no picture that can be read, expected one: "
                    "remove the line"
                )
        a, b = sorted(firsts[row] for row in pair)
        first_places.setdefault((a, b), place)
    return first_places


def _measure(a: Measurement, b: Measurement, clean: Clean) -> Copy:
    """Return the numbers of a pair that a person forces; how it was changed is unknown."""
    similarity = matching.match(features_of(a, clean), features_of(b, clean)).similarity
    bits = hash_candidates.hash_distance(a.thumbnail, b.thumbnail)
    return Copy(round(similarity, 4), bits, FORCED, certainty=None)


def partners(
    ruled: Iterable[Pair], firsts: Mapping[int, int], kept_rows: Iterable[int]
) -> dict[int, str]:
    """Return for each row the rows on which it has a ruling, as text: "7 40".

    Args:
        ruled: The pairs of one list.
        firsts: See `overrule`.
        kept_rows: Of equal pictures these are named; the first one if none of them is kept.
    """
    named: dict[int, list[int]] = {}
    for row in sorted(kept_rows):
        named.setdefault(firsts[row], []).append(row)
    others: dict[int, set[int]] = {}
    for pair in ruled:
        a, b = (firsts[row] for row in pair)
        others.setdefault(a, set()).update(named.get(b, [b]))
        others.setdefault(b, set()).update(named.get(a, [a]))
    return {
        row: " ".join(str(other) for other in sorted(others[first]))
        for row, first in firsts.items()
        if first in others
    }
