"""Pages as Chromium saves them: MHTML and HAR by itself, whole HTML in the way of its menu."""

from pathlib import Path

from playwright.sync_api import Browser

# What "Webpage, Complete" does to a page: links are absolute, pictures in a folder beside it.
# It does so to a copy without a window, because a new address would load a picture.
COMPLETE = """folder => {
    const inert = document.implementation.createHTMLDocument();
    const copy = inert.importNode(document.documentElement, true);
    const links = document.querySelectorAll("a[href]");
    copy.querySelectorAll("a[href]").forEach((a, k) => a.setAttribute("href", links[k].href));
    for (const base of copy.querySelectorAll("base")) base.setAttribute("href", ".");
    const names = {};
    copy.querySelectorAll("img").forEach((img, k) => {
        const source = document.images[k].currentSrc;
        if (!source.startsWith("http")) return;
        names[source] = source.split("/").pop();
        const place = `./${folder}/${names[source]}`;
        img.setAttribute("src", place.replace(/[%#?]/g, encodeURIComponent));
    });
    return [copy.outerHTML, names];
}"""


def save_page(browser: Browser, url: str, file: Path) -> None:
    """Visit a page and save it; the file's suffix says how: .html, .mhtml or .har."""
    har = {"record_har_path": str(file)} if file.suffix == ".har" else {}
    context = browser.new_context(**har)
    bodies = {}
    context.on("response", lambda response: bodies.update({response.url: response}))
    page = context.new_page()
    page.goto(url, wait_until="networkidle")
    if file.suffix == ".mhtml":
        session = context.new_cdp_session(page)
        snapshot = session.send("Page.captureSnapshot", {"format": "mhtml"})["data"]
        file.write_text(snapshot, newline="", encoding="utf-8")
    elif file.suffix == ".html":
        folder = file.with_name(f"{file.stem}_files")
        folder.mkdir()
        html, names = page.evaluate(COMPLETE, folder.name)
        for source, name in names.items():
            if bodies[source].ok:
                (folder / name).write_bytes(bodies[source].body())
        mark = f"<!-- saved from url=({len(url):04d}){url} -->"
        file.write_text(f"<!DOCTYPE html>\n{mark}\n{html}", encoding="utf-8")
    context.close()
    assert file.exists()
