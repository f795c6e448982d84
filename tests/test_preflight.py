"""What can be known before work is refused before work, and on demand by `python -m src check`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from annotated_types import Le, Lt
from click.testing import CliRunner

from src import preflight
from src.cli.check import check
from src.errors import UserError
from src.params import Params, read_params
from src.preflight import require_runnable
from tests.conftest import ROOT, write_params

WITHOUT_LARGEST = {"train.lr"}  # of too large a one the error of training says: lower it
REFUSED = [
    ({"pair.crop_size": 16, "pair.load_size": 18}, "train.discriminator.n_layers = 3"),
    ({"model": "unet", "models.unet.n_downs": 7, "pair.crop_size": 96}, "models.unet.n_downs = 7"),
    ({"models.encdec.n_downs": 5, "pair.crop_size": 32}, "models.encdec.n_downs = 5"),
    ({"train.device": "cuda"}, "train.device = 'cuda', but torch sees no GPU"),
    ({"evaluate.device": "cuda"}, "evaluate.device = 'cuda', but torch sees no GPU"),
    ({"source": "gallery", "gallery.item": "li..a"}, "gallery.item"),
    ({"source": "gallery", "gallery.total": "p:has("}, "gallery.total"),
    ({"source": "saved", "saved.path": "docs", "saved.link": "a["}, "saved.link = 'a['"),
    ({"source": "json", "json.items": "a["}, "json.items = 'a['"),
    (
        {"source": "webdataset", "webdataset.path": "docs", "webdataset.name": "["},
        "webdataset.name",
    ),
    ({"source": "imdb", "imdb.list": "my list"}, "imdb.list = 'my list'"),
    ({"source": "folder"}, "folder.path is empty"),
    ({"source": "folder", "folder.path": "not/there"}, "folder.path = 'not/there' does not exist"),
    ({"source": "folder", "folder.path": "data"}, "folder.path = 'data' is inside data/"),
    ({"source": "folder", "folder.path": "."}, "folder.path = '.' holds this project"),
    (
        {"source": "gallery", "gallery.item": "li", "gallery.url": "http://me:pw@a.example"},
        "gallery.url: http://***@a.example holds a user or password",
    ),
    (
        {"source": "json", "json.items": "a", "json.url": "http://a.example:99999/"},
        "json.url: http://a.example:99999/: Failed to parse",
    ),
    ({"source": "pairs", "task": "labels"}, "pairs.path is empty"),
    ({"source": "pairs", "pairs.path": "a.tar"}, "pairs.path = 'a.tar' does not exist"),
    ({"demo.portraits": "not/there"}, "demo.portraits = 'not/there' does not exist"),
    (
        {"demo.pages": 1, "demo.per_page": 20, "train.batch_size": 18},
        "train.batch_size = 18: the demo has at most 17 training pictures: set it to 17 or less",
    ),
    (
        {"demo.pages": 1, "demo.per_page": 2, "train.batch_size": 1},
        "train.batch_size = 1: the demo has at most 0 training pictures: raise demo.pages",
    ),
    (
        {"demo.kind": "facades", "demo.pairs": 20, "train.batch_size": 17},
        "train.batch_size = 17: the demo has at most 16 training pictures",
    ),
    (
        {"demo.kind": "facades", "demo.pairs": 14},
        "demo.pairs = 14: one in 5 is for validation, expected at least 3 there: set it to 15",
    ),
    ({"clean.exclude": "rulings/none.csv"}, "rulings/none.csv is missing, which clean.exclude"),
    ({"clean.force": "rulings"}, "rulings (clean.force) cannot be read as CSV"),
    ({"scrape.forget": "none.csv"}, "none.csv is missing, which scrape.forget names"),
    ({"evaluate.inception_weights": "w.pth"}, "evaluate.inception_weights = 'w.pth' does not"),
    ({"evaluate.lpips_weights": "w.pth"}, "evaluate.lpips_weights = 'w.pth' does not exist"),
    ({"audit.limits": {"leaks": 1}}, "audit.limits.leaks belongs to no check"),
    ({"audit.thresholds": {"dust": 1}}, "audit.thresholds.dust belongs to no check"),
    ({"engine.kind": "ray", "engine.address": "node"}, "engine.address = 'node': expected host"),
]


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize(("changes", "sentence"), REFUSED, ids=lambda value: str(value)[:40])
def test_settings_that_a_stage_would_refuse_are_refused_before_any_work(
    no_gpu, changed, changes: dict, sentence: str
):
    with pytest.raises(UserError) as refused:
        require_runnable(changed(changes))
    [line] = str(refused.value).splitlines()
    assert line.startswith(sentence)


def test_more_processes_than_gpus_are_refused(no_gpu, changed, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UserError, match="processes = 2: expected at most the 1 GPUs here"):
        require_runnable(changed({"train.processes": 2}))


@pytest.mark.parametrize(
    ("changes", "package", "sentence"),
    [
        ({"engine.kind": "ray"}, "ray", "engine.kind = 'ray' needs Ray: "),
        ({"source": "gallery", "gallery.render": True}, "playwright", "gallery.render needs"),
        ({"train.log": ["dvclive"]}, "dvclive", "train.log = "),
    ],
)
def test_a_setting_whose_package_is_not_installed_is_refused(
    no_gpu, changed, monkeypatch, changes: dict, package: str, sentence: str
):
    monkeypatch.setattr(preflight, "find_spec", lambda name: None if name == package else name)
    with pytest.raises(UserError, match=f"^{sentence}.*pip install"):
        require_runnable(changed(changes))


def test_every_reason_has_a_line(no_gpu, changed):
    with pytest.raises(UserError) as refused:
        require_runnable(changed({"source": "folder", "train.device": "cuda"}))
    assert [line.split()[0] for line in str(refused.value).splitlines()] == [
        "folder.path",
        "train.device",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"train.gan_weight": 0.0, "pair.crop_size": 16, "pair.load_size": 18},
        {"evaluate.fid": "none", "evaluate.inception_weights": "w.pth"},
        {"source": "folder", "folder.path": "docs"},
        {"source": "pairs", "pairs.path": "https://example.org/pairs.tar"},
        {"model": "unet", "pair.crop_size": [96, 128], "pair.load_size": [96, 128]},
        {"audit.limits": {"missing_share": 0.5}},
    ],
    ids=str,
)
def test_settings_that_can_run_pass(no_gpu, changed, changes: dict):
    if changes.get("model") == "unet":
        changes |= {"models.encdec.n_downs": 8}  # of the other network
    require_runnable(changed(changes))


def test_the_command_says_what_can_run_and_works_without_dvc(no_gpu):
    said = CliRunner().invoke(check).output
    assert said == "params.yaml can run: source demo, task colorize, model encdec, 128 pixels\n"


def test_the_scrape_looks_first_and_writes_nothing(tmp_path: Path):
    write_params(tmp_path / "params.yaml", {"models.encdec.n_downs": 8})
    done = subprocess.run(
        [sys.executable, "-m", "stages.scrape"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "models.encdec.n_downs = 8" in done.stderr and "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.yaml"]


def numbers(model: type, prefix: str = "") -> dict[str, list]:
    """Return what is said of every number of params.yaml, by its key."""
    found = {}
    for name, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            found |= numbers(field.annotation, f"{prefix}{name}.")
        elif field.annotation in (int, float):
            found[prefix + name] = field.metadata
    return found


def test_every_number_has_a_largest_value_but_weights_and_measures():
    unbounded = {
        key
        for key, metadata in numbers(Params).items()
        if not any(isinstance(bound, Le | Lt) for bound in metadata)
    }
    assert unbounded == WITHOUT_LARGEST


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scrape.timeout_s", 1e10),
        ("scrape.deadline_s", 1e10),
        ("scrape.requests_per_second", 1e-300),
        ("scrape.retries", 20),
        ("scrape.backoff_s", 1e6),
        ("scrape.workers", 10_000),
        ("scrape.max_pages", 10**30),
        ("train.steps", 10**18),
        ("train.batch_size", 10**9),
        ("models.encdec.ngf", 100_000),
        ("train.discriminator.ndf", 100_000),
    ],
)
def test_a_time_or_count_beyond_its_range_is_refused_in_one_line(
    tmp_path: Path, key: str, value: float
):
    write_params(tmp_path / "params.yaml", {key: value})
    with pytest.raises(UserError) as refused:
        read_params(tmp_path / "params.yaml")
    message = str(refused.value)
    assert f"{key} = {value!r}: input should be " in message and "\n" not in message
    assert "less than or equal to" in message or "greater than or equal to" in message


@pytest.mark.parametrize(
    "url", ["https://a.test/list?page={page}", "https://[x/list", "https://user:pw@a.test/"]
)
def test_the_address_of_saved_pages_is_one(changed, tmp_path, url):
    save = tmp_path / "1.html"
    save.write_text("<html></html>")
    settings = {"source": "saved", "saved.path": str(save), "saved.url": url}
    with pytest.raises(UserError, match=r"^saved\.url"):
        require_runnable(changed(settings))
    require_runnable(changed(settings | {"saved.url": "https://a.test/list?page=1"}))
