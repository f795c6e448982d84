"""python -m src app: its messages and its exit status."""

import sys

import pytest

from src.__main__ import PROGRAM, run


@pytest.fixture
def refused(monkeypatch, tmp_path, capsys):
    """Run the command with options, which exits with a status, and return the last line on stderr."""

    def command(*words: object, status: int = 1) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["src", "app", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            run()
        assert end.value.code == status
        return capsys.readouterr().err.strip().splitlines()[-1]

    return command


def test_without_a_release_the_line_says_which_command_writes_one(refused):
    line = refused()
    assert line.startswith(f"{PROGRAM}: --model = 'data/release' does not exist: ")
    assert line.endswith("`dvc repro` writes data/release")


def test_a_folder_without_a_model_is_refused(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty/config.json" in refused("--model", "empty")


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_refused(refused, port):
    assert "--port" in refused("--port", port, status=2)
