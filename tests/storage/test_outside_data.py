"""Files of the user's are refused where DVC would delete them."""

from pathlib import Path

import pytest
import yaml

from src.errors import UserError
from src.params import Params
from src.storage.outside_data import PATHS, require_originals_outside, require_outside_data
from tests.conftest import ROOT


def is_path(key: str) -> bool:
    return key in ("path", "portraits", "exclude", "force", "forget") or key.endswith("_weights")


def test_the_stage_looks_at_every_path_in_the_parameters():
    paths = [
        f"{section}.{key}"
        for section, field in Params.model_fields.items()
        for key in getattr(field.annotation, "model_fields", {})
        if is_path(key)
    ]
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]["paths"]
    assert sorted(stage["params"]) == sorted(PATHS) == sorted(paths)


@pytest.mark.parametrize("key", PATHS)
def test_each_path_is_refused_by_its_name(project, changed, key):
    params = changed({key: "data/x"}).model_dump()
    with pytest.raises(UserError, match=rf"^{key} = 'data/x' is inside data/"):
        require_originals_outside(params)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a project, beside another one and a folder of pictures."""
    for name in ("mine/data/raw/x", "other/data/raw", "data/x", "pictures", "mine/database"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("mine", "other"):
        (tmp_path / name / "dvc.yaml").touch()
    (tmp_path / "pictures/link").symlink_to(tmp_path / "mine/data/raw")
    (tmp_path / "mine/data/outward").symlink_to(tmp_path / "pictures")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path / "mine")
    return tmp_path


@pytest.mark.parametrize(
    "path",
    [
        "data",
        "data/raw/x",
        "./database/../data//raw",
        "data/not/there.tar",
        "data/outward",
        "../pictures/link",
        "../pictures/link/x",
        "~/other/data/raw",
        "~/mine/data",
    ],
)
def test_a_path_inside_data_is_refused(project, path):
    with pytest.raises(UserError) as error:
        require_outside_data("folder.path", path)
    assert str(error.value).startswith(f"folder.path = {path!r} is inside data/")
    assert "move it out" in str(error.value)


@pytest.mark.parametrize("path", [".", "..", "~", "/", "data/.."])
def test_a_path_that_holds_the_project_is_refused(project, path):
    with pytest.raises(UserError, match="holds this project"):
        require_outside_data("folder.path", path)


@pytest.mark.parametrize(
    "path",
    ["", "../pictures", "~/data/x", "database", "https://a.example/data/x.tar", "gone", "a\0b"],
)
def test_any_other_path_is_accepted(project, path):
    require_outside_data("folder.path", path)
