"""How many items a list says that it has."""

import re

MAX_TOTAL = 10**9  # no list states more
# A count as people write it: 1,234 or 1.234 or 1'234 or 1 234; 12,34,567; then a fraction, a date or
# a version; then plain digits.
APOSTROPHES = "'\u2018\u2019\u02bc\u2032\u00b4`"
NUMBER = re.compile(
    rf"(?<!\d)(?P<groups>\d{{1,3}}(?P<mark>[.,\s{APOSTROPHES}\u066c\uff0c\u00b7])\d{{3}}(?:(?P=mark)\d{{3}})*"
    r"|\d{1,2}(?:,\d{2})+,\d{3})(?!\d|[.,]\d{3})|(?P<other>\d+(?:[.,]\d+)+|"
    r"(?:\d{4}(?P<dash>[-/])\d{1,2}(?P=dash)\d{1,2}|\d{1,2}(?P<slash>[-/])\d{1,2}(?P=slash)(?:\d{4}|\d{2}))(?![.,]?\d))|"
    r"(?P<plain>\d+)"
)
# 1.2k, 3 million, 10+, about 500: a number that is none exactly.
ABBREVIATED = re.compile(
    r"\d\s?(?:\+|(?:k|m|b|bn|mio|mln|mrd|tsd|tausend|thousands?|thsd|mil(?:le|a|l?i[oóa](?!nn?[aä]|rd[aä])\w*|l[oó]n\w*|h[ãaõo]\w*|j[oa]\w*)?|"
    r"billion(?!\w*[aä])\w*|lakhs?|crores?|dozens?|hundreds?|тыс|млн|tys|tis|bin|tusen)\b\.?|[千万萬億亿만천])|"
    r"\d\s?\w{0,2}\s?(?:or more|oder mehr|ou plus|et plus|o más|ou mais|of meer|и более|以上|余|超|多|이상)|"
    r"(?:[~≈><≥约約超약]|超[过過]|\b(?:about|approx\w*|around|almost|nearly|over|more than|less than|at least|up to|circa|"
    r"ca|cirka|etwa|rund|über|mehr als|environ|plus de|unos|más de|cerca de|mais de|oltre|più di|meer dan|ongeveer|"
    r"över|noin|yli|ponad|około|okolo|více než|yaklaşık|более|больше|около|свыше))[.\s]{0,3}\d",
    re.IGNORECASE,
)


def stated_total(text: str) -> int | None:
    """Return the largest number in a text: the total, such as 900 in "1–50 of 900".

    Returns:
        None if the text has no number, or has one that is not exact, such as 1.2k or 100+.
    """
    if ABBREVIATED.search(text):
        return None
    numbers = [match["groups"] or match["plain"] or "" for match in NUMBER.finditer(text)]
    digits = [re.sub(r"\D", "", number) for number in numbers]
    return max((int(d) for d in digits if 0 < len(d) < len(str(MAX_TOTAL))), default=None)
