"""What a run may take: scrape.max_requests and scrape.max_total_bytes."""

import pytest

from src.errors import UserError
from tests.servers import Answer


@pytest.mark.parametrize("name", ["max_requests", "max_total_bytes"])
def test_a_budget_that_is_used_up_is_an_error_by_its_key(server, client, name):
    server["/a"], server["/b"] = Answer(bytes(600)), Answer(bytes(600))
    c = client(**{name: {"max_requests": 2, "max_total_bytes": 1000}[name]})
    c.get(server["/a"])
    with pytest.raises(
        UserError, match=rf"scrape\.{name} = \d+ is used up.*to continue, or raise it"
    ):
        c.get(server["/b"])
