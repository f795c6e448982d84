"""Ids of items that are known by their links.

One item has many addresses: with its position in the list, a campaign's name, a fragment. Its id is
the address without these, in the normal form of RFC 3986, section 6.
"""

import re
import string
from collections.abc import Collection
from urllib.parse import SplitResult, quote, unquote, unquote_plus, urlsplit

from src.scrape.http.origins import DEFAULT_PORTS, host_name

# Keys of a query that say where a visitor came from, not what is shown; `*` stands for any ending.
# Sources: Brave's query filter (components/query_filter/utils.cc), Firefox's
# privacy.query_stripping.strip_list, and ClearURLs (utm_*, and IMDb's and Amazon's keys).
TRACKING_KEYS = (
    "__hsfp",
    "__hssc",
    "__hstc",
    "__s",
    "_branch_match_id",
    "_ga",
    "_gl",
    "_hsenc",
    "_hsmi",
    "_kx",
    "_openstat",
    "dclid",
    "fb_action_ids",
    "fb_comment_id",
    "fbclid",
    "gad_source",
    "gbraid",
    "gclid",
    "gclsrc",
    "guce_referrer",
    "guce_referrer_sig",
    "hsctatracking",
    "igsh",
    "igshid",
    "irclickid",
    "itm_campaign",
    "itm_medium",
    "itm_source",
    "li_fat_id",
    "mc_cid",
    "mc_eid",
    "mkt_tok",
    "msclkid",
    "mtm_*",
    "oly_anon_id",
    "oly_enc_id",
    "pd_rd_*",
    "pf_rd_*",
    "pk_campaign",
    "pk_cid",
    "pk_kwd",
    "rb_clickid",
    "ref",
    "ref_",
    "ref_src",
    "ref_url",
    "referer",
    "referrer",
    "s_cid",
    "srsltid",
    "ttclid",
    "twclid",
    "utm_*",
    "vero_conv",
    "vero_id",
    "wbraid",
    "wickedid",
    "yclid",
    "ymclid",
    "ysclid",
)
POSITION_KEYS = ("list_pos", "pos", "position")
# Servers write them into links where no cookie is kept: each page has another one.
SESSION_KEYS = ("aspsessionid*", "cfid", "cftoken", "jsessionid", "phpsessid")
IGNORED_KEYS = (*POSITION_KEYS, *SESSION_KEYS, *TRACKING_KEYS)
PATH_SESSION = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)  # Java's, of the path
UNRESERVED = string.ascii_letters + string.digits + "-._~"  # RFC 3986, section 2.3
RESERVED = "!#$&'()*+,/:;=?@[]"  # section 2.2


def item_id(address: str, page_url: str, ignored: Collection[str] = IGNORED_KEYS) -> str:
    """Return the id of the item that a link leads to.

    A fragment counts if it is a route (`#/person/7`, `#!person/7`), or if the link stays on the
    list page (`#person-7`). Addresses of http and https are the same.

    Args:
        address: Absolute. What is no address of the web stays as it is.
        page_url: The list page's URL.
        ignored: Keys of a query that identify nothing, in any letter case; `track_*` stands for all
            keys that begin with `track_`.

    Returns:
        "" if the link leads to the list page itself, and so identifies nothing.
    """
    prefixes = tuple(key[:-1].lower() for key in ignored if key.endswith("*"))
    words = frozenset(key.lower() for key in ignored)
    try:
        parts = urlsplit(address)
        if parts.scheme not in DEFAULT_PORTS:
            return address
        place, page = (_place(split, words, prefixes) for split in (parts, urlsplit(page_url)))
    except ValueError:  # a broken host or port
        return address
    if parts.fragment and (place == page or parts.fragment.startswith(("/", "!"))):
        path, _, query = parts.fragment.partition("?")
        return f"{place}#{_resource(path, query, words, prefixes)}"
    return "" if place == page else place


def _place(parts: SplitResult, words: frozenset[str], prefixes: tuple[str, ...]) -> str:
    """Return an address without its fragment."""
    scheme, host, port = parts.scheme, host_name(parts.hostname or ""), f":{parts.port}"
    if parts.port in (None, DEFAULT_PORTS.get(scheme)):
        scheme, port = "https", ""
    user = "".join(parts.netloc.rpartition("@")[:2])
    authority = f"{user}{f'[{host}]' if ':' in host else host}{port}"
    return f"{scheme}://{authority}{_resource(parts.path, parts.query, words, prefixes)}"


def _resource(path: str, query: str, words: frozenset[str], prefixes: tuple[str, ...]) -> str:
    """Return a path without its last slash, and the rest of its query in order."""
    parameters_left = []
    for parameter in filter(None, query.split("&")):
        key = unquote_plus(parameter.partition("=")[0]).lower()
        if key not in words and not key.startswith(prefixes):
            parameters_left.append(_escape(parameter.replace("+", "%20")))
    return _escape(PATH_SESSION.sub("", path)).rstrip("/") + (
        "?" + "&".join(sorted(parameters_left)) if parameters_left else ""
    )


def _escape(text: str) -> str:
    """Return a part of an address with the escapes that it needs, in capitals."""

    def needed(escape: re.Match[str]) -> str:
        character = unquote(escape[0])
        return character if character in UNRESERVED else escape[0].upper()

    return quote(re.sub("%[0-9a-fA-F]{2}", needed, text), safe=RESERVED + "%")
