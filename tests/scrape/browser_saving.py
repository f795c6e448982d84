"""Pages as Chromium saves them: MHTML and HAR by itself, whole HTML in the way of its menu."""

from pathlib import Path

from playwright.sync_api import Browser

# What "Webpage, Complete" does to a page: links are absolute, pictures in a folder beside it.
COMPLETE = """folder => {
    for (const a of document.querySelectorAll("a[href]")) a.setAttribute("href", a.href);
    for (const base of document.querySelectorAll("base")) base.setAttribute("href", ".");
    const names = {};
    for (const img of document.images) {
        if (!img.currentSrc.startsWith("http")) continue;
        names[img.currentSrc] = img.currentSrc.split("/").pop();
        const place = `./${folder}/${names[img.currentSrc]}`;
        img.setAttribute("src", place.replace(/[%#?]/g, encodeURIComponent));
    }
    return [document.documentElement.outerHTML, names];
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
