"""python -m src: its help, its errors and its exit statuses."""

import resource
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from src.__main__ import COMMANDS, PROGRAM, main, run
from tests.conftest import ROOT

HEAVY = {"cv2", "dvc", "numpy", "onnxruntime", "pandas", "pyarrow", "ray", "requests", "torch"}


@click.command()
def interrupted() -> None:
    raise KeyboardInterrupt


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line in this process, and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["src", *arguments])
    with pytest.raises(SystemExit) as end:
        run()
    return end.value.code


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command that help lists."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if not command.hidden:
            yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def test_help_lists_every_command_with_one_line():
    lines = CliRunner().invoke(main, ["--help"]).output.splitlines()
    listed = lines[lines.index("Commands:") + 1 : lines.index("", lines.index("Commands:"))]
    assert [line.split(maxsplit=1) for line in listed] == [
        [name, line] for name, (_, line) in COMMANDS.items()
    ]


def test_every_file_of_cli_is_a_command_or_what_they_share():
    files = {path.stem for path in (ROOT / "src/cli").glob("*.py")}
    assert files == {"__init__", "non_empty_path", *COMMANDS}


@pytest.mark.parametrize("words", list(commands(main)), ids=" ".join)
def test_every_command_has_help_with_an_example(words):
    shown = CliRunner().invoke(main, [*words, "--help"], prog_name=PROGRAM)
    assert shown.exit_code == 0
    assert shown.output.startswith(f"Usage: {PROGRAM} {' '.join(words)}")
    example = shown.output.partition("Example: ")[2]
    assert " ".join([PROGRAM, *words]) in example


def test_no_help_imports_what_only_running_needs():
    program = f"""
import sys
from click.testing import CliRunner
from src.__main__ import main
for words in {[[], *commands(main)]!r}:
    assert CliRunner().invoke(main, [*words, "--help"]).exit_code == 0
print(*{HEAVY!r} & set(sys.modules))
"""
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == []


@pytest.mark.parametrize("words", [(), *commands(main)], ids=" ".join)
def test_help_is_there_in_less_than_a_second(words):
    command = [sys.executable, "-m", "src", *words, "--help"]

    def seconds() -> float:
        """Return the processor's time: a busy machine takes longer."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # several tries, of which the machine may disturb some
    assert any(seconds() < 1 for _ in range(5))


def test_an_error_of_the_user_is_one_line_and_status_1(monkeypatch, capsys):
    assert ended(monkeypatch, "preset", "nobody") == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{PROGRAM}: 'nobody' is no preset: expected one of ")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nope"], "No such command 'nope'"),
        (["preset"], "Missing argument 'NAME'"),
        (["preset", "facades", "--fast"], "No such option '--fast'"),
        (["checks", "one"], "Got unexpected extra argument (one)"),
        (["bugs", "nope"], "No such command 'nope'"),
    ],
)
def test_wrong_usage_is_status_2_with_the_way_to_help(monkeypatch, capsys, arguments, reason):
    assert ended(monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert "--help' for help" in error
    assert "Traceback" not in error


def test_ctrl_c_is_one_line_and_status_130(monkeypatch, capsys):
    monkeypatch.setitem(COMMANDS, "wait", (f"{__name__}:interrupted", "Wait for Ctrl-C."))
    assert ended(monkeypatch, "wait") == 130
    [line] = capsys.readouterr().err.split("\n")[-2:-1]
    assert line == f"{PROGRAM}: interrupted; run the same command again"
