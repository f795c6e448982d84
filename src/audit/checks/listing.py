"""The list as it was crawled."""

from src.audit.evidence import Evidence
from src.audit.registry import Measure, Offender, check


@check(
    "list pages all of whose items stood on earlier pages",
    limit="repeated_pages",
    allowed=0,
    remedy="the page parameter is ignored or the list is over: open two page_urls side by side, "
    "mend the source and keep scrape.on_repeat: stop",
)
def repeated_pages(e: Evidence) -> Measure:
    seen: set[str] = set()
    offenders = []
    for page, rows in e.ledger.groupby("page", sort=True):
        ids = set(rows["item_id"])
        if ids <= seen:
            offenders.append(Offender(int(rows["row"].iloc[0]), f"page {page} has no new item"))
        seen |= ids
    return len(offenders), offenders


@check(
    "share of the list's stated total that was not listed",
    limit="missing_share",
    allowed=0.02,
    remedy="pages are missing: see data/raw/pages for where the list broke off, and "
    "scrape.max_pages; a part of the list on purpose wants a higher audit.limits.missing_share",
)
def missing_from_list(e: Evidence) -> Measure:
    stated = e.ledger["stated_total"].dropna()
    if stated.empty:
        return 0.0, []
    total, listed = int(stated.iloc[-1]), len(e.ledger)
    missing = max(0, total - listed)
    last = int(e.ledger.iloc[-1]["row"])
    offenders = [Offender(last, f"the last of {listed}, the page states {total}")]
    return missing / max(1, total), offenders if missing else []


@check(
    "share of listed rows whose person was listed before with the same picture address",
    limit="repeated_items_share",
    allowed=0.1,
    remedy="the list repeats itself: compare the pages in data/raw/pages",
)
def repeated_people(e: Evidence) -> Measure:
    repeats = e.ledger[e.ledger.duplicated(["item_id", "image_url"])]
    offenders = [
        Offender(int(row), f"{item} again, on page {page}")
        for row, item, page in zip(repeats["row"], repeats["item_id"], repeats["page"], strict=True)
    ]
    return len(repeats) / max(1, len(e.ledger)), offenders


@check(
    "pictures that stand beside another item's id on their saved page",
    limit="misplaced_pictures",
    allowed=0,
    remedy="names and pictures slipped against each other, as when one without a picture is "
    "skipped: compare data/raw/pages with the ledger, mend the parser, scrape anew",
)
def misplaced_pictures(e: Evidence) -> Measure:
    offenders = [
        Offender(row, f"its picture stands beside {other} on the page")
        for row, other in sorted(e.misplaced.items())
    ]
    return len(offenders), offenders


@check(
    "names whose letters came out as others (mojibake), such as ZoÃ« for Zoë",
    limit="garbled_names",
    allowed=0,
    severity="warn",
    remedy="the page's encoding was guessed wrong, or the site itself is: see data/raw/pages; "
    "pictures are not affected",
)
def garbled_names(e: Evidence) -> Measure:
    offenders = [
        Offender(int(row), f"{name!r} on page {page}")
        for row, name, page in zip(e.ledger["row"], e.ledger["name"], e.ledger["page"], strict=True)
        if isinstance(name, str) and _is_garbled(name)
    ]
    return len(offenders), offenders


def _is_garbled(name: str) -> bool:
    """A replacement character, or UTF-8 read as Windows-1252: what reads as UTF-8 after the way back."""
    if "\ufffd" in name:
        return True
    try:
        return not name.isascii() and name.encode("cp1252").decode("utf-8") != name
    except UnicodeError:
        return False
