"""python -m src predict: its options, its messages and its exit status."""

import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from src.__main__ import PROGRAM, main
from src.__main__ import run as run_program
from src.imaging.picture_files import read_photo
from src.model.saving import save_generator
from tests.inference.pictures import noise
from tests.model.generators import variant


@pytest.fixture
def picture(tmp_path) -> Path:
    Image.fromarray(noise(20, 30)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run the command on sources and options, into tmp_path/out, with a model that exists."""
    save_generator(variant(), tmp_path / "model")

    def command(*words: object) -> None:
        options = [str(tmp_path / "out"), "--model", str(tmp_path / "model")]
        monkeypatch.setattr(sys, "argv", ["src", "predict", *map(str, words), *options])
        run_program()

    return command


@pytest.fixture
def refused(run, capsys):
    """Run the command, which exits with a status, and return the last line on stderr."""

    def command(*words: object, status: int = 1) -> str:
        with pytest.raises(SystemExit) as end:
            run(*words)
        assert end.value.code == status
        lines = capsys.readouterr().err.strip().splitlines()
        assert status == 2 or len(lines) == 1
        return lines[-1]

    return command


def test_the_command_says_how_many_pictures_it_wrote(run, capsys, picture, tmp_path):
    run(picture)
    assert f"1 of 1 pictures written to {tmp_path / 'out'}" in capsys.readouterr().out
    assert read_photo(tmp_path / "out" / "a.png").shape == (20, 30, 3)


def test_a_broken_picture_is_named_in_the_end(refused, picture, tmp_path):
    (tmp_path / "b.jpg").write_bytes(b"<html>")
    line = refused(tmp_path / "b.jpg", picture)
    assert line.startswith(f"{PROGRAM}: refused: {tmp_path / 'b.jpg'}: ")
    assert (tmp_path / "out" / "a.png").exists()


def test_a_name_of_two_lines_is_told_in_one(refused, tmp_path):
    (tmp_path / "a\nb.jpg").write_bytes(b"<html>")
    assert str(tmp_path / "a?b.jpg") in refused(tmp_path / "a\nb.jpg")


def test_options_reach_the_prediction(run, picture, tmp_path):
    run(picture, "--side-by-side", "--max-side", "16", "--batch-size", "1", "--device", "cpu")
    assert read_photo(tmp_path / "out" / "a.png").shape == (20, 60, 3)


def test_a_model_of_another_task_is_refused_with_the_reason(run, refused, picture):
    line = refused(picture, "--task", "sketch")
    assert "was trained for colorize" in line
    assert "dvc exp run -S task=sketch" in line
    run(picture, "--task", "colorize")


def test_a_folder_without_a_model_is_refused(refused, picture, tmp_path):
    (tmp_path / "model" / "config.json").unlink()
    assert str(tmp_path / "model") in refused(picture)


def test_an_output_that_is_a_file_is_refused_before_any_work(refused, picture, tmp_path):
    (tmp_path / "out").write_bytes(b"")
    (tmp_path / "model" / "generator.safetensors").unlink()  # would be missed later
    assert f"OUT = {str(tmp_path / 'out')!r}: {tmp_path / 'out'} is a file" in refused(picture)


def test_a_model_or_picture_that_does_not_exist_is_named(refused, picture, tmp_path):
    missing = f"{str(tmp_path / 'gone')!r} does not exist"
    assert f"IN = {missing}" in refused(tmp_path / "gone", picture)
    (tmp_path / "model").rename(tmp_path / "gone too")
    assert f"--model = {str(tmp_path / 'model')!r} does not exist" in refused(picture)


def test_a_url_is_no_picture(refused, picture):
    url = "https://example.test/a.jpg"
    assert f"IN = {url!r} is a URL: save the picture, and name its file" in refused(url, picture)


def test_a_gpu_that_is_not_there_is_refused(refused, picture, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "--device = 'cuda'" in refused(picture, "--device", "cuda")


@pytest.mark.parametrize("option", ["--batch-size", "--max-side"])
def test_numbers_out_of_range_are_refused(refused, picture, option):
    line = refused(picture, option, {"--batch-size": 0, "--max-side": -1}[option], status=2)
    assert f"Invalid value for '{option}'" in line
    assert "not in the range" in line


def test_an_empty_path_is_refused(refused, picture):
    assert "it is empty, expected a path" in refused(picture, "", status=2)
    for words in (["predict", picture, ""], ["app", "--model", ""], ["explain", ""]):
        result = CliRunner().invoke(main, list(map(str, words)))
        assert result.exit_code == 2
        assert "it is empty, expected a path" in result.output


def test_a_picture_as_output_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["src", "predict", "in.jpg", "out.png"])
    with pytest.raises(SystemExit) as end:
        run_program()
    assert end.value.code == 1
    assert "OUT = out.png" in capsys.readouterr().err
