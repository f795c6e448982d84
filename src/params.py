"""params.yaml as typed models: a wrong key, type or range is refused in one line.

`python -m src.params presets/NAME.yaml` prints a preset as overrides for `dvc exp run`.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from src.errors import UserError, reported

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """A section of params.yaml: unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Demo(Section):
    pages: Annotated[int, Field(ge=1, le=100)]
    per_page: Annotated[int, Field(ge=1, le=1000)]
    layout: Literal["lister", "next_data", "both"]
    faults: bool
    paging: Literal["honest", "ignored", "repeats_last"]
    portraits: str


class Imdb(Section):
    list: Annotated[str, Field(min_length=1)]
    width: Annotated[int, Field(ge=0, le=10_000)]


class Gallery(Section):
    url: Annotated[str, Field(pattern=r"^https?://")]
    next: str
    item: Annotated[str, Field(min_length=1)]
    image: Annotated[str, Field(min_length=1)]
    image_attributes: Annotated[list[str], Field(min_length=1)]
    link: str
    name: str
    total: str


class Folder(Section):
    path: str
    person: Literal["file", "folder"]


class Facades(Section):
    path: str
    direction: Literal["AtoB", "BtoA"]


class Scrape(Section):
    snapshot: str
    max_pages: Count
    max_items: Count
    on_repeat: Literal["stop", "keep"]
    workers: Annotated[int, Field(ge=1, le=64)]
    per_host: Annotated[int, Field(ge=1, le=64)]
    requests_per_second: Positive
    timeout_s: Positive
    deadline_s: Positive
    retries: Annotated[int, Field(ge=0, le=20)]
    backoff_s: NotNegative
    attempts: Annotated[int, Field(ge=1, le=100)]
    max_requests: Count
    max_total_bytes: Count
    max_bytes: Annotated[int, Field(ge=1024)]
    max_page_bytes: Annotated[int, Field(ge=1024)]
    heed_noai: bool
    allow_hosts: list[str]
    contact: Annotated[str, Field(pattern=r"^[ -~]*$")]
    pack: Count


class Clean(Section):
    duplicates: Literal["remove", "keep"]
    grayscale: Literal["remove", "keep"]
    min_side: Count
    hash_distance: Annotated[int, Field(ge=0, le=128)]
    similarity: Annotated[float, Field(gt=0, le=1)]
    tone_residual: NotNegative


class Split(Section):
    val_fraction: Annotated[float, Field(gt=0, lt=1)]
    unit: Literal["group", "image"]
    cut: Literal["fixed", "fitted"]
    given: Literal["keep", "redo"]


class Canny(Section):
    low: NotNegative
    high: NotNegative
    aperture: Literal[3, 5, 7]
    blur: Annotated[int, Field(ge=1, le=31)]
    thresholds: Literal["absolute", "relative"]

    @model_validator(mode="after")
    def _ordered(self) -> "Canny":
        if self.blur % 2 == 0:
            raise ValueError(f"blur is {self.blur}, expected an odd number")
        if self.low > self.high:
            raise ValueError(f"low is {self.low}, expected at most high ({self.high})")
        if self.thresholds == "relative" and self.high > 100:
            raise ValueError(f"high is {self.high}, expected a percentile: thresholds are relative")
        return self


class Pair(Section):
    size: Annotated[int, Field(ge=16, le=1024, multiple_of=16)]
    margin: Annotated[int, Field(ge=0, le=256)]
    crop: Literal["center", "top"]
    background: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
    shard: Count
    canny: Canny


