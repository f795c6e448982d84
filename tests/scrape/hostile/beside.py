"""A hostile picture listed beside a good one."""

from tests.scrape.hostile.payloads import encoded, gallery
from tests.scrape.hostile.runs import SECONDS, Answers, Outcome, Place
from tests.servers import Answer


def beside_a_good_one(place: Place, answer: Answers, **changes: object) -> Outcome:
    """Scrape a list of a hostile picture and a good one, in a run that counts all failures."""
    place.server["/list"] = Answer(gallery("/1.jpg", "/good.png"))
    place.server["/1.jpg"] = answer
    place.server["/good.png"] = Answer(encoded("PNG", 2))
    settings = {"max_failed_runs": 1} | changes
    outcome = place.run({f"scrape.{key}": value for key, value in settings.items()})
    assert outcome.seconds < SECONDS
    return outcome
