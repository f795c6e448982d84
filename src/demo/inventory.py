"""The items of the demo site, with their pictures and faults.

This is the ground truth that tests compare the pipeline with. The pipeline never sees it: it gets
pages and pictures over HTTP.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from src.demo import portraits
from src.demo.brushes import fill_circle, fill_ellipse
from src.errors import UserError
from src.imaging import decoding
from src.imaging.picture_folders import EXPECTED, find_pictures
from src.imaging.resizing import resize
from src.storage.encoding import encode_jpeg, encode_png
from src.user_paths import existing_folder

# How many of a thousand listed pictures are of each kind; the others are good portraits.
FAULTS = {
    "exact_copy": 12,  # a person listed again with the same file
    "recompressed": 10,  # these six: another person's picture, changed a little
    "resized": 10,
    "cropped": 10,
    "mirrored": 10,
    "brightened": 10,
    "captioned": 10,
    "second_picture": 16,  # a person listed again with another picture
    "gray": 12,  # one channel
    "gray_rgb": 14,  # three channels with chroma noise
    "sepia": 10,
    "missing": 8,  # 404
    "truncated": 6,
    "placeholder": 10,  # the same silhouette for everybody without a picture
    "no_image": 4,  # listed without any picture
}
COPY_KINDS = "exact_copy recompressed resized cropped mirrored brightened captioned".split()
FIRST_NAMES = (
    "Ada Boris Carmen Dmitri Elena Farid Greta Hugo Ines Jonas Keiko Liam Mara Nils Olga Pavel "
    "Quentin Rosa Sven Tara Umar Vera Wanda Xavier Yara Zoë Łukasz Chloé"
).split()
LAST_NAMES = (
    "Abbott Bauer Castillo Dvořák Eriksen Ferrari Goldberg Haddad Ivanova Jensen Kowalski Lindqvist "
    "Moreau Nakamura O’Brien Petrov Quist Romero Suzuki Tanaka Ueda Varga Weiss Young Zhang"
).split()


@dataclass(frozen=True)
class Entry:
    """One listed item.

    Attributes:
        number: Its position in the list, from 0.
        item_id: As IMDb names people.
        name: As the list shows it.
        kind: `portrait` or a key of FAULTS.
        person: Who is on the picture.
        shot: Which picture of this person.
    """

    number: int
    item_id: str
    name: str
    kind: str
    person: int
    shot: int = 0


def list_entries(count: int, seed: int, faults: bool, pool: int | None = None) -> list[Entry]:
    """Return the listed items in the site's order.

    If people are not drawn, there is a pool of so many distinct photographs. The list then shrinks
    until these suffice, and no item has a second picture.
    """
    rng = np.random.default_rng([seed, 1])
    planned = dict(FAULTS) if faults else {}
    if pool is not None:
        planned.pop("second_picture", None)
        count = _fitting_count(count, planned, pool)
    kinds = [kind for kind, share in planned.items() for _ in range(round(share * count / 1000))]
    repeating_kinds = [kind for kind in kinds if kind in (*COPY_KINDS, "second_picture")]
    single_kinds = [kind for kind in kinds if kind not in (*COPY_KINDS, "second_picture")]
    n_portraits = count - len(kinds)
    pictures = list(enumerate(["portrait"] * n_portraits + single_kinds))  # person and kind
    n_people = len(pictures)
    originals = map(int, rng.permutation(n_portraits)[: len(repeating_kinds)])
    pictures += zip(originals, repeating_kinds, strict=True)
    entries = []
    for number, index in enumerate(rng.permutation(count)):
        person, kind = pictures[index]
        # the site lists a changed copy as somebody else
        is_changed_copy = index >= n_people and kind not in ("exact_copy", "second_picture")
        identity = n_people + int(index) if is_changed_copy else person
        entries.append(
            Entry(
                number=number,
                item_id=f"nm{1_000_001 + identity:07d}",
                name=_name(identity),
                kind=kind,
                person=person,
                shot=int(kind == "second_picture"),
            )
        )
    return entries


def _fitting_count(count: int, planned: dict[str, int], pool: int) -> int:
    """Return how many of `count` items can be listed with `pool` photographs."""
    # these need no photograph of their own
    shares = [planned.get(kind, 0) for kind in (*COPY_KINDS, "placeholder", "no_image")]
    while count - sum(round(share * count / 1000) for share in shares) > pool:
        count -= 1
    return count


def _name(identity: int) -> str:
    first = FIRST_NAMES[identity % len(FIRST_NAMES)]
    last = LAST_NAMES[identity // len(FIRST_NAMES) % len(LAST_NAMES)]
    namesakes = identity // (len(FIRST_NAMES) * len(LAST_NAMES))
    return f"{first} {last}" + (f" {'I' * (namesakes + 1)}" if namesakes else "")


def photographs(folder: str) -> list[Path]:
    """Return the picture files of demo.portraits, sorted; raise UserError if there are none."""
    files = find_pictures(existing_folder("demo.portraits", folder))
    if not files:
        raise UserError(f"demo.portraits = {folder!r} holds no picture ({EXPECTED})")
    return files


def picture(entry: Entry, seed: int, files: list[Path] | None) -> bytes | None:
    """Return the bytes of an entry's picture; None if the site has none (404).

    It is a portrait, which is drawn, or the photograph of its person among `files`.

    Raises:
        UserError: A photograph cannot be decoded.
    """
    if entry.kind in ("missing", "no_image"):
        return None
    if entry.kind == "placeholder":
        return _silhouette()
    if files is None:
        pixels = portraits.draw(seed, entry.person, entry.shot)
        original = encode_jpeg(pixels, 92)
    else:
        original = files[entry.person].read_bytes()
        try:
            pixels = decoding.decode(original)
        except decoding.ImageError as error:
            raise UserError(f"demo.portraits: {files[entry.person]}: {error}") from None
    if entry.kind in ("portrait", "second_picture", "exact_copy"):
        return original
    if entry.kind == "truncated":
        return original[: len(original) * 3 // 5]
    return alter(pixels, entry.kind, np.random.default_rng([seed, 2, entry.person]))


def alter(pixels: np.ndarray, kind: str, rng: np.random.Generator) -> bytes:
    """Return a copy as JPEG bytes of a picture, changed as a key of FAULTS says, or turned."""
    height, width = pixels.shape[:2]
    if kind == "recompressed":
        return encode_jpeg(pixels, 60)
    if kind == "resized":
        return encode_jpeg(resize(pixels, width * 7 // 10, height * 7 // 10))
    if kind == "cropped":
        # 5 % off each axis, from a random corner
        top, left = int(rng.integers(height // 20 + 1)), int(rng.integers(width // 20 + 1))
        cropped = pixels[top : top + height * 19 // 20, left : left + width * 19 // 20]
        return encode_jpeg(cropped)
    if kind == "mirrored":
        return encode_jpeg(np.ascontiguousarray(pixels[:, ::-1]))
    if kind == "turned":
        return encode_jpeg(np.ascontiguousarray(np.rot90(pixels)))
    if kind == "brightened":
        return encode_jpeg((pixels.astype(np.int32) * 5 // 4).clip(0, 255).astype(np.uint8))
    if kind == "captioned":
        return encode_jpeg(_captioned(pixels))
    gray = np.asarray(Image.fromarray(pixels).convert("L"))
    if kind == "gray":
        return encode_jpeg(gray)
    if kind == "gray_rgb":
        noise = rng.integers(-3, 4, pixels.shape)
        return encode_jpeg((gray[..., None] + noise).clip(0, 255).astype(np.uint8), 80)
    if kind == "sepia":
        toned = gray[..., None].astype(np.int32) * np.array([255, 226, 184]) // 255
        return encode_jpeg((toned + np.array([0, 6, 12])).clip(0, 255).astype(np.uint8))
    raise ValueError(f"unknown kind of copy: {kind}")


def _captioned(pixels: np.ndarray) -> np.ndarray:
    """Return the picture with a strip of text over its lowest tenth."""
    height, width = pixels.shape[:2]
    strip = height // 10
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height - strip, width, height), fill=(16, 16, 16))
    font = ImageFont.load_default(size=max(8, strip // 2))
    draw.text((strip // 2, height - strip * 4 // 5), "Photo: Demo Press", (240, 240, 240), font)
    return np.asarray(image)


def _silhouette() -> bytes:
    """Return the placeholder, which is the same for every item."""
    canvas = np.full((portraits.HEIGHT, portraits.WIDTH, 3), (204, 208, 214), np.uint8)
    fill_circle(canvas, (96, 100), 44, (150, 156, 166))
    fill_ellipse(canvas, (96, 256), (80, 96), (150, 156, 166))
    return encode_png(canvas)
