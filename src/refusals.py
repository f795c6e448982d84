"""The messages on a refused params.yaml: the key, its value, and what to write instead."""

from pathlib import Path

from pydantic_core import ErrorDetails

# Keys of earlier versions → today's, so that an old params.yaml gets its remedy.
RENAMED = {
    "facades": "pairs",
    "folder.person": "folder.item",
    "scrape.attempts": "scrape.max_failed_runs",
    "scrape.heed_noai": "scrape.respect_noai",
    "scrape.pack": "scrape.shard_size",
    "split.unit": "split.group_by",
    "split.cut": "split.method",
    "split.given": "split.use_source_split",
    "pair.size": "pair.crop_size",
    "pair.margin": "pair.load_size",
    "pair.shard": "pair.shard_size",
    "train.discriminator.filters": "train.discriminator.ndf",
    "train.discriminator.layers": "train.discriminator.n_layers",
    "train.l1_alone": "train.adversarial_from",
    "train.average": "train.ema_decay",
    "train.vary_edges": "train.edge_jitter",
    "train.best_by": "evaluate.snapshot",
    "train.best_metric": "evaluate.snapshot",
    "models.encdec.filters": "models.encdec.ngf",
    "models.encdec.downs": "models.encdec.n_downs",
    "models.encdec.blocks": "models.encdec.n_blocks",
    "models.unet.filters": "models.unet.ngf",
    "models.unet.downs": "models.unet.n_downs",
    "evaluate.grayscale": "clean.tone_residual",
    "evaluate.tone_residual": "clean.tone_residual",
    "evaluate.features": "evaluate.fid",
    "evaluate.model": "evaluate.snapshot",
    "engine.batch": "engine.task_size",
}
RENAMED_LIMITS = {
    "repeated_people_share": "repeated_items_share",
    "shared_people": "shared_items",
}
# What changed with the name.
HINTS = {
    "facades": " (a new key: layout: combined)",
    "pair.margin": " (crop_size + margin)",
    "split.unit": " (group: person)",
    "split.cut": " (fixed: hash, fitted: exact)",
    "split.given": " (keep: true, redo: false)",
    "evaluate.features": " (inception: required, random: none)",
    "train.best_by": " (last, best_l1, best_psnr, best_ssim)",
    "train.best_metric": " (last, best_l1, best_psnr, best_ssim)",
}
# Values of earlier versions, and what to write today.
RENAMED_VALUES = {
    "evaluate.lpips=True": "'squeeze' (a download of 5 MB) or 'alex' (244 MB)",
    "evaluate.lpips=False": "'none'",
    "source=facades": "'pairs', with pairs.path and task: labels; `python -m src preset facades` "
    "prints the settings for the CMP facades",
}


def sentences(path: Path, errors: list[ErrorDetails]) -> list[str]:
    """Return a sentence for each error; a key that has only its old name is not called missing."""
    replacements = {RENAMED.get(_key(error)) for error in errors}
    return [
        _sentence(path, error)
        for error in errors
        if not (error["type"] == "missing" and _key(error) in replacements)
    ]


def _key(error: ErrorDetails) -> str:
    return " ".join(".".join(str(part) for part in error["loc"]).split())


def _sentence(path: Path, error: ErrorDetails) -> str:
    key = _key(error)
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return f"{path}: {key} is missing"
    if error["type"] == "extra_forbidden":
        if key in RENAMED:
            return f"{path}: {key} is now called {RENAMED[key]}{HINTS.get(key, '')}"
        return f"{path}: {key} = {error['input']!r} is not a known key"
    if value := RENAMED_VALUES.get(f"{key}={error['input']}"):
        return f"{path}: {key} = {error['input']!r} is now {value}"
    if error["type"] == "value_error":
        return f"{path}: {key + ': ' if key else ''}{message}"
    return f"{path}: {key} = {error['input']!r}: {message[0].lower()}{message[1:]}"
