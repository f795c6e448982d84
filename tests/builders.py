"""What many tests build: ledgers, pairs, and untrained models."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from src.dataset.arrays import Pairs
from src.dataset.inputs import to_canny, to_gray
from src.model.generator import Generator
from src.pair.pairing import largest_crop
from src.params import Canny, Size
from src.storage import ledger

CANNY = Canny(low=60, high=140, aperture=3, blur=3, thresholds="absolute")


def square_crop(picture: np.ndarray, side: int, crop: str = "center") -> np.ndarray:
    """Return the square that pair cuts from a picture, (side, side, 3) uint8."""
    return largest_crop(picture, Size(side, side), crop)


def ledger_table(
    rows: Iterable[Mapping[str, object]] | int, stage: str = "split", **common: object
) -> pd.DataFrame:
    """Return a ledger after `stage` with nullable columns, as `read_ledger` returns it.

    Args:
        rows: The values of each row that are not the defaults; or only how many rows there are.
            By default a row is a fetched picture with the verdict keep, alone in its cluster and
            group.
        stage: raw, clean or split.
        common: Values of all rows, where a row has no other.
    """
    changes = [{} for _ in range(rows)] if isinstance(rows, int) else list(rows)
    schema = pa.schema([*ledger.schema(stage), *ledger.OPTIONAL])
    records = [_default_row(number) | common | dict(row) for number, row in enumerate(changes)]
    columns = [
        pa.array([record.get(field.name) for record in records], field.type, from_pandas=True)
        for field in schema
    ]
    return ledger.to_nullable(pa.table(columns, schema=schema))


def _default_row(number: int) -> dict[str, object]:
    return {
        "row": number,
        "page": 1,
        "position": number + 1,
        "item_id": f"nm{number:07d}",
        "name": f"Person {number}",
        "page_url": "http://demo.test/list?page=1",
        "image_url": f"http://demo.test/{number}.jpg",
        "layout": "single",
        "file": f"images/{number}.png",
        "sha256": f"{number:064x}",
        "status": "ok",
        "verdict": "keep",
        "cluster": number,
        "group": number,
        "side": "train",
    }


def pairs_of(
    photos: Sequence[np.ndarray] | np.ndarray,
    rows: Sequence[int] | None = None,
    labels: np.ndarray | None = None,
    canny: Canny = CANNY,
) -> Pairs:
    """Return the pairs of some photos.

    Args:
        photos: N of (H, W, 3) uint8.
        rows: Their rows in the ledger, by default 0 … N - 1.
        labels: (N, H, W, 3) uint8.
        canny: Settings of the edges.
    """
    photo = np.stack(list(photos))
    rows = list(range(len(photo))) if rows is None else list(rows)
    edges = np.stack([to_canny(picture, canny) for picture in photo])
    index = pd.DataFrame(
        {
            "row": rows,
            "item_id": [f"nm{row:07d}" for row in rows],
            "name": [f"Person {row}" for row in rows],
        }
    )
    return Pairs(photo, to_gray(photo), edges, labels, index)


def untrained(
    task: str, output: str, model: str, network: dict[str, object], gain: float, seed: int = 0
) -> Generator:
    """Return a generator for 32-pixel pictures with random weights.

    Args:
        task: colorize, sketch or labels.
        output: As in params.yaml.
        model: encdec or unet.
        network: The model's settings, as in params.yaml.
        gain: Multiplies the weights, without which it would paint only gray.
        seed: Of the weights.
    """
    torch.manual_seed(seed)
    generator = Generator(
        {
            "task": task,
            "output": output,
            "model": model,
            "network": network,
            "size": 32,
            "crop": "center",
            "canny": CANNY.model_dump(),
        }
    )
    with torch.no_grad():
        for weight in generator.parameters():
            weight.mul_(gain)
    return generator.eval()
