"""Checks before any work whether a run can succeed: params.yaml, its files and this machine.

The scrape runs them first, so that nothing is fetched for a training that would be refused. What is
imported here can refuse a run and never changes one, so no stage depends on this file.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from src.errors import UserError
from src.model.depth import network_settings, require_patches
from src.params import Params
from src.storage.outside_data import require_originals_outside
from src.storage.ruling_files import PAIR_COLUMNS, read_lines
from src.user_paths import existing_file


def require_runnable(settings: Params) -> None:
    """Raise UserError, with a line for each reason, if a stage would refuse valid settings."""
    reasons = []
    for require in REQUIREMENTS:
        try:
            require(settings)
        except UserError as error:
            reasons.append(str(error))
    if reasons:
        raise UserError("\n".join(reasons))


def _require_source(settings: Params) -> None:
    from src.scrape import json_lists, tar_samples
    from src.scrape.expressions import require_expressions
    from src.scrape.gallery import require_selectors
    from src.scrape.imdb import imdb_url
    from src.scrape.source_paths import require_source

    require_originals_outside(settings.model_dump())
    require_source(settings)
    if settings.source == "gallery":
        require_selectors(settings.gallery)
    if settings.source == "saved":
        require_selectors(settings.saved)
    if settings.source == "imdb":
        imdb_url(settings.imdb.list)
    if settings.source == "json":
        require_expressions("json", settings.json, json_lists.EXPRESSIONS)
    if settings.source == "webdataset":
        require_expressions("webdataset", settings.webdataset, tar_samples.EXPRESSIONS)


def _require_address(settings: Params) -> None:
    from src.scrape.http.fetch_errors import FetchError
    from src.scrape.http.origins import host_of

    if settings.source in ("gallery", "json", "saved"):
        url = getattr(settings, settings.source).url
        if settings.source == "saved" and "{" in url:
            raise UserError(
                f"saved.url = {url!r}: expected the address of the first page that was saved, without "
                "braces"
            )
        try:
            if url:
                host_of(url)
        except FetchError as error:
            raise UserError(
                f"{settings.source}.url: {error}; an address is such as https://host/path, without "
                "a user or password"
            ) from None


def _require_demo(settings: Params) -> None:
    from src.demo.facade_archive import ONE_IN_VAL
    from src.split.assignment import MIN_PICTURES

    if settings.source != "demo":
        return
    demo, size = settings.demo, settings.train.batch_size
    pictures, key = demo.pages * demo.per_page - MIN_PICTURES, "demo.pages"
    if demo.kind == "facades":
        pictures, key = demo.pairs - MIN_PICTURES, "demo.pairs"
        if settings.split.use_source_split:
            n_val = demo.pairs // ONE_IN_VAL
            pictures = demo.pairs - n_val
            if n_val < MIN_PICTURES:
                raise UserError(
                    f"demo.pairs = {demo.pairs}: one in {ONE_IN_VAL} is for validation, expected "
                    f"at least {MIN_PICTURES} there: set it to {MIN_PICTURES * ONE_IN_VAL} or more"
                )
    if size > pictures:
        smaller = f"set it to {pictures} or less, or " if pictures > 0 else ""
        raise UserError(
            f"train.batch_size = {size}: the demo has at most {max(0, pictures)} training pictures: "
            f"{smaller}raise {key}"
        )


def _require_browser(settings: Params) -> None:
    from src.scrape.rendering import MISSING

    if settings.source == "gallery" and settings.gallery.render and find_spec("playwright") is None:
        raise UserError(MISSING)


def _require_rulings(settings: Params) -> None:
    for key in ("exclude", "force"):
        path = Path(getattr(settings.clean, key))
        read_lines(path, f"clean.{key}", PAIR_COLUMNS, "pairs")


def _require_forgotten(settings: Params) -> None:
    from src.scrape import forget_list

    forget_list.read(settings.scrape.forget)


def _require_network(settings: Params) -> None:
    chosen = getattr(settings.models, settings.model).model_dump()
    network_settings(settings.model, chosen, settings.pair.crop_size)


def _require_discriminator(settings: Params) -> None:
    if settings.train.gan_weight:
        require_patches(settings.train.discriminator, settings.pair.crop_size)


def _require_training_device(settings: Params) -> None:
    _require_device("train", settings.train.device, settings.train.processes)


def _require_evaluation_device(settings: Params) -> None:
    _require_device("evaluate", settings.evaluate.device, settings.evaluate.processes)


def _require_device(section: str, device: str, processes: int) -> None:
    if device == "cpu" or (device == "auto" and processes == 1):
        return  # torch takes seconds to import
    from src.model.device import pick_device
    from src.model.distributed import require_gpus

    pick_device(device, f"{section}.device")
    require_gpus(processes, device)


def _require_weights(settings: Params) -> None:
    for score, key in (("fid", "inception_weights"), ("lpips", "lpips_weights")):
        path = getattr(settings.evaluate, key)
        if path and getattr(settings.evaluate, score) != "none":
            existing_file(f"evaluate.{key}", path)


def _require_loggers(settings: Params) -> None:
    from src.train.loggers import INSTALL, log_folder

    for name in settings.train.log:
        if find_spec(name) is None:
            raise UserError(
                f"train.log = {settings.train.log}: {name} is not installed: {INSTALL}, or set it "
                "to []"
            )
        log_folder(name)


def _require_limits(settings: Params) -> None:
    if settings.audit.limits or settings.audit.thresholds:
        from src.audit.findings import resolve_limits

        resolve_limits(settings.audit.limits, settings.audit.thresholds)


def _require_cluster(settings: Params) -> None:
    from src.parallel.cluster import WITHOUT_RAY, require_address

    if settings.engine.kind == "ray":
        require_address(settings.engine.address)
        if find_spec("ray") is None:
            raise UserError(WITHOUT_RAY)


REQUIREMENTS: tuple[Callable[[Params], None], ...] = (
    _require_source,
    _require_address,
    _require_demo,
    _require_browser,
    _require_forgotten,
    _require_rulings,
    _require_network,
    _require_discriminator,
    _require_training_device,
    _require_evaluation_device,
    _require_weights,
    _require_loggers,
    _require_limits,
    _require_cluster,
)
