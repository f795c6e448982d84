"""Rows of the ledger on disk, so that the length of a list takes no memory."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa

from src.errors import UserError
from src.scrape.crawl import Row

BATCH_ROWS = 4096  # as dictionaries they take a kilobyte each
SPOOLED = pa.schema(
    [
        ("page", pa.int64()),
        ("position", pa.int64()),
        ("item_id", pa.string()),
        ("name", pa.string()),
        ("page_url", pa.string()),
        ("image_url", pa.string()),
        ("given_side", pa.string()),
        ("label_url", pa.string()),
        ("status", pa.string()),  # of a row without anything to fetch
    ]
)


class SpooledRows:
    """Rows in an Arrow file, which is read a batch at a time."""

    def __init__(self, file: Path, count: int):
        self._file, self._count = file, count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        # not mapped: the pages of a long list would stay in memory
        with pa.OSFile(str(self._file)) as file, pa.ipc.open_file(file) as batches:
            for number in range(batches.num_record_batches):
                for row in batches.get_batch(number).to_pylist():
                    if row["status"] is None:
                        del row["status"]
                    yield {**row, "stated_total": None}


def spool_rows(rows: Iterator[Row], file: Path, max_items: int) -> SpooledRows:
    """Write rows to an Arrow file, and return them as they are read back from it.

    Columns that SPOOLED lacks are not kept. The file must last as long as the rows are read.

    Raises:
        UserError: There are more than `max_items`.
    """
    count = 0
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, SPOOLED) as writer:
        while batch := list(islice(rows, BATCH_ROWS)):
            count += len(batch)
            if count > max_items:
                raise UserError(
                    f"the list has more items than scrape.max_items = {max_items}: raise it, or "
                    "take a shorter list"
                )
            writer.write_batch(pa.RecordBatch.from_pylist(batch, SPOOLED))
    return SpooledRows(file, count)
