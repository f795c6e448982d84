"""What tests of clean share: the demo site, cleaned."""

from pathlib import Path

import pandas as pd
import pytest

from src.clean import measure, verdicts
from src.demo.inventory import COPY_KINDS, Entry, list_entries
from src.scrape import sources
from tests.conftest import DEFAULTS
from tests.scrape.scraping import stored


class CleanedDemo:
    """Three pages of sixty entries of the demo site, scraped and cleaned, beside its inventory."""

    def __init__(self, raw: Path):
        params = DEFAULTS
        demo = params.demo.model_copy(update={"pages": 3, "per_page": 60, "faults": True})
        params = params.model_copy(update={"source": "demo", "seed": 0, "demo": demo})
        with sources.open_source(params, raw) as source:
            self.scraped = stored(source.crawl.rows, source.fetch, raw, params.scrape)
        self.measurements = measure.measure_pictures(self.scraped, raw)
        self.table, self.pairs = verdicts.assign_verdicts(
            self.scraped, self.measurements, params.clean
        )
        self.entries = list_entries(180, 0, True)

    def of_kind(self, *kinds: str) -> list[Entry]:
        """The entries of some kinds, of which there is one at least."""
        entries = [entry for entry in self.entries if entry.kind in kinds]
        assert entries
        return entries

    def row(self, entry: Entry) -> pd.Series:
        return self.table.loc[entry.number]

    def same_picture(self, entry: Entry) -> list[Entry]:
        """The good entries that show what this one shows, itself included."""
        return [
            other
            for other in self.of_kind("portrait", "second_picture", *COPY_KINDS)
            if (other.person, other.shot) == (entry.person, entry.shot)
        ]


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> CleanedDemo:
    return CleanedDemo(tmp_path_factory.mktemp("raw"))
