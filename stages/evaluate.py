"""Score the trained model on validation and on as many training pictures."""

from functools import partial
from pathlib import Path

from src import arrays, generator, params, processes
from src.errors import reported
from src.evaluate import evaluation, features, perceptual, weights
from src.files import read_json, write_json
from src.params import Params
from src.processes import World


def work(p: Params, world: World) -> None:
    data, metrics = Path("data"), Path("metrics")
    val = arrays.load(data / "pairs", "val")
    probe = arrays.load(data / "pairs", "probe")
    file = weights.extractor_file(data / "weights")
    e = p.evaluate
    device = generator.pick_device(e.device, "evaluate.device")
    kept = Path(".cache/features")
    extractor = features.build(file, e.random_seed, e.batch_size, kept, device, world)
    lpips = perceptual.load(weights.lpips_file(data / "weights"), val.photo.shape[1], device)
    evaluator = evaluation.Evaluator(extractor, e, world, lpips)
    model, leaks = data / "model", bool(read_json(metrics / "gate.json")["leaks"])
    folders = data / "predictions", data / "samples"
    scored = evaluation.evaluate(evaluator, model, val, probe, *folders, leaks)
    world.first_alone(write_json, metrics / "evaluate.json", scored)
    meta = evaluation.meta(evaluator, val, probe)
    world.first_alone(write_json, metrics / "evaluate_meta.json", meta)
    evaluation.curve(evaluator, model, val, metrics / "progress.csv")


def main() -> None:
    p = params.read()
    e = p.evaluate
    processes.run(partial(work, p), "stages.evaluate", e.processes, e.device)


if __name__ == "__main__":
    with reported("evaluate"):
        main()
