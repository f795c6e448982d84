"""The report: one self-contained HTML page of what happened and how well it went."""

import base64
import csv
import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, select_autoescape

from src import images
from src.files import read_json
from src.ledger import read

THUMBNAIL, SHOWN = 96, 24
REMOVED = ("grayscale", "exact_duplicate", "near_duplicate", "too_small")


@dataclass(frozen=True)
class Picture:
    """A thumbnail with its caption; `uri` is a data: URI."""

    uri: str
    caption: str


def render(data: Path, metrics: Path, parameters: str) -> str:
    """The page's HTML, from the artifacts in `data` and the numbers in `metrics`.

    parameters: the text of params.yaml. All names and URLs come from the web and are escaped.
    """
    numbers = {path.stem: read_json(path) for path in sorted(metrics.glob("*.json"))}
    table = read(data / "split" / "ledger.parquet", "split")
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(["html"])
    )
    return environment.get_template("page.html").render(
        m=numbers,
        findings=read_json(data / "audit" / "findings.json"),
        funnel=funnel(numbers),
        removed={word: gallery(table, word, data / "raw") for word in REMOVED},
        sheets={name: _uri(data / "samples" / f"{name}.png") for name in ("val", "train")},
        losses=chart(_columns(metrics / "history.csv", ["g_l1", "g_gan", "d"])),
        progress={name: chart(_columns(metrics / "progress.csv", [name])) for name in ("l1", "fd")},
        parameters=parameters,
    )


def funnel(numbers: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Steps from listed to validation: name, count, and what was lost since the step before."""
    clean, split = numbers["clean"], numbers["split"]
    downloaded = clean["listed"] - clean["missing"]
    readable = downloaded - clean["unreadable"] - clean["too_small"]
    colour = readable - clean["grayscale"]
    unique = colour - clean["exact_duplicates"] - clean["near_duplicates"]
    return [
        ("listed", clean["listed"], ""),
        ("downloaded", downloaded, f"{clean['missing']} missing"),
        ("readable", readable, f"{downloaded - readable} broken or too small"),
        ("in colour", colour, f"{clean['grayscale']} grayscale"),
        ("unique", unique, f"{colour - unique} copies"),
        ("train + val", split["train"] + split["val"], f"{split['train']} + {split['val']}"),
    ]


def gallery(table: pd.DataFrame, verdict: str, raw: Path) -> list[Picture]:
    """Thumbnails of removed pictures, each with its reason's number."""
    rows = table[table["verdict"] == verdict].head(SHOWN)
    pictures = []
    for _, row in rows.iterrows():
        pixels = images.read(raw / row["file"], row["layout"])
        height = min(max(1, THUMBNAIL * pixels.shape[0] // pixels.shape[1]), 4 * THUMBNAIL)
        small = images.jpeg(images.resize(pixels, THUMBNAIL, height), 80)
        why = f"tone {row['tone_residual']:.1f}"
        if not pd.isna(row["duplicate_of"]):
            why = f"copy of row {row['duplicate_of']}, similarity {row['similarity']:.3f}"
        caption = f"row {row['row']}, {row['name']}: {why}"
        pictures.append(
            Picture(f"data:image/jpeg;base64,{base64.b64encode(small).decode()}", caption)
        )
    return pictures


def chart(series: dict[str, list[tuple[float, float]]]) -> str:
    """Curves as inline SVG, each scaled to its own range, which stands in its label."""
    width, height, pad = 560, 150, 8
    parts = []
    for number, (name, points) in enumerate(series.items()):
        xs, ys = zip(*points, strict=True)
        low, high = min(ys), max(ys)
        across, up = (xs[-1] - xs[0]) or 1, (high - low) or 1
        path = " ".join(
            f"{pad + (x - xs[0]) / across * (width - 2 * pad):.1f},"
            f"{height - pad - (y - low) / up * (height - 2 * pad):.1f}"
            for x, y in points
        )
        label = html.escape(f"{name}: {low:.4g} to {high:.4g}")
        parts.append(f'<polyline class="c{number}" points="{path}"/>')
        parts.append(f'<text class="c{number}" x="{pad}" y="{16 + 16 * number}">{label}</text>')
    title = html.escape(", ".join(series))
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{title} over training steps">'
        f"{''.join(parts)}</svg>"
    )


def _columns(file: Path, names: list[str]) -> dict[str, list[tuple[float, float]]]:
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    return {
        name: [(float(row["step"]), float(row[name])) for row in rows]
        for name in names
        if rows and name in rows[0]
    }


def _uri(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
