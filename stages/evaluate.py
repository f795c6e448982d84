"""Score the trained model on validation and on as many training pictures."""

from pathlib import Path

from src import arrays, params
from src.errors import reported
from src.evaluate import evaluation, features, weights
from src.files import write_json


def main() -> None:
    p = params.read()
    data, metrics = Path("data"), Path("metrics")
    val = arrays.load(data / "pairs", "val")
    probe = arrays.load(data / "pairs", "probe")
    file = weights.extractor_file(data / "weights")
    e = p.evaluate
    extractor = features.build(file, e.random_seed, e.batch_size, Path(".cache/features"))
    evaluator = evaluation.Evaluator(extractor, e)
    model = data / "model"
    scored = evaluation.evaluate(
        evaluator, model, val, probe, data / "predictions", data / "samples"
    )
    write_json(metrics / "evaluate.json", scored)
    write_json(metrics / "evaluate_meta.json", evaluation.meta(evaluator, val, probe))
    evaluation.curve(evaluator, model, val, metrics / "progress.csv")


if __name__ == "__main__":
    with reported("evaluate"):
        main()
