"""The Link header of an answer (RFC 8288), which leads from page to page where the body does not."""

import re

from src.scrape.addresses import absolute_url, is_web

PARAMETER = r'\s*;\s*([^\s=;,"]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?'
LINK = re.compile(rf"<([^<>]*)>((?:{PARAMETER})*)")


def next_url(header: str, url: str) -> str | None:
    """Return the next page that a Link header names; None if it names none, or this very page.

    Args:
        header: Its text; several headers are joined by commas.
        url: That answered, to which targets are relative.
    """
    for link in LINK.finditer(header):
        parameters = {
            name.lower(): quoted or plain
            for name, quoted, plain in reversed(re.findall(PARAMETER, link[2]))  # the first counts
        }
        if "anchor" in parameters or "next" not in parameters.get("rel", "").lower().split():
            continue  # an anchor: what follows another page than this one
        target = absolute_url(url, link[1])
        if is_web(target) and target.partition("#")[0] != url.partition("#")[0]:
            return target
    return None
