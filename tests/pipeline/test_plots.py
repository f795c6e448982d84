"""`dvc plots` draws its curves without a network."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dvc_render.vega import VegaRenderer

from tests.conftest import IDENTITY, ROOT

TEMPLATE = ROOT / ".dvc/plots.html"
# SHA-256 of the npm packages' build/NAME.min.js
LIBRARIES = {
    "vega@5.20.2": "4794d0169cb1f3ebad8117fe98ba5bd652dd725905ec0384e832391dbccb03be",
    "vega-lite@5.2.0": "d73157451b3978015ab31dacd55ff90d986ab8663fc0abed50f97b3cd90002cb",
    "vega-embed@6.18.2": "1ba9826431ddc9805e815ad92acc811c819f2bfd32bda2a128b8c4b5070fab5e",
}
CURVES = {
    "history.csv": "step,g_l1,d,d_right_on_real,d_right_on_fake,g_gan\n"
    "8,0.2,,,,\n16,0.1,0.6,0.7,0.8,0.9\n24,0.1,0.6,0.7,0.8,0.9\n",
    "progress.csv": "step,l1,psnr,ssim\n8,0.2,20,0.5\n16,0.1,21,0.6\n24,0.1,21,0.6\n",
    "distances.csv": "step,fd_effnet\n8,2\n16,1\n24,1\n",
}


def test_the_page_of_plots_holds_the_libraries_as_they_were_published():
    text = TEMPLATE.read_text(encoding="utf-8")
    scripts = re.findall(r'<script data-library="([^"]+)">(.*?)</script>', text, re.S)
    digests = {name: hashlib.sha256(code.encode()).hexdigest() for name, code in scripts}
    assert digests == LIBRARIES
    assert "Redistributions in binary form must reproduce" in text


def test_dvc_would_load_the_same_versions():
    assert re.findall(r"npm/([^\"]+)", VegaRenderer.SCRIPTS) == list(LIBRARIES)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """What `dvc plots show` writes of small curves and one sample sheet."""
    folder = tmp_path_factory.mktemp("plots")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    for name in ("config", "plots.html"):
        (folder / ".dvc").mkdir(exist_ok=True)
        shutil.copy2(ROOT / ".dvc" / name, folder / ".dvc" / name)
    plots = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"plots": plots}), encoding="utf-8")
    (folder / "metrics").mkdir()
    for name, text in CURVES.items():
        (folder / "metrics" / name).write_text(text, encoding="utf-8")
    (folder / "data/samples").mkdir(parents=True)
    shutil.copy2(ROOT / "docs/samples.jpg", folder / "data/samples/val.jpg")
    subprocess.run(
        [sys.executable, "-m", "dvc", "plots", "show", "-o", "out"],
        cwd=folder,
        env=IDENTITY | {"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        check=True,
        capture_output=True,
    )
    return folder / "out/index.html"


def test_the_page_of_plots_names_no_other_site(page):
    assert not re.findall(r'(?:src|href)\s*=\s*"https?:[^"]*"', page.read_text(encoding="utf-8"))


def test_every_curve_is_drawn_in_a_browser_without_a_network(page, browser):
    complaints: list[str] = []
    tab = browser.new_context(offline=True).new_page()
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda m: m.type == "error" and complaints.append(m.text))
    tab.goto(page.as_uri())
    tab.wait_for_selector("canvas")
    drawn = tab.evaluate(
        """() => [...document.querySelectorAll("canvas")].map(canvas => {
            const {data} = canvas.getContext("2d").getImageData(
                0, 0, canvas.width, canvas.height);
            return new Set(new Uint32Array(data.buffer)).size;
        })"""
    )
    pictures = tab.evaluate("[...document.images].map(image => image.naturalWidth)")
    curves = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    assert len(drawn) == len([plot for plot in curves if isinstance(plot, dict)])
    assert all(colors > 10 for colors in drawn)  # a blank canvas has one
    assert pictures
    assert all(pictures)
    assert complaints == []
