"""The page that a person reads and clicks, rendered for one model."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markdown_it import MarkdownIt

from src.demo.label_map import COLORS
from src.imaging.decoding import FORMATS
from src.imaging.picture_folders import SUFFIXES
from src.model.generator import Generator
from src.user_paths import require_bounded

HERE = Path(__file__).parent
CARD = "README.md"
MAX_CARD_BYTES = 100_000
MAX_HEADING = 6  # HTML has no deeper one
NO_CARD = (
    f"*This folder has no model card ({CARD}). `dvc repro` writes `data/release`, which has one.*"
)


def render_page(generator: Generator, card: str, max_bytes: int) -> str:
    """Return a model's page as HTML; it loads page.css and page.js beside it, and nothing else."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("app.html").render(
        task=generator.config["task"],
        size=generator.size,
        card=card_html(card),
        colors={name: "#{:02x}{:02x}{:02x}".format(*color) for name, color in COLORS.items()},
        suffixes=",".join(SUFFIXES),
        formats=", ".join(FORMATS),
        max_bytes=max_bytes,
    )


def read_card(folder: Path) -> str:
    """Return the card of the model in a folder, or a line that says there is none."""
    try:
        require_bounded(folder / CARD)
        with (folder / CARD).open("rb") as file:
            return file.read(MAX_CARD_BYTES).decode("utf-8", "replace")
    except OSError:
        return NO_CARD


def card_html(card: str) -> str:
    """Return a card as HTML, one level of headings lower.

    A card may come with a stranger's model: HTML in it is shown as text, and it loads no picture
    and links nowhere.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.disable(["image", "link", "autolink", "reference"])
    tokens = markdown.parse(card)
    for token in tokens:
        if token.type.startswith("heading"):
            token.tag = f"h{min(MAX_HEADING, int(token.tag[1:]) + 1)}"
        if token.attrs.pop("style", "") == "text-align:right":  # the page allows no style in place
            token.attrs["class"] = "number"
    return str(markdown.renderer.render(tokens, markdown.options, {}))
