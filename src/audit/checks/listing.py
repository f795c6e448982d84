"""Checks of the list as scrape wrote it."""

from src.audit.evidence import Evidence
from src.audit.registry import CheckResult, Offender, check


@check(
    "list pages all of whose items are on earlier pages",
    limit_key="repeated_pages",
    limit=0,
    remedy="the site ignores the page parameter, or the list has ended: open two page_urls side by "
    "side, correct the source, and keep scrape.on_repeat: stop",
)
def repeated_pages(evidence: Evidence) -> CheckResult:
    seen: set[str] = set()
    offenders = []
    # a file of a list, as of urls and hf, has no such address, and may go on with the same items
    online = evidence.ledger["page_url"].str.match("https?://").fillna(False).astype(bool)
    for page, rows in evidence.ledger[online].groupby("page", sort=True):
        ids = set(rows["item_id"])
        if ids <= seen:
            offenders.append(Offender(int(rows["row"].iloc[0]), f"page {page} has no new item"))
        seen |= ids
    return len(offenders), offenders


@check(
    "share of the list's stated total that is not listed",
    limit_key="missing_share",
    limit=0.02,
    remedy="pages are missing: see in data/raw/pages where the list ends, and scrape.max_pages; "
    "to use a part of the list on purpose, raise audit.limits.missing_share",
)
def missing_from_list(evidence: Evidence) -> CheckResult:
    stated = evidence.ledger["stated_total"].dropna()
    if stated.empty:
        return 0.0, []
    pictures = evidence.ledger.drop_duplicates(["item_id", "image_url"])
    total, listed = int(stated.iloc[-1]), len(pictures)
    missing = max(0, total - listed)
    last = int(evidence.ledger["row"].iloc[-1])
    offenders = [Offender(last, f"the last of {listed} pictures, the page states {total}")]
    return missing / max(1, total), offenders if missing else []


@check(
    "share of listed rows whose item is listed before with the same picture address",
    limit_key="repeated_items_share",
    limit=0.1,
    remedy="the list repeats itself: compare the pages in data/raw/pages",
)
def repeated_items(evidence: Evidence) -> CheckResult:
    ledger = evidence.ledger
    repeats = ledger[ledger.duplicated(["item_id", "image_url"])]
    offenders = [
        Offender(int(row), f"{item} again, on page {page}")
        for row, item, page in zip(repeats["row"], repeats["item_id"], repeats["page"], strict=True)
    ]
    return len(repeats) / max(1, len(ledger)), offenders


@check(
    "pictures that are beside another item's id on their saved page",
    limit_key="misplaced_pictures",
    limit=0,
    remedy="names and pictures are shifted against each other, for example because the parser "
    "skips an item without a picture: compare data/raw/pages with the ledger, correct the parser, "
    "and run `dvc repro -f scrape`",
)
def misplaced_pictures(evidence: Evidence) -> CheckResult:
    offenders = [
        Offender(row, f"its picture is beside {item} on the page")
        for row, item in sorted(evidence.misplaced.items())
    ]
    return len(offenders), offenders


@check(
    "names whose letters were decoded as others (mojibake), such as ZoÃ« for Zoë",
    limit_key="garbled_names",
    limit=0,
    severity="warn",
    remedy="the page's encoding was guessed wrong, or the site itself is wrong: see data/raw/pages; "
    "pictures are not affected",
)
def garbled_names(evidence: Evidence) -> CheckResult:
    ledger = evidence.ledger
    offenders = [
        Offender(int(row), f"{name!r} on page {page}")
        for row, name, page in zip(ledger["row"], ledger["name"], ledger["page"], strict=True)
        if isinstance(name, str) and _is_garbled(name)
    ]
    return len(offenders), offenders


def _is_garbled(name: str) -> bool:
    """Return whether a name has a replacement character, or is UTF-8 decoded as Windows-1252."""
    if "\ufffd" in name:
        return True
    try:
        return not name.isascii() and name.encode("cp1252").decode("utf-8") != name
    except UnicodeError:
        return False
