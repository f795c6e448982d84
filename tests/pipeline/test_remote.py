"""A team shares data by a DVC remote: a folder, or WebDAV on this machine, as README says to set up.

A project of two tiny stages stands for the pipeline, with the project's own .dvc/config: what is
tested is what DVC does with it between the machines of two people.
"""

import configparser
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
import yaml

from tests.conftest import IDENTITY, ROOT

FILES = 8
PASSWORD = "s3same-open"
SECRET = re.compile("^password|passphrase|secret|token$|_key$|connection_string|auth_header")
STAGES = {
    "scrape": {
        "cmd": "python scrape.py",
        "params": ["seed"],
        "deps": ["scrape.py"],
        "outs": ["data/raw", {"metrics/scrape.json": {"cache": False}}],
    },
    "train": {
        "cmd": "python train.py",
        "params": ["x"],
        "deps": ["train.py", "data/raw"],
        "outs": ["data/model", {"metrics/train.json": {"cache": False}}],
    },
}
SCRAPE = f"""
import hashlib, json, pathlib
images = pathlib.Path("data/raw/images")
images.mkdir(parents=True)
for n in range({FILES}):
    data = bytes([n]) * 1000
    (images / (hashlib.sha256(data).hexdigest() + ".jpeg")).write_bytes(data)
pathlib.Path("metrics").mkdir(exist_ok=True)
pathlib.Path("metrics/scrape.json").write_text(json.dumps({{"downloaded": {FILES}}}))
"""
TRAIN = """
import json, pathlib, yaml
x = yaml.safe_load(open("params.yaml"))["x"]
pictures = [path.read_bytes() for path in sorted(pathlib.Path("data/raw/images").iterdir())]
pathlib.Path("data/model").mkdir()
pathlib.Path("data/model/weights").write_bytes(b"".join(pictures) * x)
pathlib.Path("metrics/train.json").write_text(json.dumps({"loss": 1 / x}))
"""


@dataclass
class Member:
    """A person at a machine of their own: a clone, and none of DVC's caches shared with others."""

    folder: Path

    def run(self, *command: str, succeeds: bool = True) -> str:
        outside = {  # a proxy, or the user's own remotes, are no part of this
            name: value
            for name, value in os.environ.items()
            if not name.lower().endswith("_proxy") and not name.startswith(("DVC_", "GIT_"))
        }
        own = self.folder.parent / f"{self.folder.name}-machine"
        environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "DVC_NO_ANALYTICS": "1",
            "DVC_GLOBAL_CONFIG_DIR": str(own / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(own / "system"),
            "DVC_SITE_CACHE_DIR": str(own / "site-cache"),
            **IDENTITY,
        }
        done = subprocess.run(
            command, cwd=self.folder, env=outside | environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=120,
        )  # fmt: skip
        assert (done.returncode == 0) == succeeds, done.stdout
        return done.stdout

    def dvc(self, *arguments: str, succeeds: bool = True) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments, succeeds=succeeds)

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments)

    def files(self) -> dict[str, bytes]:
        """What the stages and DVC wrote: data, metrics and dvc.lock, by name."""
        written = [self.folder / "dvc.lock"]
        for folder in ("data", "metrics"):
            written += (path for path in (self.folder / folder).rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in written}


@dataclass
class Team:
    """A member who has run the pipeline and pushed, and where the others get it from."""

    first: Member
    origin: Path  # the bare git repository
    storage: Path  # the folder behind the remote
    pushed: dict[str, bytes] = field(default_factory=dict)  # the files of the first run

    def joins(self, name: str) -> Member:
        member = Member(self.first.folder.parent / name)
        self.first.git("clone", "-q", str(self.origin), str(member.folder))
        return member


class Threaded(ThreadingMixIn, WSGIServer):
    """Answers DVC's connections at once."""

    daemon_threads = True  # one kept open is not waited for
    request_queue_size = 64


class Quiet(WSGIRequestHandler):
    def log_message(self, *_) -> None:
        pass


@contextmanager
def webdav(folder: Path, users: dict | bool) -> Iterator[str]:
    """The URL at which a WebDAV server on this machine serves `folder` while the block runs."""
    scale = "is in requirements-scale.txt: pip install -r requirements-scale.txt"
    pytest.importorskip("dvc_webdav", reason=f"dvc-webdav {scale}")
    pytest.importorskip("wsgidav", reason=f"wsgidav {scale}")
    from wsgidav.wsgidav_app import WsgiDAVApp

    share = WsgiDAVApp(
        {
            "provider_mapping": {"/": str(folder)},
            "simple_dc": {"user_mapping": {"*": users}},
            "logging": {"enable": False},
            "verbose": 0,
        }
    )

    def answer(environ: dict, start_response: Callable) -> Iterable[bytes]:
        # wsgiref hands over the bare connection, of which WsgiDAV would read more than the body
        length = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        return share(environ, start_response)

    # port 0: a free one
    with make_server("127.0.0.1", 0, answer, Threaded, Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"webdav://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def started(folder: Path, url: str, storage: Path) -> Team:
    """The project, run once, pushed to a git repository and to the remote at `url`."""
    team = Team(Member(folder / "first"), folder / "origin.git", storage)
    first = team.first
    (first.folder / ".dvc").mkdir(parents=True)
    for name in (".dvc/config", ".dvc/.gitignore"):
        shutil.copy(ROOT / name, first.folder / name)
    (first.folder / "scrape.py").write_text(SCRAPE, encoding="utf-8")
    (first.folder / "train.py").write_text(TRAIN, encoding="utf-8")
    (first.folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}), encoding="utf-8")
    (first.folder / "params.yaml").write_text("seed: 0\nx: 1\n", encoding="utf-8")
    first.git("init", "-q")
    first.git("init", "-q", "--bare", str(team.origin))
    first.git("remote", "add", "origin", str(team.origin))
    first.dvc("remote", "add", "-d", "team", url)
    first.dvc("remote", "modify", "team", "verify", "true")  # else what is spoilt is pulled unseen
    assert ran(first.dvc("repro")) == ["scrape", "train"]
    first.git("add", "-A")
    first.git("commit", "-qm", "first run")
    first.git("push", "-q", "origin", "HEAD")
    first.dvc("push")
    team.pushed = first.files()
    return team


