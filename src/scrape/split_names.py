"""The side that a name of a split stands for, in words and in the names of files and folders."""

import re

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

    The last part that names one decides; None if there is none.
    """
    for part in reversed(path.lower().split("/")):
        for word in re.split(r"[^a-z]+", part):
            if word in SPLITS:
                return SPLITS[word]
    return None
