"""Groups of pictures that belong together, and the side that each one is on."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from itertools import chain

import pandas as pd

from src.errors import UserError, print_on_stderr
from src.params import Split
from src.storage.row_components import smallest_connected

SIDES = ("train", "val")
# Changes of settings that may fill an empty side; the first one that does is the remedy.
REMEDIES: tuple[dict[str, str | float | bool], ...] = (
    {"use_source_split": False},
    {"method": "exact"},
    {"method": "exact", "use_source_split": False},
    {"val_fraction": 0.1},
    {"val_fraction": 0.1, "method": "exact"},
    {"val_fraction": 0.01, "method": "exact"},
    {"val_fraction": 0.01, "method": "exact", "use_source_split": False},
    {"val_fraction": 0.3, "method": "exact"},
    {"val_fraction": 0.3, "method": "exact", "use_source_split": False},
    {"val_fraction": 0.5, "method": "exact"},
    {"val_fraction": 0.5, "method": "exact", "use_source_split": False},
)
NAMED_ITEMS = 5  # of a large group
MIN_PICTURES = 3  # of a side: no fewer have scores with a standard error


def assign_sides(
    table: pd.DataFrame, copies: pd.DataFrame, settings: Split, seed: int
) -> pd.DataFrame:
    """Return the ledger with `group` and `side` for every kept row; other rows have neither.

    With `group_by: person` a group holds all pictures of an item and all copies of these, directly
    or over others; removed pictures connect too. With `group_by: image` each row is its own group:
    the naive split, which leaks.

    The side comes from a hash of the seed and the group's name. `method: hash` compares it with
    val_fraction: added pictures never move old ones unless they join two groups, and the fraction
    is met on average. `method: exact` takes groups in the order of their hash, each that leads nearer
    to the fraction, or else the smallest one.
    """
    table = table.copy()
    good = table[table["verdict"] == "keep"]
    groups = dict(zip(good["row"], good["row"], strict=True))
    if settings.group_by == "person":
        connected = _connected_rows(table, copies)
        firsts: dict[int, int] = {}  # a group is named after its first kept row
        groups = {row: firsts.setdefault(connected[row], row) for row in sorted(good["row"])}
    names = _group_names(good, groups, settings.group_by)
    given_sides = _given_sides(good, groups) if settings.use_source_split else {}
    drawn = {row: group for row, group in groups.items() if row not in given_sides}
    sides = given_sides | _draw_sides(drawn, names, settings, seed)
    table["group"] = [groups.get(row) for row in table["row"]]
    table["side"] = [sides.get(row) for row in table["row"]]
    return table


def counts(table: pd.DataFrame) -> dict[str, float]:
    """Return metrics/split.json of a ledger with sides."""
    sides = table["side"].value_counts()
    train, val = (int(sides.get(side, 0)) for side in SIDES)
    groups = table["group"].value_counts()
    return {
        "train": train,
        "val": val,
        "groups": len(groups),
        "largest_group": int(groups.max()) if len(groups) else 0,
        "val_fraction": round(val / max(1, train + val), 4),
    }


def require_both_sides(
    table: pd.DataFrame, copies: pd.DataFrame, settings: Split, seed: int
) -> None:
    """Raise UserError, with settings that help, if a side has fewer than MIN_PICTURES pictures."""
    if _are_filled(table):
        return
    sizes = {side: int(table["side"].eq(side).sum()) for side in SIDES}
    empty = [side for side in SIDES if not sizes[side]]
    problem = f"the {' and the '.join(empty)} side is empty" if empty else _too_small(sizes)
    groups = table["group"].nunique()
    words = ", ".join(
        f"{key}: {str(value).lower()}"
        for key, value in settings.model_dump(exclude={"largest_group"}).items()
    )
    remedy = _remedy(table.drop(columns=["group", "side"]), copies, settings, seed)
    raise UserError(
        f"{problem}: {table['side'].count()} kept pictures in {groups} "
        f"group{'s'[: groups != 1]} were split by {words}. {remedy}"
    )


def _are_filled(table: pd.DataFrame) -> bool:
    return all(table["side"].eq(side).sum() >= MIN_PICTURES for side in SIDES)


def _too_small(sizes: dict[str, int]) -> str:
    counts = " and ".join(f"{size} {side}" for side, size in sizes.items())
    return f"expected at least {MIN_PICTURES} pictures a side, found {counts}"


def _remedy(table: pd.DataFrame, copies: pd.DataFrame, settings: Split, seed: int) -> str:
    """Say which change of the settings puts enough pictures on both sides."""
    for change in REMEDIES:
        if _are_filled(assign_sides(table, copies, settings.model_copy(update=change), seed)):
            words = [f"-S split.{key}={str(value).lower()}" for key, value in change.items()]
            return f"`dvc exp run {' '.join(words)}` fills both"
    remedy = f"No setting that was tried puts {MIN_PICTURES} pictures on each side: list more items"
    if table["item_id"][table["verdict"] == "keep"].is_unique:
        return remedy
    return (
        f"{remedy}, or give them ids of their own: of the source folder by `-S folder.item=file`, else "
        "by what the source's section says of ids"
    )


def report_large_groups(table: pd.DataFrame, settings: Split) -> None:
    """Print a line for each group that holds more than `largest_group` of the kept pictures."""
    sizes = table["group"].value_counts().sort_index()
    total = int(sizes.sum())
    large = sizes[sizes > max(1, settings.largest_group * total)]
    for group, size in zip(large.index.astype(int), large, strict=True):
        items = list(table.loc[(table["group"] == group).fillna(False), "item_id"].unique())
        print_on_stderr(
            f"split: the group of row {group} holds {size} of {total} pictures: expected at "
            f"most split.largest_group = {settings.largest_group:g} of them; {_reason(items)}"
        )


def report_parted_groups(table: pd.DataFrame) -> None:
    """Print a line if the source's own split divides groups, with the first of these."""
    n_sides = table.groupby("group")["side"].nunique().sort_index()
    parted = [int(group) for group in n_sides.index[n_sides > 1]]
    if not parted:
        return
    first_rows = table[(table["group"] == parted[0]).fillna(False)].groupby("side")["row"].first()
    print_on_stderr(
        f"split: the source's own split parts {len(parted)} group{'s'[: len(parted) != 1]} of one "
        f"person or of copies, first row {first_rows['train']} (train) from row {first_rows['val']} "
        "(val): `dvc exp run -S split.use_source_split=false` keeps each on one side"
    )


