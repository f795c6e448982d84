"""Faults in what clean kept. Each public function takes the project's folder and a kind."""

from pathlib import Path

import numpy as np
import pandas as pd

from src.params import read_params
from src.storage.ledger import COPIES, read_ledger, read_table, write_ledger, write_table

OF_COPIES = ("similarity", "hash_distance", "transform", "certainty")


def keep_largest(root: Path, kind: str) -> None:
    """Keep of each cluster of copies the picture with the most pixels, instead of the best one."""
    ledger = _read_ledger(root)
    areas = (ledger["width"] * ledger["height"]).astype("Int64")
    for survivor, rows in ledger.groupby("cluster")["row"]:
        largest = max(rows, key=lambda row: (areas[row], -row))
        if largest == survivor:
            continue
        values = ledger.loc[largest, list(OF_COPIES)]
        ledger.loc[rows, "duplicate_of"] = largest
        ledger.loc[rows, "cluster"] = largest
        ledger.loc[survivor, list(OF_COPIES)] = values
        ledger.loc[survivor, "verdict"] = ledger.loc[largest, "verdict"]
        ledger.loc[largest, ["duplicate_of", *OF_COPIES]] = None
        ledger.loc[largest, "verdict"] = "keep"
    _write_ledger(root, ledger)


def merge_by_hash(root: Path, kind: str) -> None:
    """Remove each kept picture whose hash is near an earlier one's, whatever its pixels show."""
    distance = read_params(root / "params.yaml").clean.hash_distance
    ledger = _read_ledger(root)
    hashes = {
        int(row): np.frombuffer(bytes.fromhex(fingerprint), np.uint8)
        for row, fingerprint in zip(ledger["row"], ledger["fingerprint"], strict=True)
        if ledger.loc[row, "verdict"] == "keep"
    }
    survivors: list[int] = []
    pairs = []
    for row, row_hash in hashes.items():
        bits = {other: int(np.bitwise_count(row_hash ^ hashes[other]).sum()) for other in survivors}
        near = [other for other in survivors if bits[other] <= distance]
        if not near:
            survivors.append(row)
            continue
        survivor = min(near, key=lambda other: bits[other])
        values = (1 - bits[survivor] / len(row_hash) / 8, bits[survivor], "recompressed", 1.0)
        ledger.loc[row, list(OF_COPIES)] = values
        ledger.loc[row, "verdict"] = "near_duplicate"
        ledger.loc[ledger["cluster"] == row, "cluster"] = survivor
        ledger.loc[ledger["duplicate_of"] == row, "duplicate_of"] = survivor
        ledger.loc[row, "duplicate_of"] = survivor
        pairs.append((survivor, row, bits[survivor], values[0], "recompressed", 1.0))
    _write_ledger(root, ledger)
    _add_copies(root, pairs)


def _add_copies(root: Path, pairs: list[tuple[int, int, int, float, str, float]]) -> None:
    path = root / "data/clean/copies.parquet"
    more = pd.DataFrame(pairs, columns=COPIES.names)
    joined = pd.concat([read_table(path, COPIES), more], ignore_index=True)
    write_table(joined.sort_values(["row_a", "row_b"]), path, COPIES)


def _read_ledger(root: Path) -> pd.DataFrame:
    return read_ledger(root / "data/clean/ledger.parquet", "clean")


def _write_ledger(root: Path, ledger: pd.DataFrame) -> None:
    write_ledger(ledger, root / "data/clean/ledger.parquet", "clean")
