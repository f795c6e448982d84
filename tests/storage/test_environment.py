"""Environment variables are as they were when the block ends."""

import os

import pytest

from src.storage.environment import environment


def test_variables_are_set_in_the_block_and_restored_after_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BEFORE", "old")
    monkeypatch.delenv("ABSENT", raising=False)
    with environment(BEFORE="new", ABSENT="new"):
        assert (os.environ["BEFORE"], os.environ["ABSENT"]) == ("new", "new")
    assert os.environ["BEFORE"] == "old"
    assert "ABSENT" not in os.environ


def test_variables_are_restored_after_an_error_and_a_deletion(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BEFORE", "old")
    monkeypatch.delenv("ABSENT", raising=False)
    with pytest.raises(ValueError, match="stop"), environment(BEFORE="new", ABSENT="new"):
        del os.environ["BEFORE"], os.environ["ABSENT"]
        raise ValueError("stop")
    assert os.environ["BEFORE"] == "old"
    assert "ABSENT" not in os.environ