def _reason(items: Sequence[str]) -> str:
    """Say why the pictures of some items are one group."""
    if len(items) == 1:
        return f"all are of the item {items[0]}"
    more = f" and {len(items) - NAMED_ITEMS} more" if len(items) > NAMED_ITEMS else ""
    return (
        f"it joins the items {', '.join(items[:NAMED_ITEMS])}{more}: data/clean/copies.parquet "
        "says by which copies"
    )


def _connected_rows(table: pd.DataFrame, copies: pd.DataFrame) -> dict[int, int]:
    """Return for each row the smallest row that it is connected with by items and copies."""
    firsts = table.groupby("item_id", dropna=False)["row"].transform("first")
    pairs = chain(
        zip(table["row"], firsts, strict=True),
        zip(copies["row_a"], copies["row_b"], strict=True),
    )
    return smallest_connected(pairs)


def _group_names(good: pd.DataFrame, groups: dict[int, int], group_by: str) -> dict[int, str]:
    """Name each group of kept rows so that the name stays when other pictures come or go."""
    names: dict[int, str] = {}
    occurrences: Counter[tuple[str, str]] = Counter()
    for row, item, url in zip(good["row"], good["item_id"], good["image_url"], strict=True):
        name = item
        if group_by == "image":
            name = f"{item} {url} {occurrences[item, url]}"
            occurrences[item, url] += 1
        names[groups[row]] = min(names.get(groups[row], name), name)
    return names


def _given_sides(good: pd.DataFrame, groups: dict[int, int]) -> dict[int, str]:
    """Return the side of each kept row to which the source gives one, and of the rest of its group.

    Where the source gives a group both sides, rows without one are left out.
    """
    rows = good[good["given_side"].notna()]
    given = dict(zip(rows["row"], rows["given_side"], strict=True))
    sides_of_groups: dict[int, set[str]] = {}
    for row, side in given.items():
        sides_of_groups.setdefault(groups[row], set()).add(side)
    agreed = {group: sides.pop() for group, sides in sides_of_groups.items() if len(sides) == 1}
    return {row: agreed[group] for row, group in groups.items() if group in agreed} | given


def _draw_sides(
    groups: dict[int, int], names: dict[int, str], settings: Split, seed: int
) -> dict[int, str]:
    """Return the side of each row, by its group and the group's name."""
    draws = {group: _draw(names[group], seed) for group in groups.values()}
    if settings.method == "hash":
        val = {group for group, draw in draws.items() if draw < settings.val_fraction}
    else:
        target = settings.val_fraction * len(groups)
        sizes = Counter(groups.values())
        val, val_size = set(), 0
        for group in sorted(draws, key=draws.__getitem__):
            # one that leads farther from the fraction than it leaves is passed over
            if abs(val_size + sizes[group] - target) <= abs(val_size - target):
                val.add(group)
                val_size += sizes[group]
        if target and not val:  # all groups are large
            val = {min(draws, key=lambda group: (sizes[group], draws[group]))}
    return {row: "val" if group in val else "train" for row, group in groups.items()}


def _draw(name: str, seed: int) -> float:
    """Return a number in [0, 1) from a group's name and the seed."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
