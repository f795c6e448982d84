"""How much a score depends on the seed, on the precision, and on the processor's instructions.

The script trains and scores with the pairs of the last run. First come seeds, all else equal; then
the first seed in float32 and in bf16, and in float32 with no instructions beyond AVX2. Each run has
one thread. It writes benchmarks/results/spread.json, which `python -m src compare` reads, and prints
a table.

    python -m benchmarks.spread [--seeds 5] [--steps 800]
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.stage_runs import ROOT, link, run_stage
from src.analysis.seed_spread import FILE
from src.errors import UserError, exit_on_user_error
from src.params import read_params, read_yaml
from src.storage.atomic import read_json, write_json

INPUTS = ("data/pairs", "data/weights", "data/gate", "metrics/gate.json")
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
SCORES = ("l1", "psnr", "ssim", "fd_effnet", "kd_effnet_x1000", "colorfulness")

Run = dict[str, Any]  # scores, and what the training was computed on


def train_and_score(changes: dict[str, object], variables: dict[str, str]) -> Run:
    """Return the scores on validation of a training.

    Args:
        changes: Values of `train` in params.yaml.
        variables: Of the environment.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        link(folder, {name: ROOT / name for name in INPUTS})
        params = read_yaml(ROOT / "params.yaml")
        params["train"] |= changes
        (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        for stage in ("train", "evaluate"):
            run_stage(stage, folder, {"OMP_NUM_THREADS": "1"} | variables)
        val = read_json(folder / "metrics/evaluate.json")["val"]
        scores = {name: val[name] for name in SCORES}
        return {"scores": scores, **read_json(folder / "data/model/computed_on.json")}


def table(runs: dict[str, Run]) -> str:
    """Return the runs as a Markdown table."""
    lines = [f"| | {' | '.join(SCORES)} | computed on |", f"| --- |{' ---: |' * len(SCORES)} --- |"]
    for name, run in runs.items():
        cells = [str(run["scores"][score]) for score in SCORES]
        lines.append(f"| {' | '.join([name, *cells])} | {run['processor']}, {run['dtype']} |")
    return "\n".join(lines)


def main() -> None:
    p = read_params()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spread", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=p.train.steps)
    arguments = parser.parse_args()
    for name in INPUTS:
        if not Path(name).exists():
            raise UserError(f"{name} is missing: `dvc repro evaluate` makes it")
    seeds, others = {}, {}
    for seed in range(arguments.seeds):
        changes = {"seed": seed, "steps": arguments.steps}
        seeds[f"seed {seed}"] = train_and_score(changes, {})
        print(table({f"seed {seed}": seeds[f"seed {seed}"]}).splitlines()[-1], flush=True)
    for name, precision, variables in (
        ("fp32", "fp32", {}),
        ("bf16", "bf16", {}),
        ("AVX2", "fp32", AVX2),
    ):
        changes = {"seed": 0, "steps": arguments.steps, "precision": precision}
        others[name] = train_and_score(changes, variables)
    trainings = (
        f"{arguments.seeds} seeds of {p.source}, {p.task}, {p.model}, {arguments.steps} steps"
    )
    write_json(ROOT / FILE, {"trainings": trainings, "seeds": seeds, "others": others})
    print(table(seeds | others))


if __name__ == "__main__":
    with exit_on_user_error("benchmark"):
        main()