class Limits(Section):
    """Known limits are typed here; one that only a check knows (its own default) is a number.

    The audit refuses those that no check knows.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[float, Field(ge=0)]]

    repeated_pages: Annotated[int, Field(ge=0)]
    missing_share: Share
    repeated_people_share: Share
    misplaced_pictures: Annotated[int, Field(ge=0)]
    garbled_names: Annotated[int, Field(ge=0)]
    unfetched_share: Share
    broken_files: Annotated[int, Field(ge=0)]
    placeholder_share: Share
    upscaled_share: Share
    lost_rows: Annotated[int, Field(ge=0)]
    misnamed_pairs: Annotated[int, Field(ge=0)]
    altered_photos: Annotated[int, Field(ge=0)]
    photo_difference: NotNegative
    grayscale_share: Share
    tone_residual: NotNegative
    truncated_share: Share
    gray_error: NotNegative
    edge_error: Share
    blank_edges_share: Share
    edge_density: Share
    full_edges_share: Share
    edge_density_most: Share
    labels_fit: Share
    shared_people: Annotated[int, Field(ge=0)]
    leaked_pictures: Annotated[int, Field(ge=0)]
    leak_similarity: Annotated[float, Field(gt=0, le=1)]
    cluster_share: Share
    min_train: Count
    min_val: Count
    foreign_outputs: Annotated[int, Field(ge=0)]
    score_error: NotNegative
    own_target_share: Share
    color_share: NotNegative
    contrast_share: NotNegative
    variety_share: NotNegative


class Audit(Section):
    on_failure: Literal["stop", "report"]
    limits: Limits


class Discriminator(Section):
    filters: Count
    layers: Annotated[int, Field(ge=1, le=5)]
    augment: list[Literal["color", "translation", "cutout"]]


class Train(Section):
    steps: Count
    batch_size: Count
    lr: Positive
    beta1: Annotated[float, Field(ge=0, lt=1)]
    beta2: Annotated[float, Field(ge=0, lt=1)]
    l1_weight: NotNegative
    gan_weight: NotNegative
    output: Literal["chroma", "rgb"]
    discriminator: Discriminator
    precision: Literal["auto", "bf16", "fp32"]
    device: Literal["auto", "cpu", "cuda"]
    l1_alone: Annotated[float, Field(ge=0, lt=1)]
    average: Annotated[float, Field(ge=0, lt=1)]
    vary_edges: Share
    processes: Annotated[int, Field(ge=1, le=1024)]
    best_by: Literal["l1", "psnr", "ssim"]
    snapshots: Annotated[int, Field(ge=1, le=100)]
    checkpoint_every: Count


class EncDec(Section):
    filters: Count
    downs: Annotated[int, Field(ge=1, le=8)]
    blocks: Annotated[int, Field(ge=0, le=32)]
    upsample: Literal["resize", "transposed"]
    norm: Literal["batch", "instance"]


class UNet(Section):
    filters: Count
    downs: Annotated[int, Field(ge=0, le=10)]
    upsample: Literal["resize", "transposed"]
    norm: Literal["batch", "instance"]
    dropout: Annotated[float, Field(ge=0, lt=1)]


class Models(Section):
    encdec: EncDec
    unet: UNet


class Evaluate(Section):
    features: Literal["auto", "inception", "random"]
    inception_weights: str
    inception_url: Annotated[str, Field(pattern=r"^https?://")]
    random_seed: Annotated[int, Field(ge=0)]
    lpips: bool
    lpips_weights: str
    lpips_url: Annotated[str, Field(pattern=r"^https?://")]
    batch_size: Count
    grayscale: NotNegative
    model: Literal["last", "best"]
    device: Literal["auto", "cpu", "cuda"]
    processes: Annotated[int, Field(ge=1, le=1024)]


class Engine(Section):
    """Where the data stages' work is done. No stage's result depends on it."""

    kind: Literal["local", "ray"]
    address: str
    batch: Count


class Params(Section):
    """The whole of params.yaml."""

    source: Literal["demo", "imdb", "gallery", "folder", "facades"]
    task: Literal["colorize", "sketch", "labels"]
    model: Literal["encdec", "unet"]
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    demo: Demo
    imdb: Imdb
    gallery: Gallery
    folder: Folder
    facades: Facades
    scrape: Scrape
    clean: Clean
    split: Split
    pair: Pair
    audit: Audit
    train: Train
    models: Models
    evaluate: Evaluate
    engine: Engine

    @model_validator(mode="after")
    def _task_fits_source(self) -> "Params":
        if self.task == "labels" and self.source != "facades":
            raise ValueError(
                f"task is 'labels', which needs label maps: expected source 'facades', "
                f"not {self.source!r}"
            )
        return self


class Loader(yaml.SafeLoader):
    """YAML as DVC writes it: 1e-05 is a number there, and a string to PyYAML."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def read(path: Path = Path("params.yaml")) -> Params:
    """Read and validate params.yaml.

    Raises UserError with one line that names each wrong key, its value and what is allowed.
    """
    return _validated(path, _yaml(path))


def _yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run this in the project's folder") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise UserError(f"{path} holds {type(values).__name__}, expected sections of keys")
    return values


def _validated(path: Path, values: dict[str, Any]) -> Params:
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise UserError("; ".join(_sentence(path, e) for e in error.errors())) from None


def text(p: Params) -> str:
    """The parameters that results depend on, as YAML."""
    return yaml.safe_dump(p.model_dump(exclude={"engine"}), sort_keys=False, allow_unicode=True)


def overrides(preset: Path, path: Path = Path("params.yaml")) -> list[str]:
    """A preset's values as KEY=VALUE; UserError where one would be refused in params.yaml."""
    read(path)
    values, leaves = _yaml(path), dict(_leaves(_yaml(preset)))
    for key, value in leaves.items():
        *sections, last = key.split(".")
        place = values
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise UserError(f"{preset}: {key} = {value!r}: {section} is no section")
        place[last] = value
    _validated(preset, values)
    return [f"{key}={_word(preset, key, value)}" for key, value in leaves.items()]


def _word(preset: Path, key: str, value: Any) -> str:
    """A value as one word that neither a shell nor DVC takes apart."""
    words = [str(part) for part in value] if isinstance(value, list) else [str(value)]
    if any(re.search(r"[^\w.:/+-]", word) for word in words):
        raise UserError(f"{preset}: {key} = {value!r} wants quotes: give it on the command line")
    return f"[{','.join(words)}]" if isinstance(value, list) else words[0]


def _leaves(values: dict, before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _sentence(path: Path, error: Any) -> str:
    key = " ".join(".".join(str(part) for part in error["loc"]).split())
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{path}: {key} is missing"
    if error["type"] == "extra_forbidden":
        return f"{path}: {key} = {error['input']!r} is not a known key"
    if error["type"] == "value_error":
        return f"{path}: {key + ': ' if key else ''}{message}"
    return f"{path}: {key} = {error['input']!r}: {message[0].lower()}{message[1:]}"


def main() -> None:
    """python -m src.params PRESET: its values as overrides, -S KEY=VALUE each."""
    parser = argparse.ArgumentParser(prog="python -m src.params", description=main.__doc__)
    parser.add_argument("preset", type=Path, metavar="PRESET", help="such as presets/facades.yaml")
    print(" ".join(f"-S {override}" for override in overrides(parser.parse_args().preset)))


if __name__ == "__main__":
    with reported("params"):
        main()