@pytest.fixture(scope="module", params=["folder", "webdav"])
def team(request, tmp_path_factory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp(request.param)
    storage = folder / "storage"
    storage.mkdir()
    if request.param == "folder":
        yield started(folder, str(storage), storage)
    else:
        with webdav(storage, users=True) as url:
            yield started(folder, url, storage)


def ran(output: str) -> list[str]:
    """The stages that DVC says it ran."""
    return re.findall(r"^Running stage '(.+)'", output, re.MULTILINE)


def picture_of(team: Team) -> tuple[str, Path]:
    """A picture's name in the project, and the file that holds it in the remote."""
    picture = min((team.first.folder / "data/raw/images").iterdir())
    digest = hashlib.md5(picture.read_bytes()).hexdigest()
    name = str(picture.relative_to(team.first.folder))
    return name, team.storage / "files/md5" / digest[:2] / digest[2:]


def secrets(config: Path) -> list[str]:
    """The options in a DVC configuration that hold a secret, a URL's password among them."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(config, encoding="utf-8")
    return [
        f"{section}: {option}"
        for section in parser.sections()
        for option, value in parser[section].items()
        if SECRET.search(option) or re.search(r"://[^/]*:[^/]*@", value)
    ]


def test_a_fresh_clone_pulls_and_has_nothing_to_run(team):
    other = team.joins("other")
    other.dvc("pull")
    assert len(list((other.folder / "data/raw/images").iterdir())) == FILES
    assert other.files() == team.pushed
    output = other.dvc("repro")
    assert ran(output) == []
    assert output.count("didn't change, skipping") == len(STAGES)
    assert "up to date" in other.dvc("status")
    assert other.git("status", "--porcelain") == ""


def test_an_experiment_is_handed_over_without_running_a_stage(team):
    first, reviewer = team.first, team.joins("reviewer")
    assert ran(first.dvc("exp", "run", "-n", "one", "-S", "x=2")) == ["train"]
    first.dvc("exp", "push", "origin", "one")
    made = first.files()
    assert made["data/model/weights"] != team.pushed["data/model/weights"]
    reviewer.dvc("exp", "pull", "origin", "one")
    reviewer.dvc("exp", "apply", "one")
    assert reviewer.files() == made
    assert "x: 2" in (reviewer.folder / "params.yaml").read_text(encoding="utf-8")
    assert ran(reviewer.dvc("repro")) == []


def test_a_file_that_the_remote_lost_is_named_and_can_be_pushed_again(team):
    name, stored = picture_of(team)
    stored.unlink()
    unlucky = team.joins("unlucky")
    output = unlucky.dvc("pull", succeeds=False)
    digest = stored.parent.name + stored.name
    assert f"failed to transfer '{digest}'" in output
    status = unlucky.dvc("data", "status", "--granular", "--not-in-remote")
    _, _, lost = status.partition("Not in remote:")
    assert lost.split("DVC uncommitted")[0].split()[-1] == name
    # DVC takes a folder for whole where the remote has its list: without that, it looks again
    [listing] = [path for path in team.storage.rglob("*.dir") if digest in path.read_text()]
    listing.unlink()
    team.first.dvc("push")
    unlucky.dvc("pull")
    assert unlucky.files() == team.pushed


@pytest.mark.parametrize("team", ["webdav"], indirect=True)
def test_a_file_spoilt_on_the_remote_is_refused(team):
    _, stored = picture_of(team)
    right = stored.read_bytes()
    stored.chmod(0o644)  # DVC writes them read-only
    stored.write_bytes(right[:-1])
    careful = team.joins("careful")
    assert "data/raw" in careful.dvc("pull", succeeds=False)
    assert not (careful.folder / "data/raw").exists()
    stored.write_bytes(right)
    careful.dvc("pull")
    assert careful.files() == team.pushed


@pytest.mark.parametrize("team", ["webdav"], indirect=True)
def test_a_password_opens_the_remote_and_is_never_committed(team):
    stranger = team.joins("stranger")
    with webdav(team.storage, users={"ann": {"password": PASSWORD}}) as url:
        stranger.dvc("remote", "modify", "--local", "team", "url", url)
        assert "401" in stranger.dvc("pull", succeeds=False)
        stranger.dvc("remote", "modify", "--local", "team", "user", "ann")
        stranger.dvc("remote", "modify", "--local", "team", "password", PASSWORD)
        stranger.dvc("pull")
    assert stranger.files() == team.pushed
    assert len(secrets(stranger.folder / ".dvc/config.local")) == 1
    assert stranger.git("status", "--porcelain", "--untracked-files=all") == ""


def test_the_committed_configuration_holds_no_secret():
    assert secrets(ROOT / ".dvc/config") == []
    ignored = (ROOT / ".dvc/.gitignore").read_text(encoding="utf-8").split()
    assert "/config.local" in ignored


@pytest.mark.parametrize("line", ["password = p", "url = webdav://ann:p@example.org/data"])
def test_a_secret_in_a_configuration_is_seen(tmp_path, line):
    config = tmp_path / "config"
    config.write_text(f"[core]\n    remote = team\n['remote \"team\"']\n    {line}\n")
    [seen] = secrets(config)
    assert seen.endswith(line.split()[0])
