"""Houses as data: the parts of a facade and their places."""

from dataclasses import dataclass, field

from src.demo.brushes import Box

SIDE_PX = 512  # of the square that a house is drawn in, at twice the size of the picture


@dataclass(frozen=True)
class Part:
    """A part of a facade.

    Attributes:
        kind: A class of the CMP facades.
        box: Where it stands.
        storey: Counted from the ground floor, 0; -1: on the roof, or on the whole facade.
        form: `roller` of a blind that is let down from above; others are shutters.
    """

    kind: str
    box: Box
    storey: int = -1
    form: str = ""


@dataclass(frozen=True)
class House:
    """A house.

    Attributes:
        wall: The facade.
        ridge: The y where the roof begins; the wall's top if none is seen.
        ground: The y where the ground floor begins.
        parts: What is on the facade, from the back to the front.
    """

    wall: Box
    ridge: int
    ground: int
    parts: list[Part] = field(default_factory=list)


@dataclass(frozen=True)
class Habits:
    """What a house repeats on its storeys, in percent.

    Attributes:
        opening: Width of the windows, of a bay.
        height: Height of the windows, of a storey.
        twins: Whether each bay has two windows.
        molding, cornice, sill, blind, roller, balcony, deco: How often there is one.
        pillars: Whether pillars stand between the bays.
    """

    opening: int
    height: int
    twins: bool
    molding: int
    cornice: int
    sill: int
    blind: int
    roller: int
    balcony: int
    deco: int
    pillars: bool
