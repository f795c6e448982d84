"""Who is listed on the demo site, with which picture, and what is wrong with it.

This is the ground truth that the tests hold the pipeline against. The pipeline never sees it:
it gets pages and pictures over HTTP.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from src.demo import portraits
from src.errors import UserError
from src.imaging import decoding
from src.imaging.picture_files import SUFFIXES, find_pictures
from src.imaging.resizing import resize
from src.storage.encoding import encode_jpeg, encode_png

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
COPIES = ("exact_copy", "recompressed", "resized", "cropped", "mirrored", "brightened", "captioned")
FIRST = (
    "Ada Boris Carmen Dmitri Elena Farid Greta Hugo Ines Jonas Keiko Liam Mara Nils Olga Pavel "
    "Quentin Rosa Sven Tara Umar Vera Wanda Xavier Yara Zoë Łukasz Chloé"
).split()
LAST = (
    "Abbott Bauer Castillo Dvořák Eriksen Ferrari Goldberg Haddad Ivanova Jensen Kowalski Lindqvist "
    "Moreau Nakamura O’Brien Petrov Quist Romero Suzuki Tanaka Ueda Varga Weiss Young Zhang"
).split()


@dataclass(frozen=True)
class Entry:
    """One listed item: `kind` is `portrait` or a key of FAULTS, `person` whose picture it is."""

    number: int
    item_id: str
    name: str
    kind: str
    person: int
    shot: int = 0


def catalogue(count: int, seed: int, faults: bool, pool: int | None = None) -> list[Entry]:
    """The listed items in the site's order.

    count: how many items are listed.
    pool: how many distinct photographs there are, where people are not drawn; the list then
        shrinks to what they suffice for, and nobody has a second picture.
    """
    rng = np.random.default_rng([seed, 1])
    planned = dict(FAULTS) if faults else {}
    if pool is not None:
        planned.pop("second_picture", None)
        # these need no photograph of their own
        shared = [planned.get(kind, 0) for kind in (*COPIES, "placeholder", "no_image")]
        while count - sum(round(share * count / 1000) for share in shared) > pool:
            count -= 1
    kinds = [kind for kind, share in planned.items() for _ in range(round(share * count / 1000))]
    again = [kind for kind in kinds if kind in (*COPIES, "second_picture")]
    others = [kind for kind in kinds if kind not in (*COPIES, "second_picture")]
    good = count - len(kinds)
    people = [(person, kind, 0) for person, kind in enumerate(["portrait"] * good + others)]
    originals = rng.permutation(good)[: len(again)]
    repeats = [(int(p), kind, 1) for p, kind in zip(originals, again, strict=True)]
    entries = []
    for number, at in enumerate(rng.permutation(count)):
        person, kind, repeated = (people + repeats)[at]
        same = not repeated or kind in ("exact_copy", "second_picture")
        identity = person if same else len(people) + int(at)
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


def _name(identity: int) -> str:
    first = FIRST[identity % len(FIRST)]
    last = LAST[identity // len(FIRST) % len(LAST)]
    more = identity // (len(FIRST) * len(LAST))
    return f"{first} {last}" + (f" {'I' * (more + 1)}" if more else "")


def photographs(folder: str) -> list[Path]:
    """The picture files of a folder, sorted; UserError where there are none."""
    root = Path(folder)
    if not root.is_dir():
        raise UserError(
            f"demo.portraits = {folder!r} ({root.resolve()}) is not a folder; "
            "with --queue or --temp give an absolute path"
        )
    found = find_pictures(root)
    if not found:
        raise UserError(f"demo.portraits = {folder!r} holds no picture ({', '.join(SUFFIXES)})")
    return found


def picture(entry: Entry, seed: int, files: list[Path] | None) -> bytes | None:
    """The bytes the site answers with for an entry's picture; None: there is none (404)."""
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
    """A changed copy of a picture, (height, width, 3) uint8, as JPEG bytes."""
    height, width = pixels.shape[:2]
    gray = resize(np.asarray(Image.fromarray(pixels).convert("L")), width, height)
    if kind == "recompressed":
        return encode_jpeg(pixels, 60)
    if kind == "resized":
        return encode_jpeg(resize(pixels, width * 7 // 10, height * 7 // 10))
    if kind == "cropped":
        # 5 % off each axis, from a random corner
        top, left = int(rng.integers(height // 20 + 1)), int(rng.integers(width // 20 + 1))
        cut = pixels[top : top + height * 19 // 20, left : left + width * 19 // 20]
        return encode_jpeg(cut)
    if kind == "mirrored":
        return encode_jpeg(np.ascontiguousarray(pixels[:, ::-1]))
    if kind == "brightened":
        return encode_jpeg((pixels.astype(np.int32) * 5 // 4).clip(0, 255).astype(np.uint8))
    if kind == "captioned":
        return encode_jpeg(_captioned(pixels))
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
    """The picture with a strip of text over its lowest tenth."""
    height, width = pixels.shape[:2]
    strip = height // 10
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height - strip, width, height), fill=(16, 16, 16))
    font = ImageFont.load_default(size=max(8, strip // 2))
    draw.text((strip // 2, height - strip * 4 // 5), "Photo: Demo Press", (240, 240, 240), font)
    return np.asarray(image)


def _silhouette() -> bytes:
    sheet = np.full((portraits.HEIGHT, portraits.WIDTH, 3), (204, 208, 214), np.uint8)
    cv2.circle(sheet, (96, 100), 44, (150, 156, 166), -1, cv2.LINE_AA)
    cv2.ellipse(sheet, (96, 256), (80, 96), 0, 0, 360, (150, 156, 166), -1, cv2.LINE_AA)
    return encode_png(sheet)
