"""python -m src checks."""

import pytest
from click.testing import CliRunner

from src.audit.checks import CHECKS
from src.cli.checks import checks
from tests.conftest import ROOT, write_params


@pytest.fixture
def output_of(tmp_path, monkeypatch):
    """The command's output in a folder with the project's parameters: output_of(*arguments)."""

    def run(*arguments: str, **changes: object) -> str:
        write_params(tmp_path / "params.yaml", changes)
        monkeypatch.chdir(tmp_path)
        return CliRunner().invoke(checks, arguments, catch_exceptions=False).output

    return run


def test_every_check_is_listed_with_its_limit_and_remedy(output_of):
    output = output_of()
    for check in CHECKS:
        head = f"{check.name} ({check.severity}, {check.when} training)\n"
        assert f"{head}    measures  {check.description}\n" in output
        assert f"    remedy    {check.remedy}\n" in output
    assert "at least 16 (audit.limits.min_train)" in output
    assert output.count("    allowed   ") == len(CHECKS)
    assert output.count("    threshold ") == sum(len(check.thresholds) for check in CHECKS)


def test_a_limit_of_the_parameters_is_listed_in_place_of_the_checks_own(output_of):
    output = output_of(
        **{"audit.limits": {"min_train": 20}, "audit.thresholds": {"leak_similarity": 0.8}}
    )
    assert "at least 20 (audit.limits.min_train)" in output
    assert "threshold 0.8 (audit.thresholds.leak_similarity)" in output


def test_the_documentation_of_the_checks_is_current(output_of):
    page = (ROOT / "docs/checks.md").read_text(encoding="utf-8")
    assert output_of("--markdown") == page, "run: python -m src checks --markdown > docs/checks.md"
