"""Every stage on pictures that are not square, from a folder of combined pairs to a released model."""

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from src.cli.predict import load_model
from src.dataset import arrays
from src.export.onnx_model import export_onnx
from src.inference.file_prediction import predict_files
from src.params import Size
from src.storage.encoding import encode_png
from tests.conftest import copy_rulings, write_params

CROP, LOAD = Size(48, 96), Size(54, 108)
DATA_STAGES = ["scrape", "clean", "split", "pair", "audit", "gate"]
MODEL_STAGES = ["train", "weights", "evaluate", "review", "report", "release"]
SETTINGS = {
    "source": "pairs",
    "task": "labels",
    "pair.crop_size": [*CROP],
    "pair.load_size": LOAD.height,
    "split.val_fraction": 0.25,
    "split.method": "exact",
    "models.encdec.ngf": 4,
    "models.encdec.n_downs": 2,
    "models.unet.ngf": 4,
    "train.discriminator.ndf": 4,
    "train.steps": 4,
    "train.batch_size": 4,
    "train.snapshots": 2,
    "train.adversarial_from": 0.0,
    "train.device": "cpu",
    "evaluate.device": "cpu",
    "evaluate.fid": "none",
    "evaluate.lpips": "none",
}


def run(*stages: str) -> None:
    for stage in stages:
        import_module(f"stages.{stage}").main()


def read(name: str) -> dict:
    return json.loads(Path(name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project(tmp_path_factory, faces: list[np.ndarray]) -> Iterator[Path]:
    """A folder in which the stages up to the gate have run on 28 pairs of 100x190 pixels."""
    folder = tmp_path_factory.mktemp("rectangles")
    (folder / "pictures").mkdir()
    for number, face in enumerate(faces[:28]):
        photo = face[40:140, :190]
        both = np.concatenate([photo, photo // 64 * 64], axis=1)
        (folder / f"pictures/{number}.png").write_bytes(encode_png(both))
    copy_rulings(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        settings = {"pairs.path": str(folder / "pictures"), "pairs.direction": "AtoB"}
        write_params(folder / "params.yaml", SETTINGS | settings)
        run(*DATA_STAGES)
        yield folder


def test_photos_and_labels_have_the_size_of_their_side(project: Path):
    sizes = {"train": LOAD, "val": CROP, "probe": CROP}
    for side, size in sizes.items():
        pairs = arrays.load(project / "data/pairs", side)
        assert len(pairs) >= 4
        assert pairs.photo.shape[1:] == pairs.labels.shape[1:] == (*size, 3)
        assert pairs.gray.shape[1:] == pairs.canny.shape[1:] == size


def test_the_audit_agrees_with_the_pairs(project: Path):
    checks = read("metrics/audit.json")["checks"]
    assert {name for name, check in checks.items() if check["failed"]} == set()
    assert checks["altered_photos"]["value"] == 0


@pytest.mark.parametrize(("task", "model"), [("labels", "unet"), ("colorize", "encdec")])
def test_a_model_is_trained_scored_released_and_used(
    project: Path, tmp_path: Path, task: str, model: str
):
    settings = {"pairs.path": str(project / "pictures"), "pairs.direction": "AtoB"}
    write_params(project / "params.yaml", SETTINGS | settings | {"task": task, "model": model})
    run(*MODEL_STAGES)
    assert read("data/release/config.json")["size"] == [*CROP]
    assert f"# {task}: {model}, 96x48 pixels" in Path("data/release/README.md").read_text()
    page = Path("data/report/index.html").read_text(encoding="utf-8")
    assert "aspect-ratio: 2;" in page
    for picture in Path("data/predictions").glob("*.png"):
        assert Image.open(picture).size == (CROP.width, CROP.height)
    reviewed = read("metrics/review.json")["checks"]
    assert not reviewed["foreign_outputs"]["failed"]
    assert not reviewed["scores_of_another_run"]["failed"]
    sheet = Image.open("data/samples/val.png")
    assert sheet.size[0] == 4 + 6 * (CROP.width + 4)

    generator = load_model(Path("data/release"), task)
    Image.new("RGB", (75, 131), "red").save(tmp_path / "any.png")
    written, refused = predict_files(generator, [tmp_path / "any.png"], tmp_path / "out")
    assert (written, refused) == (1, [])
    assert Image.open(tmp_path / "out/any.png").size == (75, 131)
    export_onnx(generator, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    x = np.zeros((1, 1 if task == "colorize" else 3, *CROP), np.float32)
    assert session.run(None, {"input": x})[0].shape == (1, 3, *CROP)
