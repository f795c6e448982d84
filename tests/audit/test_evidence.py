"""What the checks look at, as it is read from disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.audit.evidence import OutputEvidence
from src.dataset import arrays
from src.dataset.arrays import Pairs
from src.storage.atomic import write_bytes, write_json, write_text
from src.storage.encoding import encode_png
from tests.audit.evidence import OUTPUT_ROWS, fired
from tests.builders import pairs_of


def save(folder: Path, side: str, pairs: Pairs) -> None:
    parts = {name: np.asarray(getattr(pairs, name)) for name in ("photo", "gray", "canny")}
    arrays.save(folder, side, parts, pairs.index)


@pytest.mark.parametrize(("interpretable", "scored_step"), [(0, None), (1, 60)])
def test_outputs_scores_and_losses_are_read_as_the_stages_wrote_them(
    good, tmp_path, interpretable: int, scored_step: int | None
):
    for row, picture in good.outputs.items():
        write_bytes(tmp_path / f"data/predictions/{row:06d}.png", encode_png(picture))
    write_text(tmp_path / "data/predictions/scores.csv", "row\n")
    save(tmp_path / "data/pairs", "val", good.val)
    save(tmp_path / "data/pairs", "train", pairs_of(good.val.photo[:3], [4, 5, 6]))
    metrics = tmp_path / "metrics"
    losses = pd.DataFrame({"step": range(1, 101), "g_l1": good.losses})
    write_text(metrics / "history.csv", losses.to_csv(index=False))
    evaluated = {
        "val": good.scores,
        "baselines": good.baselines | {"real_real": {}},
        "gap": {"interpretable": interpretable},
    }
    write_json(metrics / "evaluate.json", evaluated)
    write_json(metrics / "evaluate_meta.json", {"scored_step": scored_step})
    evidence = OutputEvidence.read(
        tmp_path / "data", metrics, good.task, good.settings, good.limits
    )
    assert fired(evidence) == {}
    assert list(evidence.outputs) == list(OUTPUT_ROWS)
    assert evidence.train_rows == {4, 5, 6}
    assert set(evidence.baselines) == {"copy_input", "mean_color"}
    assert evidence.losses == pytest.approx(good.losses[: scored_step or 100])
    assert evidence.done == 100
    assert evidence.leaks is (interpretable == 0)
