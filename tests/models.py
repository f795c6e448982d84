"""Models that nobody has trained."""

import torch

from src.generator import Generator


def untrained(
    task: str, output: str, model: str, network: dict, gain: float, seed: int = 0
) -> Generator:
    """A generator for 32-pixel pictures, weights times `gain` so that it does not only paint gray."""
    torch.manual_seed(seed)
    canny = {"low": 60, "high": 140, "aperture": 3, "blur": 3, "thresholds": "absolute"}
    made = Generator(
        {
            "task": task,
            "output": output,
            "model": model,
            "network": network,
            "size": 32,
            "crop": "center",
            "canny": canny,
        }
    )
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(gain)
    return made.eval()
