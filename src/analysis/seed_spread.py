"""How much scores differ between trainings that differ in nothing but their seed."""

from dataclasses import dataclass
from pathlib import Path

from src.errors import UserError
from src.storage.atomic import read_json

FILE = Path("benchmarks/results/spread.json")
REMEDY = "`git checkout` brings it back, `python -m benchmarks.spread` measures it again"


@dataclass(frozen=True)
class SeedSpread:
    """The spread of each score.

    Attributes:
        ranges: The largest difference between any two seeds, by score.
        trainings: Which trainings were measured, in words.
    """

    ranges: dict[str, float]
    trainings: str

    def covers(self, metric: str, difference: float) -> bool:
        """Return whether seeds alone change a score by as much."""
        return abs(difference) <= self.ranges.get(metric, -1.0)


def read_seed_spread(file: Path = FILE) -> SeedSpread | None:
    """Return what `benchmarks.spread` measured, or None if it never ran.

    Raises:
        UserError: The file holds something else.
    """
    if not file.exists():
        return None
    try:
        recorded = read_json(file, REMEDY)
        seeds = [run["scores"] for run in recorded["seeds"].values()]
        ranges = {
            metric: max(scores[metric] for scores in seeds)
            - min(scores[metric] for scores in seeds)
            for metric in seeds[0]
        }
        return SeedSpread(ranges, str(recorded["trainings"]))
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise UserError(f"{file} holds no spread of seeds ({error!r}): {REMEDY}") from None
