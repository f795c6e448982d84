"""Galleries that only scripts fill: drawn in Chromium, which asks for nothing by itself."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from src.errors import UserError
from tests.browser import CHROMIUM
from tests.conftest import ALLOW_CTRL_C, ROOT, copy_rulings, write_params
from tests.scrape.scraping import picture, scraped
from tests.servers import Answer, served

pytestmark = [
    pytest.mark.usefixtures("own_folder"),
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium: apt-get install chromium"),
]
ADD = """
const add = (n) => document.querySelector("ul").insertAdjacentHTML("beforeend",
    `<li class="p" style="height: 900px"><a href="/p/${n}"><img src="/${n}.png" alt="P ${n}"></a></li>`);
"""
SCRAPE_STAGE = "import runpy; runpy.run_module('stages.scrape', run_name='__main__')"


def page(script: str, head: str = "") -> Answer:
    text = f"<!DOCTYPE html>{head}<ul></ul><script>{ADD}{script}</script>"
    return Answer(text.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


@pytest.fixture
def drawn(server, quick, tmp_path, monkeypatch):
    """Scrape the server's page /list, drawn: drawn({"scrape.max_requests": 5})."""
    monkeypatch.setattr("src.scrape.visits.QUIET_MS", 200)
    for n in range(1, 9):
        server[f"/{n}.png"] = Answer(picture(n))

    def make(changes=None):
        settings = {"gallery.url": server["/list"], "gallery.item": "li.p", "gallery.render": True}
        settings |= {"scrape.deadline_s": 20}
        return scraped(quick("gallery", settings | (changes or {})), tmp_path / "raw")

    return make


def test_a_list_that_a_script_fetches_is_read(server, drawn, tmp_path):
    server["/list"] = page("fetch('/api').then(r => r.json()).then(ns => ns.forEach(add));")
    server["/api"] = Answer(json.dumps([1, 2, 3]).encode())
    table, metrics = drawn()
    assert list(table["name"]) == ["P 1", "P 2", "P 3"]
    assert list(table["status"]) == ["ok"] * 3
    assert metrics["pages"] == 1
    assert 'alt="P 3"' in (tmp_path / "raw/pages/0001.html").read_text()
    assert server.targets[0] == "/robots.txt"
    assert server.page_targets()[:2] == ["/list", "/api"]
    assert sorted(server.page_targets()[2:]) == ["/1.png", "/2.png", "/3.png"]
    assert all(headers["User-Agent"].startswith("pix2pix-dvc") for headers in server.headers)
    # a second run draws from the cache
    n_requests = len(server.targets)
    assert list(drawn()[0]["name"]) == ["P 1", "P 2", "P 3"]
    assert len(server.targets) == n_requests


def test_a_page_is_scrolled_until_it_grows_no_more(server, drawn, monkeypatch):
    monkeypatch.setattr("src.scrape.visits.QUIET_MS", 600)
    more = """
    let n = 0;
    const fill = () => { for (let i = 0; i < 2 && n < 8; i++) add(++n); };
    fill();
    addEventListener("scroll", () => fetch("/more?" + n).then(fill));
    """
    server["/list"] = page(more)
    server["/more"] = Answer(b"[]", pause=0.7)
    assert len(drawn()[0]) == 8


def test_the_rules_of_scraping_hold_for_each_request_of_a_page(server, drawn):
    with served() as private, served() as gone:
        attempts = [
            server["/secret/a.js"],
            f"http://[::1]:{private.port}/b.js",
            "http://a.invalid/",
        ]
        attempts += [f"http://localhost:{private.port}/c.js"]
        script = f"""
        const urls = {json.dumps(attempts)};
        Promise.allSettled([
            ...urls.map(url => fetch(url)),
            fetch("/posted", {{method: "POST", body: "x"}}),
        ]).then(results => results.forEach(({{status}}, n) => status === "rejected" && add(n + 1)));
        new WebSocket("ws://localhost:{private.port}/");
        new Image().src = "/8.png";
        navigator.sendBeacon("http://localhost:{private.port}/beacon");
        """
        server["/list"] = page(script)
        server["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /secret/")
        table, _ = drawn()
        assert private.targets == gone.targets == []
    assert list(table["name"]) == [f"P {n}" for n in range(1, 6)]
    assert not {"/secret/a.js", "/posted", "/8.png"} & set(server.targets)


def test_relative_addresses_are_those_of_the_page_that_answered(server, drawn):
    server["/list"] = Answer(b"", 302, {"Location": "/there/list"})
    server["/there/list"] = page("fetch('api').then(r => r.text()).then(add);")
    server["/there/api"] = Answer(b"7")
    table, _ = drawn()
    assert list(table["image_url"]) == [server["/7.png"]]
    assert list(table["page_url"]) == [server["/there/list"]]


