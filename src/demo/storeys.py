"""The parts on the storeys of a house: windows with their ornaments, shops and doors."""

import numpy as np

from src.demo.brushes import Box, chance
from src.demo.house import Habits, House, Part

PLINTH_PX = 10
HOOD_SHARE = 6  # a hood is a sixth as high as its window

Span = tuple[int, int]  # top and bottom of a storey, or left and right of a bay


def fill_storey(
    house: House,
    storey: int,
    span: Span,
    bays: list[Span],
    habits: Habits,
    rng: np.random.Generator,
) -> None:
    """Put windows with their ornaments on a storey above the ground floor."""
    top, bottom = span
    sill = bottom - (bottom - top) * int(rng.integers(14, 22)) // 100
    tall = (bottom - top) * (habits.height + int(rng.integers(-6, 7))) // 100
    tall = min(tall, (sill - top - 8) * HOOD_SHARE // (HOOD_SHARE + 1))  # leave room for a hood
    has = {
        kind: chance(rng, getattr(habits, kind)) for kind in ("cornice", "sill", "blind", "deco")
    }
    balconies = _balcony_bays(len(bays), habits, rng)
    for number, (left, right) in enumerate(bays):
        width = (right - left) * habits.opening // 100
        middle = (left + right) // 2
        box = (middle - width // 2, sill - tall, middle + width // 2, sill)
        if number in balconies:
            _add_balcony(house, storey, box, bottom, right - left)
            continue
        _add_window(house, storey, box, has, habits.twins)
        if chance(rng, habits.roller):
            end = box[1] + (box[3] - box[1]) * int(rng.integers(25, 90)) // 100
            house.parts.append(Part("blind", (*box[:3], end), storey, "roller"))
        if has["deco"]:
            _add_deco(house, storey, box, span)


def _balcony_bays(count: int, habits: Habits, rng: np.random.Generator) -> set[int]:
    if not chance(rng, habits.balcony):
        return set()
    pattern = int(rng.integers(4))
    if pattern == 0:
        return set(range(count))
    if pattern == 1:
        return {count // 2, (count - 1) // 2}
    if pattern == 2:
        return {0, count - 1}
    return {int(rng.integers(count))}


def _add_window(house: House, storey: int, box: Box, has: dict[str, bool], twins: bool) -> None:
    left, top, right, bottom = box
    wide, tall = right - left, bottom - top
    middle, gap = (left + right) // 2, max(4, wide // 7)
    if twins and wide >= 28:
        house.parts.append(Part("window", (left, top, middle - gap // 2, bottom), storey))
        house.parts.append(Part("window", (middle + gap // 2, top, right, bottom), storey))
    else:
        house.parts.append(Part("window", box, storey))
    if has["cornice"]:
        hood = (left - wide // 8, top - max(7, tall // HOOD_SHARE), right + wide // 8, top)
        house.parts.append(Part("cornice", hood, storey))
    if has["sill"]:
        slab = (left - wide // 10, bottom, right + wide // 10, bottom + max(5, tall // 12))
        house.parts.append(Part("sill", slab, storey))
    if has["blind"] and not has["cornice"]:
        shutter = max(6, wide * 2 // 5)
        house.parts.append(Part("blind", (left - shutter, top, left, bottom), storey))
        house.parts.append(Part("blind", (right, top, right + shutter, bottom), storey))


def _add_balcony(house: House, storey: int, box: Box, floor: int, bay: int) -> None:
    left, top, right, bottom = box
    house.parts.append(Part("window", (left, top, right, floor - 4), storey))
    out = max(4, (bay - (right - left)) * 3 // 8)
    rail = (left - out, bottom - (bottom - top) // 6, right + out, floor + 2)
    house.parts.append(Part("balcony", rail, storey))


def _add_deco(house: House, storey: int, box: Box, span: Span) -> None:
    """Put a relief below a window."""
    left, _, right, bottom = box
    if span[1] - bottom >= 16:
        relief = (left, bottom + 6, right, span[1] - 4)
        house.parts.append(Part("deco", relief, storey))


def fill_ground(
    house: House,
    span: Span,
    bays: list[Span],
    habits: Habits,
    rng: np.random.Generator,
) -> None:
    """Put shops, windows and a door on the ground floor."""
    top, bottom = span
    tall = bottom - top
    shops = chance(rng, 38)
    opening = min(90, habits.opening + int(rng.integers(-6, 18)))
    high = int(rng.integers(62, 80)) if shops else int(rng.integers(46, 62))
    door = _door_bay(len(bays), rng)
    has = {"cornice": False, "sill": chance(rng, habits.sill), "blind": False}
    for number, (left, right) in enumerate(bays):
        middle, half = (left + right) // 2, (right - left) * opening // 200
        if number == door:
            half = min(half, tall // 3)
            box = (middle - half, bottom - tall * max(high, 66) // 100, middle + half, bottom)
            house.parts.append(Part("door", box, 0))
            if chance(rng, habits.deco // 2) and box[1] - top > 30:
                above = (middle - half // 2, top + 8, middle + half // 2, box[1] - 8)
                house.parts.append(Part("deco", above, 0))
        elif shops:
            half = max(half, (right - left) * 40 // 100)
            box = (middle - half, bottom - tall * high // 100, middle + half, bottom - PLINTH_PX)
            house.parts.append(Part("shop", box, 0))
        else:
            sill = bottom - tall * 26 // 100
            box = (middle - half, sill - tall * high // 100, middle + half, sill)
            _add_window(house, 0, box, has, False)


def _door_bay(count: int, rng: np.random.Generator) -> int:
    """Return the bay of the door, -1 for none."""
    if chance(rng, 22):
        return -1
    return count // 2 if chance(rng, 50) else int(rng.integers(count))
