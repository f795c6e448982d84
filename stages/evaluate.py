"""Score the trained model on validation and on as many training pictures."""

from functools import partial
from pathlib import Path

from src.dataset import arrays
from src.errors import exit_on_user_error
from src.evaluate import evaluation, features
from src.evaluate.lpips import load
from src.model import distributed
from src.model.device import pick_device
from src.model.distributed import World
from src.params import Params, read_params
from src.storage.atomic import read_json, write_json
from src.weights import pretrained


def work(p: Params, world: World) -> None:
    data, metrics = Path("data"), Path("metrics")
    val = arrays.load(data / "pairs", "val")
    probe = arrays.load(data / "pairs", "probe")
    file = pretrained.extractor_file(data / "weights")
    e = p.evaluate
    device = pick_device(e.device, "evaluate.device")
    kept = Path(".cache/features")
    extractor = features.build(file, e.random_seed, e.batch_size, kept, device, world)
    lpips = load(pretrained.lpips_file(data / "weights"), val.photo.shape[1], device)
    evaluator = evaluation.Evaluator(extractor, e, world, lpips)
    model, leaks = data / "model", bool(read_json(metrics / "gate.json")["leaks"])
    folders = data / "predictions", data / "samples"
    scored = evaluation.evaluate(evaluator, model, val, probe, *folders, leaks)
    world.on_main(write_json, metrics / "evaluate.json", scored)
    meta = evaluation.meta(evaluator, val, probe)
    world.on_main(write_json, metrics / "evaluate_meta.json", meta)
    evaluation.curve(evaluator, model, val, metrics / "progress.csv")


def main() -> None:
    p = read_params()
    e = p.evaluate
    distributed.run(partial(work, p), "stages.evaluate", e.processes, e.device)


if __name__ == "__main__":
    with exit_on_user_error("evaluate"):
        main()
