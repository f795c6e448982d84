"""The side that a name of a split stands for, in words and in the names of files and folders."""

import re
from itertools import chain

# Test pictures are held back from training just as validation's are.
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "val",
    "testing": "val",
}


def named_side(path: str) -> str | None:
    """Return the side that a file's path names, such as `data/train-00000.parquet`.

    The last word of the file's name that is a split's decides, as in `test-faces-train.arrow`, and
    else its folders; None if there is none.
    """
    folders, _, name = path.rpartition("/")
    words = [word for word in _words(name) if word in SPLITS]
    return SPLITS[words[-1]] if words else folder_side(folders)


def folder_side(folders: str) -> str | None:
    """Return the side that a path of folders names: the last called so, or else with the word in it.

    In `train/test_tube` the second is a class.
    """
    parts = folders.lower().split("/")[::-1]
    words = chain(parts, chain.from_iterable(map(_words, parts)))
    return next((SPLITS[word] for word in words if word in SPLITS), None)


def _words(text: str) -> list[str]:
    return re.split(r"[^a-z]+", text.lower())
