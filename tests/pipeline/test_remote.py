"""A team shares data by a DVC remote: a folder, or WebDAV on this machine.

A project of two tiny stages, with this project's .dvc/config, replaces the pipeline. The tests show
what DVC does with it between the machines of two people.
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
    """A person at their own machine: a clone, and none of DVC's caches shared with others."""

    folder: Path

    def run(self, *command: str, succeeds: bool = True) -> str:
        inherited = {  # without a proxy, and without the user's own remotes
            name: value
            for name, value in os.environ.items()
            if not name.lower().endswith("_proxy") and not name.startswith(("DVC_", "GIT_"))
        }
        machine = self.folder.parent / f"{self.folder.name}-machine"
        environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "DVC_NO_ANALYTICS": "1",
            "DVC_GLOBAL_CONFIG_DIR": str(machine / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(machine / "system"),
            "DVC_SITE_CACHE_DIR": str(machine / "site-cache"),
            **IDENTITY,
        }
        done = subprocess.run(
            command, cwd=self.folder, env=inherited | environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=120,
        )  # fmt: skip
        assert (done.returncode == 0) == succeeds, done.stdout
        return done.stdout

    def dvc(self, *arguments: str, succeeds: bool = True) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments, succeeds=succeeds)

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments)

    def files(self) -> dict[str, bytes]:
        """Return the files of the stages and DVC, by name: data, metrics and dvc.lock."""
        written = [self.folder / "dvc.lock"]
        for folder in ("data", "metrics"):
            written += (path for path in (self.folder / folder).rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in written}


@dataclass
class Team:
    """A member who has run the pipeline and pushed it, and where the others get it."""

    first: Member
    origin: Path  # the bare git repository
    storage: Path  # the folder behind the remote
    pushed: dict[str, bytes] = field(default_factory=dict)  # the files of the first run

    def join(self, name: str) -> Member:
        """Return a new member with a fresh clone."""
        member = Member(self.first.folder.parent / name)
        self.first.git("clone", "-q", str(self.origin), str(member.folder))
        return member


class Threaded(ThreadingMixIn, WSGIServer):
    """Serves each of DVC's connections in a thread."""

    daemon_threads = True  # do not wait for open connections
    request_queue_size = 64


class Quiet(WSGIRequestHandler):
    def log_message(self, *_) -> None:
        pass


@contextmanager
def webdav(folder: Path, users: dict | bool) -> Iterator[str]:
    """Serve a folder by WebDAV on this machine while the block runs, and yield its URL."""
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
        # wsgiref passes the bare connection, and WsgiDAV would read more than the body
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


def start_team(folder: Path, url: str, storage: Path) -> Team:
    """Run the project once, and push it to a git repository and to the remote at `url`."""
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
    first.dvc(
        "remote", "modify", "team", "verify", "true"
    )  # else DVC would pull damaged files unnoticed
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
        yield start_team(folder, str(storage), storage)
    else:
        with webdav(storage, users=True) as url:
            yield start_team(folder, url, storage)


def ran(output: str) -> list[str]:
    """Return the stages that DVC reports as run."""
    return re.findall(r"^Running stage '(.+)'", output, re.MULTILINE)


def picture_of(team: Team) -> tuple[str, Path]:
    """Return a picture's name in the project, and its file in the remote."""
    picture = min((team.first.folder / "data/raw/images").iterdir())
    digest = hashlib.md5(picture.read_bytes()).hexdigest()
    name = str(picture.relative_to(team.first.folder))
    return name, team.storage / "files/md5" / digest[:2] / digest[2:]


def secrets(config: Path) -> list[str]:
    """Return the options of a DVC configuration that hold a secret, such as a URL's password."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(config, encoding="utf-8")
    return [
        f"{section}: {option}"
        for section in parser.sections()
        for option, value in parser[section].items()
        if SECRET.search(option) or re.search(r"://[^/]*:[^/]*@", value)
    ]


def test_a_fresh_clone_pulls_and_runs_no_stage(team):
    member = team.join("member")
    member.dvc("pull")
    assert len(list((member.folder / "data/raw/images").iterdir())) == FILES
    assert member.files() == team.pushed
    output = member.dvc("repro")
    assert ran(output) == []
    assert output.count("didn't change, skipping") == len(STAGES)
    assert "up to date" in member.dvc("status")
    assert member.git("status", "--porcelain") == ""


def test_an_experiment_is_shared_without_running_a_stage(team):
    first, reviewer = team.first, team.join("reviewer")
    assert ran(first.dvc("exp", "run", "-n", "one", "-S", "x=2")) == ["train"]
    first.dvc("exp", "push", "origin", "one")
    files = first.files()
    assert files["data/model/weights"] != team.pushed["data/model/weights"]
    reviewer.dvc("exp", "pull", "origin", "one")
    reviewer.dvc("exp", "apply", "one")
    assert reviewer.files() == files
    assert "x: 2" in (reviewer.folder / "params.yaml").read_text(encoding="utf-8")
    assert ran(reviewer.dvc("repro")) == []


def test_a_file_that_the_remote_lost_is_named_and_pushed_again(team):
    name, stored = picture_of(team)
    stored.unlink()
    unlucky = team.join("unlucky")
    output = unlucky.dvc("pull", succeeds=False)
    digest = stored.parent.name + stored.name
    assert f"failed to transfer '{digest}'" in output
    status = unlucky.dvc("data", "status", "--granular", "--not-in-remote")
    _, _, lost = status.partition("Not in remote:")
    assert lost.split("DVC uncommitted")[0].split()[-1] == name
    # DVC takes a folder for complete if the remote has its list; without the list it looks again
    [listing] = [path for path in team.storage.rglob("*.dir") if digest in path.read_text()]
    listing.unlink()
    team.first.dvc("push")
    unlucky.dvc("pull")
    assert unlucky.files() == team.pushed


@pytest.mark.parametrize("team", ["webdav"], indirect=True)
def test_a_file_damaged_on_the_remote_is_refused(team):
    _, stored = picture_of(team)
    right = stored.read_bytes()
    stored.chmod(0o644)  # DVC writes them read-only
    stored.write_bytes(right[:-1])
    careful = team.join("careful")
    assert "data/raw" in careful.dvc("pull", succeeds=False)
    assert not (careful.folder / "data/raw").exists()
    stored.write_bytes(right)
    careful.dvc("pull")
    assert careful.files() == team.pushed


@pytest.mark.parametrize("team", ["webdav"], indirect=True)
def test_a_password_opens_the_remote_and_is_never_committed(team):
    stranger = team.join("stranger")
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
def test_a_secret_in_a_configuration_is_detected(tmp_path, line):
    config = tmp_path / "config"
    config.write_text(f"[core]\n    remote = team\n['remote \"team\"']\n    {line}\n")
    [option] = secrets(config)
    assert option.endswith(line.split()[0])
