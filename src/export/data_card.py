"""The data card of an export: what the pairs are, how to open them, and where they come from."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from src.errors import printable
from src.export.side_content import SideContent
from src.storage.atomic import write_text
from src.storage.markdown_template import markdown_template

MAX_NAMED = 20  # hosts and licences
MAX_CHARACTERS = 80  # of a licence's name
# As the Hugging Face Hub names sizes, by their upper ends.
SIZES = {
    10**3: "n<1K",
    10**4: "1K<n<10K",
    10**5: "10K<n<100K",
    10**6: "100K<n<1M",
    10**7: "1M<n<10M",
    10**8: "10M<n<100M",
    10**9: "100M<n<1B",
    10**10: "1B<n<10B",
}


def write(path: Path, ledger: pd.DataFrame, sides: list[SideContent], task: str, kind: str) -> None:
    """Write the card of exported pairs as Markdown."""
    count = sum(map(len, sides))
    facts = pd.concat([side.facts for side in sides])
    verdicts = ledger["verdict"].value_counts()
    card = markdown_template(Path(__file__).with_name("data_card.md")).render(
        task=task,
        kind=kind,
        count=count,
        size_category=size_category(count),
        sides=[_row(side) for side in sides],
        listed=len(ledger),
        removed={word: n for word, n in verdicts.items() if word != "keep"},
        hosts=_most_common(facts["image_url"].map(_host)),
        dates=sorted(set(facts["date"]) - {""}),
        licences=_most_common(facts["licence"].map(_in_code)),
        official_options=official_options(sides),
        train_shards=_brace_range(sorted(path.parent.glob("train-*.tar"))),
    )
    write_text(path, card)


def size_category(count: int) -> str:
    """Return the Hugging Face Hub's name for a number of pairs."""
    return next(name for end, name in SIZES.items() if count < end)


def official_options(sides: list[SideContent]) -> dict[str, str]:
    """Return, by side, the official pix2pix code's options for pictures of this size.

    Without them it makes squares of 286 pixels, and cuts 256 from these.
    """
    train, val = (side.photos.shape[1:3] for side in sides)
    is_square = val[0] == val[1]
    lengths = val if is_square else (*train, *val)  # others are not cut
    fitting = (n for n in (256, 128) if all(length % n == 0 for length in lengths))
    network = next((f"unet_{n}" for n in fitting), "resnet_9blocks")
    generator = f"--netG {network}"
    if not is_square:
        return dict.fromkeys(("train", "val"), f"--preprocess none {generator}")
    crop = f"--crop_size {val[0]} {generator}"
    return {"train": f"--load_size {train[0]} {crop}", "val": f"--load_size {val[0]} {crop}"}


def _brace_range(shards: list[Path]) -> str:
    """Return the numbers of shards as WebDataset expands them: 000000, or {000000..000002}."""
    numbers = [shard.stem.rpartition("-")[2] for shard in shards]
    return f"{{{numbers[0]}..{numbers[-1]}}}" if len(numbers) > 1 else "".join(numbers)


def _row(side: SideContent) -> dict[str, Any]:
    height, width = side.photos.shape[1:3]
    return {"name": side.name, "count": len(side), "height": height, "width": width}


def _most_common(texts: pd.Series) -> dict[str, int]:
    """Return how often each text occurs, but for the empty one; the most common first."""
    counts = (
        texts[texts != ""].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    )
    return {str(text): int(count) for text, count in counts.head(MAX_NAMED).items()}


def _host(url: str) -> str:
    """Return a URL's host; "" for a file's name."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return host if re.fullmatch(r"[\w.:-]+", host) else ""


def _in_code(text: str) -> str:
    """Return text that ends no code span of Markdown."""
    return printable(text).replace("`", "'")[:MAX_CHARACTERS]
