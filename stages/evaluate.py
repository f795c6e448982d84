"""Score the trained model on validation and on training pictures."""

from functools import partial
from pathlib import Path

from src.dataset import arrays
from src.errors import exit_on_user_error, memory_errors_named
from src.evaluate import evaluation, features
from src.evaluate.evaluator import Evaluator
from src.evaluate.lpips import load_lpips
from src.model import distributed
from src.model.device import pick_device
from src.model.distributed import World
from src.params import Params, Size, read_params
from src.storage.atomic import read_json, write_json
from src.weights import pretrained


def work(p: Params, world: World) -> None:
    """Evaluate as one process of `world`."""
    data, metrics, settings = Path("data"), Path("metrics"), p.evaluate
    val, probe, train = (arrays.load(data / "pairs", side) for side in ("val", "probe", "train"))
    device = pick_device(settings.device, "evaluate.device")
    extractors = features.build_extractors(
        data / "weights", settings.batch_size, Path(".cache/features"), device, world
    )
    lpips = load_lpips(pretrained.lpips_file(data / "weights"), Size(*val.photo.shape[1:3]), device)
    evaluator = Evaluator(extractors, settings, p.clean.tone_residual, world, lpips)
    model, leaks = data / "model", bool(read_json(metrics / "gate.json")["leaks"])
    outs = data / "predictions", data / "samples"
    scores = evaluation.evaluate(evaluator, model, val, probe, train.photo, *outs, leaks)
    world.on_main(write_json, metrics / "evaluate.json", scores)
    meta = evaluation.meta(evaluator, model, val, probe)
    world.on_main(write_json, metrics / "evaluate_meta.json", meta)
    evaluation.curve(evaluator, model, val, metrics / "distances.csv")


def main() -> None:
    p = read_params()
    settings = p.evaluate
    with memory_errors_named(f"evaluate.batch_size = {settings.batch_size}", "lower it"):
        distributed.run(partial(work, p), "stages.evaluate", settings.processes, settings.device)


if __name__ == "__main__":
    with exit_on_user_error("evaluate"):
        main()
