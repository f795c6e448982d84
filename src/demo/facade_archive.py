"""The archive of drawn facades that the demo site serves, some of them with faults.

Its form is that of pix2pix's own archive of the CMP facades: folders train and val, in each picture
the photograph on the left and the label map on the right.
"""

import io
import tarfile
from dataclasses import dataclass
from functools import partial

import numpy as np

from src.demo.facades import draw_pair
from src.parallel.local import map_processes
from src.storage.encoding import encode_jpeg

ROOT = "facades"
ONE_IN_VAL = 5  # every fifth pair is for validation
QUALITY = 92  # of JPEG; copies have less, so that the original is the better one
# How many there are beside a thousand good pairs, if the demo has faults.
FAULTS = {
    "exact_copy": 12,  # these three: a training pair once more, among validation's
    "recompressed": 12,
    "mirrored": 12,  # photograph and labels, each by itself
    "gray": 12,  # the photograph alone
    "truncated": 8,
    "outside": 6,  # in no folder of train and val
    "narrow": 4,  # one pixel wide, so without labels
}
COPY_KINDS = ("exact_copy", "recompressed", "mirrored")


@dataclass(frozen=True)
class Member:
    """A picture in the archive.

    Attributes:
        name: Its path there.
        kind: `facade` or a key of FAULTS.
        house: Its number.
    """

    name: str
    kind: str
    house: int


def list_members(count: int, seed: int, faults: bool) -> list[Member]:
    """Return the pictures in the archive: `count` good pairs, and maybe others beside them."""
    n_val = count // ONE_IN_VAL
    n_train = count - n_val
    members = [Member(_name("train", n + 1), "facade", n) for n in range(n_train)]
    members += [Member(_name("val", n + 1), "facade", n_train + n) for n in range(n_val)]
    kinds = [
        kind for kind, share in FAULTS.items() if faults for _ in range(round(share * count / 1000))
    ]
    originals = np.random.default_rng([seed, 4]).permutation(n_train)
    for n, kind in enumerate(kinds):
        copied = kind in COPY_KINDS
        folder = "val" if copied else "" if kind == "outside" else "train"
        house = int(originals[n % n_train]) if copied else count + n
        members.append(Member(_name(folder, count + n + 1), kind, house))
    return members


def _name(folder: str, number: int) -> str:
    return "/".join(part for part in (ROOT, folder, f"{number}.jpg") if part)


def picture(member: Member, seed: int) -> bytes:
    """Return the bytes of a picture in the archive; `seed` is that of the whole set."""
    pair = draw_pair(seed, member.house)
    original = encode_jpeg(pair, QUALITY)
    if member.kind == "recompressed":
        return encode_jpeg(pair, 60)
    if member.kind == "truncated":
        return original[: len(original) * 3 // 5]
    if member.kind == "narrow":
        return encode_jpeg(np.ascontiguousarray(pair[:, :1]))
    photo, labels = np.split(pair, 2, axis=1)
    if member.kind == "mirrored":
        return encode_jpeg(np.concatenate([photo[:, ::-1], labels[:, ::-1]], axis=1))
    if member.kind == "gray":
        gray = (photo.sum(axis=2) // 3).astype(np.uint8)
        return encode_jpeg(np.concatenate([np.dstack([gray] * 3), labels], axis=1))
    return original


def archive(count: int, seed: int, faults: bool) -> bytes:
    """Return a tar archive of drawn facades; arguments are those of `list_members`."""
    members = list_members(count, seed, faults)
    pictures = map_processes(partial(picture, seed=seed), members, "drawing the demo's facades")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member, data in zip(members, pictures, strict=True):
            entry = tarfile.TarInfo(member.name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
