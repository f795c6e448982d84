"""The header Referer: what a request says of the page that it comes from."""

from urllib.parse import quote, urlsplit

from src.scrape.http.origins import site

VISIBLE = "!#$%&'()*+,/:;=?@[]~"  # characters of a URL that are not escaped, as letters and digits


def referer(page_url: str, target: str) -> str | None:
    """Return the header Referer, by the policy of browsers: strict-origin-when-cross-origin.

    The page has the link to the target, or its picture.

    Returns:
        The page's URL for the same site, the page's site for another one, and None where https leads
        to http. Fragments, users and passwords are never sent.
    """
    try:
        page, target_parts = urlsplit(page_url), urlsplit(target)
        is_same_site = site(page_url) == site(target)
    except ValueError:  # no URL
        return None
    if (page.scheme == "https") > (target_parts.scheme == "https"):
        return None
    host = page.netloc.rpartition("@")[2]
    if not is_same_site:
        return f"{page.scheme}://{host}/"
    sent = page._replace(netloc=host, path=page.path or "/", fragment="").geturl()
    return quote(sent, safe=VISIBLE)
