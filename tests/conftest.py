"""What tests share: the project's parameters, changed at will, and real data where there is any."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from src import params
from src.demo import portraits
from src.params import Params

ROOT = Path(__file__).parent.parent
REAL_DATA = Path(os.environ.get("REAL_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Params]:
    """params.yaml with some values changed: changed({"split.unit": "image"})."""

    def change(changes: dict[str, object] | None = None) -> Params:
        values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        for key, value in (changes or {}).items():
            *sections, last = key.split(".")
            place = values
            for section in sections:
                place = place[section]
            place[last] = value
        path = tmp_path / "changed-params.yaml"
        path.write_text(yaml.safe_dump(values), encoding="utf-8")
        return params.read(path)

    return change


@pytest.fixture(scope="session")
def faces() -> list[np.ndarray]:
    """Forty different drawn portraits, (256, 192, 3) uint8."""
    return [portraits.draw(11, person) for person in range(40)]


def real(folder: str, pattern: str = "*.jpg") -> list[Path]:
    """Files of the real data, sorted; skips the test, visibly, where there are none."""
    found = sorted((REAL_DATA / folder).glob(pattern))
    if not found:
        pytest.skip(f"no real data at {REAL_DATA / folder} (set REAL_DATA)")
    return found
