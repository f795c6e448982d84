"""Errors of the user end a program with one line; its own faults do not."""

import pytest

from src.errors import UserError, exit_on_user_error


def test_a_program_reports_a_user_error_as_one_line(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped, exit_on_user_error("clean"):
        raise UserError("data/raw/ledger.parquet is missing")
    assert stopped.value.code == 1
    assert capsys.readouterr().err == "clean: data/raw/ledger.parquet is missing\n"


def test_a_program_that_is_interrupted_says_so(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped, exit_on_user_error("scrape"):
        raise KeyboardInterrupt
    assert stopped.value.code == 130
    assert capsys.readouterr().err.startswith("scrape: interrupted")


def test_a_program_does_not_hide_its_own_faults():
    with pytest.raises(ZeroDivisionError), exit_on_user_error("clean"):
        raise ZeroDivisionError
