"""The soak's own parts: its damage, and what it counts."""

import os
import random
from pathlib import Path

from benchmarks.soak import FAULTS, STAGES, Round, damage, table


def caches(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_damage_hits_caches_alone_and_is_the_same_for_a_seed(tmp_path: Path):
    found = []
    for name in ("a", "b"):
        folder = tmp_path / name
        for cache in (".cache/http", ".resume/0"):
            (folder / cache).mkdir(parents=True)
            (folder / cache / "file").write_bytes(bytes(100))
        (folder / "data").mkdir()
        os.link(folder / ".cache/http/file", folder / "data/linked")
        damage(folder, random.Random(1))
        found.append(caches(folder))
    assert found[0] == found[1]
    assert found[0].pop("data/linked") == bytes(100)
    assert all(data != bytes(100) for data in found[0].values())


def test_the_table_counts_each_fault_of_each_stage():
    rounds = [Round(0, ["full disk in scrape", "SIGINT in scrape"]), Round(1, ["SIGINT in scrape"])]
    lines = table(rounds).splitlines()
    assert len(lines) == 2 + len(STAGES)
    assert "| scrape | 0 | 2 | 0 | 1 | 0 |" in lines
    assert lines[0] == f"| stage | {' | '.join(FAULTS)} |"