def test_pages_are_followed_as_those_of_any_gallery(server, drawn):
    server["/list"] = page("add(1); document.body.innerHTML += '<a class=n href=/2>2</a>';")
    second = page("add(2)")
    server["/2"] = replace(second, headers=second.headers | {"Link": "</3>; rel=next"})
    server["/3"] = page("add(3)")
    table, metrics = drawn({"gallery.next": "a.n"})
    assert list(table["name"]) == ["P 1", "P 2", "P 3"]
    assert metrics["pages"] == 3


def test_pictures_that_are_inserted_when_they_come_into_view_are_seen(server, drawn):
    """Also those of a list that scrolls by itself, inside a page that does not."""
    items = "".join(
        f'<li class="p" style="height: 900px; list-style: none"><a href="/p/{n}">P {n}</a></li>'
        for n in range(1, 9)
    )
    script = """
    const seen = new IntersectionObserver(entries => { for (const e of entries)
        if (e.isIntersecting && !e.target.querySelector("img")) e.target.querySelector("a")
            .insertAdjacentHTML("beforeend", `<img src="${e.target.innerText.trim().slice(2)}.png">`);
    });
    document.querySelectorAll("li").forEach(li => seen.observe(li));"""
    whole = "html, body {height: 100%; margin: 0} body {overflow-x: hidden}"
    for number, css in enumerate(("", "ul {height: 90vh; overflow: auto}", whole)):
        html = f"<!DOCTYPE html><style>{css}</style><ul>{items}</ul><script>{script}</script>"
        path = f"/list{number}"
        server[path] = Answer(html.encode(), headers={"Content-Type": "text/html"})
        table, _ = drawn({"gallery.url": server[path]})
        assert list(table["status"]) == ["ok"] * 8


def test_relative_addresses_are_those_of_where_a_script_has_moved_the_page(server, drawn):
    server["/list"] = page("location.replace('/de/list.html')")
    server["/de/list.html"] = Answer(b'<ul><li class="p"><a href="p1"><img src="1.png"></a></ul>')
    server["/de/1.png"] = Answer(picture(9))
    table, _ = drawn()
    assert list(table["status"]) == ["ok"]
    assert list(table["page_url"]) == [server["/de/list.html"]]


def test_a_list_that_grows_too_long_is_noted(server, drawn, monkeypatch, capsys):
    monkeypatch.setattr("src.scrape.visits.MAX_SCROLLS", 2)
    server["/list"] = page("add(1); add(2); let n = 2; addEventListener('scroll', () => add(++n));")
    drawn()
    assert "/list: its list may go on behind 2 scrolls" in capsys.readouterr().err


def test_a_list_that_its_time_cuts_is_noted(server, drawn, capsys):
    script = "let n = 2; const more = () => fetch('/more?' + n).then(() => n < 8 && add(++n));"
    server["/list"] = page(f"add(1); add(2); {script} addEventListener('scroll', more);")
    server["/more"] = Answer(b"1", pause=0.9)
    table, _ = drawn({"scrape.deadline_s": 3})
    assert len(table) < 8
    assert (
        "/list: its list may go on: not all of it in scrape.deadline_s" in capsys.readouterr().err
    )


def test_what_a_lists_own_scripts_lack_is_noted(server, drawn, capsys):
    server["/list"] = page("add(1); fetch('/api/2').then(r => r.json()).then(add);")
    server["/api/2"] = Answer(b"", 503)
    assert len(drawn({"scrape.retries": 0})[0]) == 1
    told = capsys.readouterr().err
    assert f"1 request of its scripts failed: http_503, such as {server['/api/2']}; if the" in told


def property_that_loops(name: str) -> str:
    """A script that never ends, from when the property is first asked for: then it has no value."""
    loop = "() => { setTimeout(() => { for (;;) {} }); return 0; }"
    return f"add(1); Object.defineProperty(document.documentElement, '{name}', {{get: {loop}}});"


@pytest.mark.parametrize(
    "script",
    [
        "for (;;) {}",
        "add(1); setTimeout(() => { for (;;) {} }, 300);",
        property_that_loops("scrollTop"),
        property_that_loops("outerHTML"),
        "add(1); Object.defineProperty(document, 'documentElement', {get: () => { for (;;) {} }});",
    ],
)
def test_a_script_that_never_ends_is_an_error_in_bounded_time(server, drawn, script):
    server["/list"] = page(script)
    with pytest.raises(UserError, match=r"not drawn in 2 s \(scrape\.deadline_s\)"):
        drawn({"scrape.deadline_s": 2})


