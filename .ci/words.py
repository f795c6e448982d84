"""Count the words of every sentence in the pages and docstrings; long sentences fail.

Run it in the project's folder: python .ci/words.py
"""

import ast
import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MAX_WORDS = 35  # of a sentence
MAX_MEDIAN = 18  # words, of a kind whose median counts
MIN_WORDS = 3  # shorter parts are labels
SHOWN_WORDS = 6  # of a sentence that is too long
PAGES = "README and docs"
PAPERS = "papers of the project"
DOCSTRINGS = "docstrings"

FENCE = re.compile(r"```.*?```", re.S)
NOT_PROSE = re.compile(r"^[ \t]*[|#!].*\n?", re.M)  # tables, headings, pictures
CODE_OR_LINK = re.compile(r"`[^`]*`|\[([^]]*)\]\([^)]*\)")
CUT_LINE = "\0"  # stands for a removed line, so that those after it keep their numbers
END = re.compile(rf"(?<=[.!?])\s+|\n\s*\n|\n[\s{CUT_LINE}]*[-*]\s")


class Sentence(NamedTuple):
    """A sentence, and the line of its file that it starts in."""

    file: Path
    line: int
    words: list[str]


def sentences(file: Path, text: str, first_line: int = 1) -> Iterator[Sentence]:
    """Yield the sentences of Markdown text without its tables, headings and code.

    Args:
        file: Where the text stands.
        text: A page or a docstring.
        first_line: The number in the file of the text's first line.
    """
    prose = FENCE.sub(lambda match: " " + _cut(match[0]), text)
    prose = NOT_PROSE.sub(lambda match: _cut(match[0]), prose)
    prose = CODE_OR_LINK.sub(_shortened, prose)
    start = 0
    for end, following in [*(match.span() for match in END.finditer(prose)), (len(prose), 0)]:
        words = list(re.finditer(r"\w+", prose[start:end]))
        if len(words) >= MIN_WORDS:
            before = prose[: start + words[0].start()]
            line = first_line + before.count("\n") + before.count(CUT_LINE)
            yield Sentence(file, line, [word[0] for word in words])
        start = following


def docstrings(file: Path) -> Iterator[Sentence]:
    """Yield the sentences of a module's docstrings."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                yield from sentences(file, text, node.body[0].lineno)


def collect() -> dict[str, list[Sentence]]:
    """Return the sentences of the project by kind."""
    pages = [Path("README.md"), *sorted(Path("docs").glob("*.md"))]
    papers = [Path(f"{name}.md") for name in ("CONTRIBUTING", "SECURITY", "CHANGELOG")]
    modules = [file for folder in ("src", "stages") for file in sorted(Path(folder).rglob("*.py"))]
    return {
        PAGES: [each for file in pages for each in sentences(file, file.read_text("utf-8"))],
        PAPERS: [each for file in papers for each in sentences(file, file.read_text("utf-8"))],
        DOCSTRINGS: [each for file in modules for each in docstrings(file)],
    }


def main() -> int:
    """Print the counts of each kind and what is too long; return the exit status."""
    failures = []
    for kind, found in collect().items():
        counts = [len(sentence.words) for sentence in found] or [0]
        median = statistics.median(counts)
        long = [sentence for sentence in found if len(sentence.words) > MAX_WORDS]
        print(
            f"{kind}: {len(found)} sentences, median {median:g} words, longest {max(counts)}, "
            f"{len(long)} over {MAX_WORDS}"
        )
        for file, line, words in long:
            start = " ".join(words[:SHOWN_WORDS])
            failures.append(f"{file}:{line}: {len(words)} words, at most {MAX_WORDS}: {start} …")
        if kind != PAPERS and median > MAX_MEDIAN:
            failures.append(f"{kind}: median {median:g} words, at most {MAX_MEDIAN}")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


def _cut(removed: str) -> str:
    return CUT_LINE * removed.count("\n")


def _shortened(match: re.Match[str]) -> str:
    """Return a link's text, or one word for code."""
    text = match[1] or ""
    cut_lines = match[0].count("\n") - text.count("\n")
    return f" x {text} " + CUT_LINE * cut_lines


if __name__ == "__main__":
    sys.exit(main())
