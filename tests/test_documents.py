"""README and docs cannot rot: links resolve, commands parse, generated tables are current."""

import ast
import re
import shlex
from pathlib import Path

import click
import pytest
import yaml
from dvc.cli.parser import get_main_parser

from src.__main__ import main
from src.audit.findings import resolve_limits
from tests.conftest import ROOT

PAPERS = ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY")
PAGES = [*(ROOT / f"{name}.md" for name in PAPERS), *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "benchmarks/results").glob("*.md"))
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.M | re.S)
INLINE = re.compile(r"`([^`\n]+)`")
SUBSTITUTION = re.compile(r"\$\(([^)]*)\)")
PROGRAMS = ("python -m ", "make ", "dvc ")
PARAMETERS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page: Path) -> list[str]:
    """Every command that a page shows, one program each."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in FENCE.findall(text) for line in block.splitlines()]
    lines += INLINE.findall(FENCE.sub("", text))
    lines += [inner for line in lines for inner in SUBSTITUTION.findall(line)]
    parts = [part.strip() for line in lines for part in re.split(r"&&|;|>|\|(?!\|)", line)]
    return sorted({part for part in parts if part.startswith(PROGRAMS)})


LINKS_ONLY = ROOT / "CHANGELOG.md", ROOT / "SECURITY.md"  # the former names old commands
COMMANDS = sorted(
    {(page.name, command) for page in set(PAGES) - {*LINKS_ONLY} for command in commands(page)}
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_resolves(page):
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name} links to {link}"


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_every_command_that_a_page_shows_parses(page, command):
    words = shlex.split(SUBSTITUTION.sub("", command), comments=True)
    program = words[0] if words[0] != "python" else words[2].split(".")[0]
    PARSERS[program](words)


def parse_make(words: list[str]) -> None:
    targets = re.findall(r"^([\w.]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert set(words[1:]) <= set(targets)


def parse_dvc(words: list[str]) -> None:
    arguments = get_main_parser().parse_args(words[1:])
    for override in getattr(arguments, "set_param", None) or []:
        known_parameter(override.partition("=")[0])


def known_parameter(key: str) -> None:
    """The key of an override is in params.yaml, or with a plus one of the checks' limits."""
    added = key.removeprefix("+audit.limits.")
    if added != key:
        assert added in resolve_limits({}), key
        return
    value = PARAMETERS
    for part in key.split("."):
        assert part in value, key
        value = value[part]


def parse_command(words: list[str]) -> None:
    """Parse as the command line does, without running anything."""
    context = click.Context(main, info_name="python -m src")
    command, rest = main, words[3:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name, command, rest = command.resolve_command(context, rest)
        context = click.Context(command, info_name=name, parent=context)
    if rest != ["--help"]:
        command.make_context(command.name, list(rest), parent=context.parent)


def parse_benchmark(words: list[str]) -> None:
    file = ROOT.joinpath(*words[2].split(".")).with_suffix(".py")
    calls = [n for n in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(n, ast.Call)]
    known = {
        argument.value
        for call in calls
        for argument in call.args
        if isinstance(argument, ast.Constant)
    }
    assert {word for word in words[3:] if word.startswith("--")} <= known | {"--help"}


def parse_stage(words: list[str]) -> None:
    assert ROOT.joinpath(*words[2].split(".")).with_suffix(".py").is_file()


def parse_tool(words: list[str]) -> None:
    """A tool of Python or of the development requirements, by its name alone."""
    assert words[2].split(".")[0] in ("pytest", "venv", "pip", "mypy", "webbrowser")


PARSERS = {
    "make": parse_make,
    "dvc": parse_dvc,
    "src": parse_command,
    "benchmarks": parse_benchmark,
    "stages": parse_stage,
    "pytest": parse_tool,
    "venv": parse_tool,
    "pip": parse_tool,
    "mypy": parse_tool,
    "webbrowser": parse_tool,
}


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert len(text.encode()) <= 10_000


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_a_page_of_docs_is_under_two_hundred_lines(page):
    assert len(page.read_text(encoding="utf-8").splitlines()) < 200


def test_the_changelog_names_every_renamed_parameter():
    from src.refusals import RENAMED

    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for old, new in RENAMED.items():
        assert f"`{old}`" in text, old
        assert f"`{new.split(' ')[0]}`" in text, new
