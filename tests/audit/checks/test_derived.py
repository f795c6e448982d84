"""The inputs."""

from dataclasses import replace

import numpy as np

from tests.audit.evidence import (
    CHECKS_BY_NAME,
    fired,
    with_labels,
    with_ledger,
    with_side,
    without_rows,
)
from tests.audit.faults import blank_labels


def test_too_few_pairs_say_nothing_about_labels(clean):
    small = blank_labels(without_rows(clean, list(range(15, 30))))
    assert len(small.train) + len(small.val) == 15
    assert CHECKS_BY_NAME["labels_fit_photos"].run(small).value == 1


def test_label_maps_of_other_photographs_are_found(clean):
    evidence = with_labels(clean)
    for side, pairs in evidence.sides.items():
        evidence = with_side(evidence, side, labels=np.roll(pairs.labels, 1, axis=0))
    assert set(fired(evidence)) == {"labels_fit_photos", "altered_labels"}
    assert set(fired(with_ledger(evidence, label_file=None))) == {"labels_fit_photos"}
    assert fired(replace(evidence, task="colorize")) == {}
