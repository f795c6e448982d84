"""Groups that must not be torn apart, and the side each one is on."""

import hashlib
from collections import Counter

import pandas as pd

from src.params import Split

SIDES = ("train", "val")


def assign_sides(table: pd.DataFrame, settings: Split, seed: int) -> pd.DataFrame:
    """The ledger with `group` and `side` for every kept row; other rows have neither.

    With `group_by: person` a group is what hangs together by duplicate cluster or by person; with
    `group_by: image` each row stands alone, which is the naive split that leaks. A side comes from
    a seeded hash of the group. `method: hash` compares it with val_fraction: adding pictures
    never moves old ones (unless they tie two groups together), and the fraction is met on
    average. `method: exact` takes the groups in
    the order of their hash until the fraction is met, within one group's size.
    """
    table = table.copy()
    kept = table[table["verdict"] == "keep"]
    group = dict(zip(kept["row"], kept["row"], strict=True))
    if settings.group_by == "person":
        # a removed copy still ties its person to the picture it is a copy of
        groups = _groups(table[table["cluster"].notna()])
        group = {row: groups[row] for row in kept["row"]}
    names = _names(kept, group, settings.group_by)
    side = _sides(group, names, settings, seed)
    if settings.use_source_split:
        given = kept[kept["given_side"].notna()]
        side |= dict(zip(given["row"], given["given_side"], strict=True))
    table["group"] = [group.get(row) for row in table["row"]]
    table["side"] = [side.get(row) for row in table["row"]]
    return table


def counts(table: pd.DataFrame) -> dict[str, float]:
    """metrics/split.json."""
    sides = table["side"].value_counts()
    train, val = (int(sides.get(side, 0)) for side in SIDES)
    return {
        "train": train,
        "val": val,
        "groups": int(table["group"].nunique()),
        "val_fraction": round(val / max(1, train + val), 4),
    }


def _groups(kept: pd.DataFrame) -> dict[int, int]:
    """Row → the smallest row it hangs together with (union-find)."""
    parent: dict[object, object] = {}

    def root(node: object) -> object:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for row, cluster, person in zip(kept["row"], kept["cluster"], kept["item_id"], strict=True):
        for other in (("cluster", cluster), ("person", person)):
            parent[root(("row", row))] = root(other)
    smallest: dict[object, int] = {}
    for row in sorted(kept["row"]):
        smallest.setdefault(root(("row", row)), row)
    return {row: smallest[root(("row", row))] for row in kept["row"]}


def _names(kept: pd.DataFrame, group: dict[int, int], unit: str) -> dict[int, str]:
    """A name for each group that does not change when other pictures come or go."""
    names: dict[int, str] = {}
    seen: Counter[tuple] = Counter()
    for row, person, url in zip(kept["row"], kept["item_id"], kept["image_url"], strict=True):
        name = person
        if unit == "image":
            name = f"{person} {url} {seen[person, url]}"
            seen[person, url] += 1
        names[group[row]] = min(names.get(group[row], name), name)
    return names


def _sides(
    group: dict[int, int], names: dict[int, str], settings: Split, seed: int
) -> dict[int, str]:
    place = {g: _place(name, seed) for g, name in names.items()}
    if settings.method == "hash":
        val = {g for g, at in place.items() if at < settings.val_fraction}
    else:
        wanted = settings.val_fraction * len(group)
        sizes = pd.Series(group).value_counts()
        val, taken = set(), 0
        for g in sorted(place, key=place.__getitem__):
            if taken >= wanted:
                break
            val.add(g)
            taken += sizes[g]
    return {row: "val" if g in val else "train" for row, g in group.items()}


def _place(name: str, seed: int) -> float:
    """A number in [0, 1) from the group's name and the seed."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
