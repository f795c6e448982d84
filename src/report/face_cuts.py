"""Pictures that are cut around faces, beside what a cut of their middle would show."""

from typing import Any

import numpy as np

from src.dataset.picture_parts import Face, Part, count_by_faces, largest_part, part_for
from src.imaging.resizing import resize
from src.params import Pair, Size
from src.report.figures import MAX_PX, THUMBNAIL_PX, Album, Figure, uri
from src.report.row_lineage import lineage

N_CUTS = 8  # pictures with a face
N_WITHOUT = 2  # pictures without one
LINE_PX = 3
DASH_PX = 12
MIDDLE_COLOR = (60, 140, 255)
FACE_COLOR = (245, 130, 10)


def face_sections(album: Album, pair: Pair) -> dict[str, Any]:
    """Return what the page shows of faces: counts, and validation pictures with their cuts.

    Returns:
        Groups of figures as `face_cuts`, none if no faces were looked for; and as `faces` how
        many pictures have one face, several and none.
    """
    if album.val.faces is None:
        return {"face_cuts": []}
    faces = dict(zip(album.val.index["row"], album.val.faces, strict=True))
    with_face, without = (
        [row for row in faces if bool(faces[row]) is has] for has in (True, False)
    )
    rows = [*_spread(with_face, N_CUTS), *_spread(without, N_WITHOUT)]
    groups = [_figures(album, pair, row, faces[row]) for row in rows]
    return {
        "faces": count_by_faces([*(album.train.faces or []), *album.val.faces]),
        "face_cuts": [group for group in groups if group],
    }


def _spread(rows: list[int], count: int) -> list[int]:
    chosen = np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)
    return [int(rows[index]) for index in chosen]


def _figures(album: Album, pair: Pair, row: int, faces: list[Face]) -> list[Figure]:
    """Return a picture with both cuts outlined, and what each cut shows."""
    pixels = album.photograph(row)
    if pixels is None:
        return []
    size = Size(*pixels.shape[:2])
    middle = largest_part(size, pair.crop_size, "center")
    cut = part_for(size, pair.crop_size, pair, faces[0] if faces else None)
    words = "around the face" if faces else "without a face"
    parts = {f"row {row}, middle": middle.of(pixels), f"row {row}, {words}": cut.of(pixels)}
    pictures = {f"row {row}, both cuts": draw_outlines(pixels, middle, cut)}
    pictures |= {caption: resize(part, *pair.crop_size[::-1]) for caption, part in parts.items()}
    facts = lineage(album.ledger, album.copies, row)
    return [Figure(uri(picture), caption, facts) for caption, picture in pictures.items()]


def draw_outlines(pixels: np.ndarray, middle: Part, cut: Part) -> np.ndarray:
    """Return a picture as a thumbnail of twice the usual width, with both parts outlined.

    The middle is drawn dashed, and the cut over it.
    """
    height, width = pixels.shape[:2]
    scale = min(2 * THUMBNAIL_PX / width, MAX_PX / height)
    picture = resize(pixels, max(1, round(width * scale)), max(1, round(height * scale))).copy()
    for part, color, dash in ((middle, MIDDLE_COLOR, DASH_PX), (cut, FACE_COLOR, 0)):
        picture[_outline(picture.shape[:2], part, scale, dash)] = color
    return picture


def _outline(shape: tuple[int, ...], part: Part, scale: float, dash: int) -> np.ndarray:
    """Return where a part's outline lies in a picture of that shape, (H, W) bool."""
    rows, columns = np.indices(shape)
    top, bottom = (round(y * scale) for y in (part.top, part.top + part.height))
    left, right = (round(x * scale) for x in (part.left, part.left + part.width))
    inside = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
    depth = np.minimum.reduce([rows - top, bottom - 1 - rows, columns - left, right - 1 - columns])
    on_line = inside & (depth < LINE_PX)
    return np.asarray(on_line & ((rows + columns) // dash % 2 == 0) if dash else on_line)
