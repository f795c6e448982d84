"""Plans of houses: the parts of a facade and their places, which are all that labels show."""

import itertools

import numpy as np

from src.demo.brushes import Box, chance
from src.demo.house import SIDE_PX, Habits, House, Part
from src.demo.storeys import Span, fill_ground, fill_storey

LEAST_STOREY_PX = 62


def plan_house(rng: np.random.Generator) -> House:
    """Return a random house."""
    wall, ridge = _walls(rng)
    habits = _habits(rng)
    levels = _levels(wall, rng)
    bays = _bays(wall, levels, rng)
    house = House(wall, ridge, levels[-2], [Part("facade", wall)])
    if chance(rng, 80):
        levels[0] += int(rng.integers(12, 34))
        house.parts.append(Part("molding", (*wall[:3], levels[0])))
    if habits.pillars:
        _stand_pillars(house, bays, levels, rng)
    _lay_moldings(house, levels, habits, rng)
    for storey, (bottom, top) in enumerate(zip(levels[:0:-1], levels[-2::-1], strict=True)):
        if storey == 0:
            fill_ground(house, (top, bottom), bays, habits, rng)
        else:
            fill_storey(house, storey, (top, bottom), bays, habits, rng)
    if wall[1] - ridge > 56 and chance(rng, 60):
        _set_dormers(house, bays, rng)
    return house


def _walls(rng: np.random.Generator) -> tuple[Box, int]:
    """Return the facade, and where its roof begins."""
    left, right = 0, SIDE_PX
    if chance(rng, 55):
        left = int(rng.integers(10, 110))
    if chance(rng, 55):
        right = SIDE_PX - int(rng.integers(10, 110))
    if chance(rng, 30):
        return (left, 0, right, SIDE_PX - int(rng.integers(8, 30))), 0
    ridge = int(rng.integers(8, 110))
    top = ridge + (int(rng.integers(50, 100)) if chance(rng, 55) else 0)
    return (left, top, right, SIDE_PX - int(rng.integers(14, 60))), ridge


def _habits(rng: np.random.Generator) -> Habits:
    def often(least: int, percent: int) -> int:
        return int(rng.integers(least, 101)) if chance(rng, percent) else 0

    return Habits(
        opening=int(rng.integers(36, 62)),
        height=int(rng.integers(50, 70)),
        twins=chance(rng, 18),
        molding=often(30, 75),
        cornice=often(60, 55),
        sill=often(60, 65),
        blind=often(70, 20),
        roller=int(rng.integers(5, 40)) if chance(rng, 14) else 0,
        balcony=often(20, 45),
        deco=often(50, 42),
        pillars=chance(rng, 25),
    )


def _levels(wall: Box, rng: np.random.Generator) -> list[int]:
    """Return the y of the facade's top, of each floor, and of the ground, downwards."""
    _, top, _, bottom = wall
    most = max(2, (bottom - top) // LEAST_STOREY_PX)
    count = int(rng.integers(2, min(6, most) + 1))
    weights = [int(rng.integers(75, 105)), *([100] * (count - 2)), int(rng.integers(95, 150))]
    sums = np.cumsum([0, *weights])
    return [top + int(s) * (bottom - top) // int(sums[-1]) for s in sums]


def _bays(wall: Box, levels: list[int], rng: np.random.Generator) -> list[Span]:
    """Return the left and right of each vertical strip that has a window on every storey."""
    left, _, right, _ = wall
    storey = (levels[-1] - levels[0]) // (len(levels) - 1)
    width = max(38, storey * int(rng.integers(55, 110)) // 100)
    count = max(2, min(10, (right - left) // width))
    margin = (right - left) * int(rng.integers(0, 5)) // 100
    sums = np.cumsum([0, *_widths(count, rng)])
    inner = right - left - 2 * margin
    edges = [left + margin + inner * int(s) // int(sums[-1]) for s in sums]
    return list(itertools.pairwise(edges))


def _widths(count: int, rng: np.random.Generator) -> list[int]:
    """Return how wide bays are against each other: equal, with a wide middle, or uneven."""
    kind = int(rng.integers(100))
    if kind < 20:
        return [145 if n in (count // 2, (count - 1) // 2) else 100 for n in range(count)]
    if kind < 32:
        return [100 if n % 2 else 72 for n in range(count)]
    if kind < 44:
        return [int(rng.integers(74, 130)) for _ in range(count)]
    return [100] * count


def _stand_pillars(
    house: House, bays: list[Span], levels: list[int], rng: np.random.Generator
) -> None:
    """Stand pillars between bays, on one or more storeys above the ground floor."""
    width = max(6, (bays[0][1] - bays[0][0]) * int(rng.integers(10, 18)) // 100)
    top = levels[0] if chance(rng, 60) else levels[max(0, len(levels) - 3)]
    bottom = levels[-1] if chance(rng, 15) else levels[-2]
    every = 1 if len(bays) < 5 or chance(rng, 70) else 2
    for middle in [bays[0][0] + width // 2, *(right for _, right in bays)][::every]:
        box = (middle - width // 2, top, middle + width // 2, bottom)
        house.parts.append(Part("pillar", box))


def _lay_moldings(
    house: House, levels: list[int], habits: Habits, rng: np.random.Generator
) -> None:
    """Lay a band between storeys, more or less often."""
    left, _, right, _ = house.wall
    if not habits.molding:
        return
    height = int(rng.integers(6, 16))
    for number, level in enumerate(levels[1:-1]):
        wide = height * 3 // 2 if number == len(levels) - 3 else height
        if chance(rng, habits.molding):
            house.parts.append(Part("molding", (left, level - wide // 2, right, level + wide // 2)))


def _set_dormers(house: House, bays: list[Span], rng: np.random.Generator) -> None:
    """Set windows into the roof, above some bays."""
    rise = house.wall[1] - house.ridge
    every = int(rng.integers(1, 4))
    for left, right in bays[:: every if len(bays) > 2 else 1]:
        middle, half = (left + right) // 2, min((right - left) // 5, rise // 4)
        box = (middle - half, house.wall[1] - rise * 7 // 10, middle + half, house.wall[1] - 12)
        house.parts.append(Part("window", box))