def test_a_page_that_never_stops_loading_is_read_when_its_time_is_up(
    server, drawn, monkeypatch, capsys
):
    monkeypatch.setattr("src.scrape.visits.MAX_REQUESTS", 5)
    server["/list"] = page("add(1); let n = 0; setInterval(() => fetch('/x?' + n++), 20);")
    server["/x"] = Answer(b"1")
    assert list(drawn({"scrape.deadline_s": 3})[0]["name"]) == ["P 1"]
    assert len([target for target in server.targets if "/x" in target]) == 4
    assert "wants more than 5 requests; the rest is refused" in capsys.readouterr().err


def test_the_budget_of_a_run_holds_for_a_page(server, drawn):
    server["/list"] = page("for (let n = 0; n < 9; n++) fetch('/x?' + n);")
    server["/x"] = Answer(b"1")
    with pytest.raises(UserError, match=r"scrape\.max_requests = 4 is used up"):
        drawn({"scrape.max_requests": 4})
    assert len(server.targets) == 4


def test_scripts_and_answers_of_another_host_are_loaded(server, drawn):
    with served() as other:
        script = (
            f"fetch('{other['/api']}', {{credentials: 'include'}}).then(r => r.json()).then(add)"
        )
        other["/app.js"] = Answer(script.encode())
        other["/api"] = Answer(b"3")
        server["/list"] = page("", f'<script type="module" src="{other["/app.js"]}"></script>')
        assert list(drawn()[0]["name"]) == ["P 3"]
        assert other.targets == ["/robots.txt", "/app.js", "/api"]


def test_what_a_page_can_do_without_leaves_the_run_complete(server, drawn):
    with served() as other:
        gone = other["/track.js"]
    server["/list"] = page("add(1)", f'<script src="{gone}"></script>')
    assert list(drawn()[0]["status"]) == ["ok"]


def test_a_page_that_is_too_large_when_drawn_is_an_error(server, drawn):
    server["/list"] = page("add(1); document.body.append('x'.repeat(20000));")
    with pytest.raises(UserError, match=r"20\d\d\d bytes when its scripts have run"):
        drawn({"scrape.max_page_bytes": 10_000})


def test_ctrl_c_ends_a_page_in_one_line(server, tmp_path):
    server["/list"], server["/api"] = page("fetch('/api')"), Answer(b"1", pause=60)
    settings = {"gallery.url": server["/list"], "gallery.item": "li.p", "gallery.render": True}
    settings |= {"source": "gallery", "scrape.allow_hosts": ["127.0.0.1"]}
    write_params(tmp_path / "params.yaml", settings)
    copy_rulings(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", f"{ALLOW_CTRL_C}\n{SCRAPE_STAGE}"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    while "/api" not in server.targets:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    messages = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert messages == "scrape: interrupted; run the same command to continue\n"


@pytest.mark.parametrize("height", ["'abc'", "({})", "Infinity", "NaN", "10n ** 6000n"])
def test_a_page_may_say_anything_of_how_far_it_is_scrolled(server, drawn, height):
    get = f"{{get: () => {height}}}"
    server["/list"] = page(
        f"add(1); Object.defineProperty(document.documentElement, 'scrollTop', {get});"
    )
    assert list(drawn({"scrape.deadline_s": 3})[0]["name"]) == ["P 1"]


def test_a_page_that_leads_to_a_refused_one_is_an_error(server, drawn):
    server["/list"] = page("add(1); location.href = '/secret/page';")
    server["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /secret/")
    with pytest.raises(UserError, match="it leads to a page that is refused"):
        drawn()


@pytest.mark.parametrize("path", ["/api", "/2"], ids=["while it draws", "between two pages"])
def test_a_browser_that_dies_is_an_error_with_the_remedy(server, drawn, path):
    def kill(_: str) -> Answer:
        for process in psutil.Process().children(recursive=True):
            if "chrom" in process.name():
                process.kill()
        return Answer(b"1")

    next_link = "document.body.innerHTML += '<a class=n href=/2>2</a>';"
    server["/list"] = page("add(1); fetch('/api');" if path == "/api" else f"add(1); {next_link}")
    server[path] = kill
    with pytest.raises(UserError, match=r"Chromium has ended: .*; run the same command again"):
        drawn({"gallery.next": "a.n"})


def test_without_playwright_the_error_says_what_to_install(server, drawn, monkeypatch):
    monkeypatch.setitem(sys.modules, "playwright.async_api", None)
    with pytest.raises(UserError, match=r"gallery\.render needs Playwright .*requirements-render"):
        drawn()
