"""What the checks look at, as it is read from disk."""

from src.audit.evidence import OutputEvidence
from src.storage.atomic import write_bytes
from src.storage.encoding import encode_png
from tests.audit.evidence import OUTPUT_ROWS, fired
from tests.builders import pairs_of


def test_outputs_are_read_by_their_rows(good, tmp_path):
    for row, picture in good.outputs.items():
        write_bytes(tmp_path / f"{row:06d}.png", encode_png(picture))
    (tmp_path / "scores.csv").write_text("row\n", encoding="utf-8")
    train = pairs_of(good.val.photo[:3], [4, 5, 6])
    evidence = OutputEvidence.read(train, good.val, tmp_path, good.scores, good.limits)
    assert fired(evidence) == {}
    assert list(evidence.outputs) == list(OUTPUT_ROWS)
    assert evidence.train_rows == {4, 5, 6}
