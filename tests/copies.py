"""Copies of a picture, one of each kind: (pixels, rng) → JPEG bytes."""

import io
from collections.abc import Callable

import numpy as np
from PIL import ExifTags, Image, ImageDraw, ImageFilter, ImageFont

from src.demo.inventory import alter
from src.imaging.resizing import resize
from src.storage.encoding import encode_jpeg

Copying = Callable[[np.ndarray, np.random.Generator], bytes]
Color = tuple[int, int, int]
Borders = tuple[float, float, float, float]  # above, below, left, right


def as_demo(kind: str) -> Copying:
    """Copy as the demo site does."""
    return lambda picture, rng: alter(picture, kind, rng)


def cropped(share: float) -> Copying:
    """Cut off a share of each side's length, at random ends."""

    def crop(picture: np.ndarray, rng: np.random.Generator) -> bytes:
        height, width = picture.shape[:2]
        down, across = round(share * height), round(share * width)
        top, left = int(rng.integers(down + 1)), int(rng.integers(across + 1))
        return encode_jpeg(picture[top : top + height - down, left : left + width - across])

    return crop


def darkened(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """Remove a quarter of the light."""
    return encode_jpeg((picture.astype(np.int32) * 3 // 4).astype(np.uint8))


def with_logo(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """Put a badge of a sixth of the shorter side into one of the corners."""
    height, width = picture.shape[:2]
    side = min(height, width) // 6
    left, top = (int(rng.integers(2)) * (length - side - 8) + 4 for length in (width, height))
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    draw.rectangle((left, top, left + side, top + side), fill=(250, 250, 250))
    draw.ellipse((left + 2, top + 2, left + side - 2, top + side - 2), fill=(200, 30, 30))
    return encode_jpeg(np.asarray(image))


def rotated(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """Rotate by two degrees either way; the corners become black."""
    angle = 2 if rng.integers(2) else -2
    return encode_jpeg(np.asarray(Image.fromarray(picture).rotate(angle, Image.Resampling.BICUBIC)))


def again(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """Only encode."""
    return encode_jpeg(picture, 92)


COPIES: dict[str, Copying] = {
    "exact": again,
    "recompressed, quality 60": as_demo("recompressed"),
    "resized to 70 %": as_demo("resized"),
    "brighter by a quarter": as_demo("brightened"),
    "darker by a quarter": darkened,
    "gray": as_demo("gray"),
    "sepia": as_demo("sepia"),
    "mirrored": as_demo("mirrored"),
    "cropped by 5 %": cropped(0.05),
    "cropped by 10 %": cropped(0.1),
    "caption strip": as_demo("captioned"),
    "logo in a corner": with_logo,
    "rotated by 2 degrees": rotated,
}


def cut(top: float, bottom: float, left: float, right: float) -> Copying:
    """Cut off these shares of the height and the width."""
    return lambda picture, rng: encode_jpeg(_without(picture, top, bottom, left, right))


def _without(
    picture: np.ndarray, top: float, bottom: float, left: float, right: float
) -> np.ndarray:
    height, width = picture.shape[:2]
    rows = slice(round(top * height), height - round(bottom * height))
    columns = slice(round(left * width), width - round(right * width))
    return np.ascontiguousarray(picture[rows, columns])


def cut_at_corner(share: float) -> Copying:
    """Cut off a share of both sides' lengths, all of it at one corner."""

    def crop(picture: np.ndarray, rng: np.random.Generator) -> bytes:
        down, across = share * rng.integers(2), share * rng.integers(2)
        return encode_jpeg(_without(picture, down, share - down, across, share - across))

    return crop


def cut_at_side(share: float) -> Copying:
    """Cut off a share of the length at one of the four sides."""
    return lambda picture, rng: encode_jpeg(_without(picture, *(share * _one_of_four(rng))))


def _one_of_four(rng: np.random.Generator) -> np.ndarray:
    return np.eye(4)[rng.integers(4)]


def turned(degrees: int, inner: bool = False) -> Copying:
    """Turn either way; the corners become black or white, or only what has none is left."""

    def turn(picture: np.ndarray, rng: np.random.Generator) -> bytes:
        angle = degrees if rng.integers(2) else -degrees
        fill = (255, 255, 255) if rng.integers(2) else (0, 0, 0)
        image = Image.fromarray(picture).rotate(angle, Image.Resampling.BICUBIC, fillcolor=fill)
        if not inner:
            return encode_jpeg(np.asarray(image))
        # the largest rectangle of the same shape that lies within the turned one
        shape = max(image.size) / min(image.size)
        scale = 1 / (np.cos(np.deg2rad(degrees)) + shape * np.sin(np.deg2rad(degrees)))
        return encode_jpeg(_without(np.asarray(image), *[(1 - scale) / 2] * 4))

    return turn


def transposed(transpose: Image.Transpose) -> Copying:
    """Turn by quarters, or flip."""
    return lambda picture, rng: encode_jpeg(_transpose(picture, transpose))


def _transpose(picture: np.ndarray, transpose: Image.Transpose) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).transpose(transpose))


def turned_by_tag(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """Store the pixels turned by a quarter, with the EXIF tag that turns them back."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    buffer = io.BytesIO()
    stored = Image.fromarray(picture).transpose(Image.Transpose.ROTATE_90)
    stored.save(buffer, "JPEG", quality=90, exif=exif)
    return buffer.getvalue()


def _mounted(picture: np.ndarray, borders: Borders, color: Color) -> Image.Image:
    """Lay a picture on a larger sheet; the borders are shares of its shorter side."""
    height, width = picture.shape[:2]
    top, bottom, left, right = (round(min(height, width) * border) for border in borders)
    sheet = Image.new("RGB", (left + width + right, top + height + bottom), color)
    sheet.paste(Image.fromarray(picture), (left, top))
    return sheet


def polaroid(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """Add the frame of an instant picture, which is widest below."""
    return encode_jpeg(np.asarray(_mounted(picture, (0.06, 0.22, 0.06, 0.06), (246, 244, 238))))


def uneven_frame(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """Add a frame of one colour whose four sides have their own widths."""
    top, bottom, left, right = (int(percent) / 100 for percent in rng.integers(2, 13, 4))
    color = [(20, 20, 22), (250, 250, 250), (118, 78, 44)][rng.integers(3)]
    return encode_jpeg(np.asarray(_mounted(picture, (top, bottom, left, right), color)))


def mirrored_and_cut(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    return cropped(0.1)(np.ascontiguousarray(picture[:, ::-1]), rng)


def screenshot(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """Show the picture in an app on a telephone: bars above and below, with icons."""
    top, bottom = int(rng.integers(12, 19)) / 100, int(rng.integers(14, 23)) / 100
    dark = bool(rng.integers(2))
    ground, ink = ((18, 18, 20), (235, 235, 235)) if dark else ((250, 250, 250), (40, 40, 44))
    screen = _mounted(picture, (top, bottom, 0, 0), ground)
    draw = ImageDraw.Draw(screen)
    side = max(4, min(picture.shape[:2]) // 16)
    for y in (side // 2, screen.height - 2 * side):
        for number in range(5):
            if rng.integers(4):
                x = side + number * (screen.width - 2 * side) // 5
                shape = [draw.rectangle, draw.ellipse, draw.line][rng.integers(3)]
                shape((x, y, x + side, y + side), fill=ink)
    draw.text((side, 2 * side), f"{rng.integers(1000, 9999)}", ink, _font(side))
    return encode_jpeg(np.asarray(screen))


def screenshot_with_text(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """Show the picture in a feed on a telephone: an icon and text above, comments below."""
    top, bottom = int(rng.integers(18, 27)) / 100, int(rng.integers(24, 36)) / 100
    screen = _mounted(picture, (top, bottom, 0, 0), (250, 250, 250))
    draw = ImageDraw.Draw(screen)
    line = max(8, min(picture.shape[:2]) // 16)
    above = round(min(picture.shape[:2]) * top)
    draw.ellipse((line // 2, line, above - line, above - line // 2), fill=(200, 80, 140))
    for y in (2, above // 2, *range(above + picture.shape[0] + 2, screen.height - line, line + 2)):
        left = above if y < above else line // 2
        words = " ".join(str(number) for number in rng.integers(10, 9999, 12))
        draw.text((left, y), words, (40, 40, 44), _font(line))
    return encode_jpeg(np.asarray(screen))


def _font(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=max(8, height))


def strip_added(above: bool) -> Copying:
    """Add a strip of text above or below the picture; nothing of it is covered."""

    def add(picture: np.ndarray, rng: np.random.Generator) -> bytes:
        borders = (0.14, 0, 0, 0) if above else (0, 0.14, 0, 0)
        sheet = _mounted(picture, borders, (245, 245, 240))
        strip = sheet.height - picture.shape[0]
        y = 0 if above else picture.shape[0]
        text = f"Photo {rng.integers(10, 99)}: Agency / Press"
        ImageDraw.Draw(sheet).text(
            (strip // 4, y + strip // 4), text, (20, 20, 20), _font(strip // 2)
        )
        return encode_jpeg(np.asarray(sheet))

    return add


def watermarked(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """Write a sign of half strength across the middle."""
    image = Image.fromarray(picture)
    marked = image.copy()
    height = min(image.size) // 7
    place = (image.width // 12, image.height // 3 + int(rng.integers(image.height // 4)))
    ImageDraw.Draw(marked).text(place, "© STOCK", (255, 255, 255), _font(height))
    return encode_jpeg(np.asarray(Image.blend(image, marked, 0.5)))


def enlarged(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    height, width = picture.shape[:2]
    return encode_jpeg(resize(picture, 2 * width, 2 * height))


def blurred(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """Blur by a hundredth of the shorter side."""
    radius = min(picture.shape[:2]) / 100
    return encode_jpeg(
        np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))
    )


# What is harder to find than COPIES, or to judge.
HARD_COPIES: dict[str, Copying] = {
    "cut by 15 %, evenly": cut(*[0.075] * 4),
    "cut by 15 % at a corner": cut_at_corner(0.15),
    "cut by 20 %, evenly": cut(*[0.1] * 4),
    "cut by 20 % at a corner": cut_at_corner(0.2),
    "cut by 20 % at one side": cut_at_side(0.2),
    "turned by 5 degrees": turned(5),
    "turned by 5 degrees, no corners": turned(5, inner=True),
    "turned by 90 degrees": transposed(Image.Transpose.ROTATE_90),
    "turned by 180 degrees": transposed(Image.Transpose.ROTATE_180),
    "turned by 270 degrees": transposed(Image.Transpose.ROTATE_270),
    "upside down": transposed(Image.Transpose.FLIP_TOP_BOTTOM),
    "transposed": transposed(Image.Transpose.TRANSPOSE),
    "transversed": transposed(Image.Transpose.TRANSVERSE),
    "turned by its EXIF tag": turned_by_tag,
    "polaroid": polaroid,
    "uneven frame": uneven_frame,
    "mirrored and cropped by 10 %": mirrored_and_cut,
    "phone screenshot": screenshot,
    "strip below": strip_added(above=False),
    "strip above": strip_added(above=True),
    "watermark": watermarked,
    "enlarged to 200 %": enlarged,
    "blurred": blurred,
    "recompressed, quality 30": lambda picture, rng: encode_jpeg(picture, 30),
    "phone screenshot with text": screenshot_with_text,
}
# The kinds that show something beside the picture, and should not survive it.
MARKED = {
    "caption strip",
    "logo in a corner",
    "polaroid",
    "uneven frame",
    "phone screenshot",
    "phone screenshot with text",
    "strip below",
    "strip above",
    "watermark",
}
