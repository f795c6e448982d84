"""The few numbers that experiments are compared by."""

from typing import Any

TRAIN_SCORES = ("l1", "psnr", "ssim")  # beside validation's, for the gap between them
# of scores that are in evaluate.json alone, how their names begin
DETAILS = ("precision_", "recall_", "density_inception", "coverage_inception")


def summary(
    evaluated: dict[str, Any], failed_checks: int, train_pictures: int
) -> dict[str, float | int]:
    """Return metrics/summary.json: the verdict, the scores on validation, and the sides' sizes.

    The names are flat, because DVC makes a column of each. Those of validation's scores come first
    in the order of the file, which `dvc exp show` keeps, and in that of the alphabet. Failed checks
    are counted before and after training.
    """
    val, train = evaluated["val"], evaluated["train"]
    scores = {
        name: score
        for name, score in val.items()
        if name != "n" and not name.endswith("_se") and not name.startswith(DETAILS)
    }
    first = {name: scores.pop(name) for name in TRAIN_SCORES}
    return {
        **first,
        "failed_checks": failed_checks,
        **scores,
        **{f"train_{name}": train[name] for name in TRAIN_SCORES},
        "train_pictures": train_pictures,
        "val_pictures": val["n"],
    }
