"""Sets of different pictures that have something in common: a frame, a template, a background.

No two pictures of a set are copies. What is common is drawn once; each picture is then photographed:
moved by up to two pixels, a little lighter or darker, with noise and JPEG's.
"""

import zlib
from collections.abc import Callable
from functools import partial
from itertools import permutations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from src.demo import portraits
from src.demo.backgrounds import draw_background
from src.demo.brushes import Color, fill_ellipse, fill_gradient, jitter, scatter_blobs, shade
from src.demo.clothes import SHIRTS, draw_body
from src.imaging import decoding
from src.imaging.resizing import resize
from src.storage.encoding import encode_jpeg

Drawing = Callable[[int, np.random.Generator], np.ndarray]  # the picture's number in its set

SEED = 300  # of the people; other tests draw others
MAX_SHIFT_PX = 2
WORDS = (
    "harbour window letter morning between garden silver thought across river nothing "
    "evening carriage little answer summer village against captain paper quiet winter"
).split()
INK = (30, 30, 34)
FLAG_COLORS = (
    (200, 16, 46), (0, 40, 104), (0, 122, 61), (255, 205, 0), (20, 20, 20), (92, 170, 220),
    (240, 120, 20), (110, 20, 60),
)  # fmt: skip


def photographs(name: str, count: int) -> list[np.ndarray]:
    """Return pictures of a set, each (height, width, 3) uint8."""
    return [
        _photograph(pixels, np.random.default_rng([2, zlib.crc32(name.encode()), number]))
        for number, pixels in enumerate(drawings(name, count))
    ]


def drawings(name: str, count: int) -> list[np.ndarray]:
    """Return what the photographs of a set show, without their noise."""
    rngs = [np.random.default_rng([1, zlib.crc32(name.encode()), n]) for n in range(count)]
    return [DRAWINGS[name](number, rng) for number, rng in enumerate(rngs)]


def _photograph(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = pixels.shape[:2]
    edge = MAX_SHIFT_PX
    padded = np.pad(pixels, ((edge, edge), (edge, edge), (0, 0)), mode="edge").astype(np.int32)
    top, left = rng.integers(2 * edge + 1, size=2)
    moved = padded[top : top + height, left : left + width]
    noise = rng.integers(-3, 4, (height, width, 1)) + rng.integers(-3, 4)
    return decoding.decode(
        encode_jpeg((moved + noise).clip(0, 255).astype(np.uint8), int(rng.integers(80, 93)))
    )


# Tools


def _sheet(width: int, height: int, color: Color) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (width, height), color)
    return image, ImageDraw.Draw(image)


def _font(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=height)


def _text(rng: np.random.Generator, count: int) -> str:
    return " ".join(WORDS[number] for number in rng.integers(len(WORDS), size=count))


def _paste(image: Image.Image, pixels: np.ndarray, box: tuple[int, int, int, int]) -> None:
    """Fill a box (left, top, right, bottom) with a picture, cut to its shape around the middle."""
    left, top, right, bottom = box
    height, width = pixels.shape[:2]
    shape = (right - left) / (bottom - top)
    rows, columns = min(height, round(width / shape)), min(width, round(height * shape))
    y, x = (height - rows) // 2, (width - columns) // 2
    part = np.ascontiguousarray(pixels[y : y + rows, x : x + columns])
    image.paste(Image.fromarray(resize(part, right - left, bottom - top)), (left, top))


def _person(number: int) -> np.ndarray:
    return portraits.draw(SEED, number)


def _posed(canvas: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a person into the middle of a background of 384x512, as passports demand."""
    style = portraits._choose_style(np.random.default_rng([SEED, number]))
    center = (192 + int(rng.integers(-4, 5)), 210 + int(rng.integers(-4, 5)))
    size = 84 + int(rng.integers(-3, 4))
    portraits._hair_behind(canvas, style, center, size)
    draw_body(canvas, rng, style.skin, center, size)
    portraits._face(canvas, rng, style, center, size)
    portraits._hair_above(canvas, rng, style, center, size)
    return resize(canvas, portraits.WIDTH, portraits.HEIGHT)


def _sitter(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a person before a plain backdrop, as painters do."""
    backdrop = np.empty((512, 384, 3), np.uint8)
    backdrop[:] = jitter((110, 96, 84), rng, 40)
    return _posed(backdrop, number, rng)


def _scene(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Draw a view of somewhere: a background with things before it."""
    canvas = np.zeros((2 * height, 2 * width, 3), np.uint8)
    draw_background(canvas, rng)
    scatter_blobs(canvas, rng, int(rng.integers(2, 7)), (width // 8, width // 2), SHIRTS)
    return resize(canvas, width, height)


# People


def _ornate(width: int, height: int, border: int) -> Image.Image:
    """Draw a carved golden frame around nothing."""
    image, draw = _sheet(width, height, (150, 112, 44))
    for depth in range(border):
        level = 70 + 60 * ((depth * 7) // border % 2) + 40 * depth // border
        box = (depth, depth, width - 1 - depth, height - 1 - depth)
        draw.rectangle(box, outline=(140 * level // 100, 104 * level // 100, 40 * level // 100))
    step = 2 * border
    for along in range(border // 2, max(width, height), step):
        for x, y in ((along, 0), (along, height - border), (0, along), (width - border, along)):
            draw.ellipse((x + 2, y + 2, x + border - 3, y + border - 3), outline=(60, 40, 12))
            draw.ellipse(
                (x + border // 3, y + border // 3, x + border // 2, y + border // 2),
                fill=(250, 226, 140),
            )
            draw.arc((x, y, x + step, y + border), 200, 340, fill=(236, 200, 110), width=2)
    return image


def _framed(number: int, rng: np.random.Generator, border: int) -> np.ndarray:
    image = _ornate(256, 320, border)
    _paste(image, _sitter(number, rng), (border, border, 256 - border, 320 - border))
    return np.asarray(image)


def _oval(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a person in the oval opening of a mat with painted leaves."""
    image, draw = _sheet(240, 320, (232, 222, 200))
    for y in range(10, 310, 24):
        for x in range(10, 230, 24):
            draw.chord((x, y, x + 18, y + 14), 20 * (x % 5), 180 + 20 * (y % 5), fill=(96, 120, 70))
            draw.ellipse((x + 14, y + 12, x + 21, y + 19), fill=(180, 60, 60))
    draw.ellipse((48, 52, 191, 267), fill=(240, 234, 220), outline=(130, 100, 50), width=5)
    mask = Image.new("L", (128, 196))
    ImageDraw.Draw(mask).ellipse((6, 4, 121, 191), fill=255)
    opening, _ = _sheet(128, 196, INK)
    _paste(opening, _sitter(number, rng), (0, 0, 128, 196))
    image.paste(opening, (56, 62), mask)
    return np.asarray(image)


def _passport(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a person before the folds of a booth's curtain."""
    folds = 170 + 60 * np.sin(np.arange(384) / 9) + 20 * np.sin(np.arange(384) / 4)
    canvas = np.round(folds[None, :, None] * (1, 0.86, 0.7)).astype(np.uint8)
    return _posed(np.repeat(canvas, 512, axis=0), number, rng)


def _grid_passport(number: int, rng: np.random.Generator) -> np.ndarray:
    canvas = np.full((512, 384, 3), (226, 230, 236), np.uint8)
    image = Image.fromarray(_posed(canvas, number, rng))
    marked = image.copy()
    draw = ImageDraw.Draw(marked)
    for start in range(-256, 256, 24):
        draw.line((start, 0, start + 256, 256), fill=(255, 255, 255), width=3)
        draw.line((start + 256, 0, start, 256), fill=(255, 255, 255), width=3)
    return np.asarray(Image.blend(image, marked, 0.5))


def _polaroid(number: int, rng: np.random.Generator) -> np.ndarray:
    image, _ = _sheet(220, 270, (246, 244, 238))
    _paste(image, _person(number), (14, 14, 206, 214))
    return np.asarray(image)


def _identity_card(number: int, rng: np.random.Generator) -> np.ndarray:
    image, draw = _sheet(340, 214, (214, 228, 236))
    for line in range(0, 340, 6):
        draw.arc((line - 60, 40, line + 60, 220), 180, 300, fill=(190, 210, 222))
    draw.rectangle((0, 0, 340, 34), fill=(40, 70, 130))
    draw.text((12, 8), "IDENTITY CARD", (250, 250, 250), _font(16))
    draw.ellipse((270, 120, 325, 175), outline=(180, 150, 60), width=4)
    _paste(image, _posed(np.full((512, 384, 3), 225, np.uint8), number, rng), (14, 48, 110, 176))
    for line, label in enumerate(("Name", "Given names", "Born", "Number")):
        draw.text((124, 46 + 32 * line), label, (90, 100, 120), _font(9))
        value = _text(rng, 1).upper() if line < 2 else f"{rng.integers(10**6, 10**7)}"
        draw.text((124, 57 + 32 * line), value, INK, _font(14))
    return np.asarray(image)


# Screens


def _player(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a page with a video of interviews; its comments and proposals stay the same."""
    image, draw = _sheet(384, 288, (24, 24, 26))
    fixed = np.random.default_rng(5)
    for line, y in enumerate(range(196, 284, 15)):
        draw.ellipse((8, y, 19, y + 11), fill=SHIRTS[line])
        draw.text((24, y), _text(fixed, 6)[:40], (210, 210, 210), _font(10))
    for y in range(28, 280, 50):
        _paste(image, _scene(fixed, 80, 44), (272, y, 352, y + 44))
        draw.text((356, y + 8), _text(fixed, 1)[:4], (230, 230, 230), _font(10))
    draw.rectangle((0, 0, 384, 20), fill=(60, 60, 64))
    draw.text((10, 3), "Media player", (240, 240, 240), _font(12))
    _paste(image, _sitter(number, rng), (8, 26, 264, 170))
    draw.line((8, 174, 264, 174), fill=(110, 110, 114), width=4)
    draw.ellipse((x := 8 + int(rng.integers(244)), 169, x + 10, 179), fill=(230, 40, 40))
    for x in range(10, 90, 22):
        draw.rectangle((x, 181, x + 10, 191), outline=(240, 240, 240), width=2)
    return np.asarray(image)


def _telephone(number: int, rng: np.random.Generator) -> np.ndarray:
    image, draw = _sheet(216, 432, (250, 250, 250))
    _paste(image, _scene(rng, 216, 288), (0, 76, 216, 364))
    draw.text((8, 4), "12:30", INK, _font(12))
    draw.rectangle((176, 6, 204, 16), fill=INK)
    draw.ellipse((10, 32, 42, 64), fill=(200, 80, 140))
    draw.text((52, 38), "photo_stream", INK, _font(15))
    for x in range(12, 216, 44):
        draw.ellipse((x, 376, x + 20, 396), outline=INK, width=3)
        draw.rectangle((x, 406, x + 20, 426), outline=INK, width=2)
    return np.asarray(image)


def _news(number: int, rng: np.random.Generator) -> np.ndarray:
    image, draw = _sheet(384, 216, (0, 0, 0))
    _paste(image, _scene(rng, 384, 216), (0, 0, 384, 216))
    draw.rectangle((0, 158, 384, 190), fill=(180, 20, 30))
    draw.rectangle((0, 190, 384, 216), fill=(240, 240, 240))
    draw.text((12, 162), "BREAKING NEWS", (255, 255, 255), _font(22))
    draw.text((12, 195), _text(rng, 5).capitalize(), INK, _font(14))
    draw.rectangle((330, 10, 374, 34), fill=(20, 40, 120))
    draw.text((336, 13), "TV 5", (255, 255, 255), _font(15))
    return np.asarray(image)


def _street_camera(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw one street, always seen alike, with other cars."""
    canvas = np.full((216, 384, 3), (150, 158, 166), np.uint8)
    fixed = np.random.default_rng(9)
    for left in range(0, 384, 48):
        top = int(fixed.integers(10, 60))
        cv2.rectangle(canvas, (left, top), (left + 47, 110), jitter((130, 110, 96), fixed, 30), -1)
        for y in range(top + 8, 100, 18):
            cv2.rectangle(canvas, (left + 8, y), (left + 18, y + 9), (60, 66, 80), -1)
            cv2.rectangle(canvas, (left + 28, y), (left + 38, y + 9), (60, 66, 80), -1)
    canvas[110:] = (88, 88, 92)
    for left in range(10, 384, 60):
        cv2.rectangle(canvas, (left, 160), (left + 30, 163), (230, 230, 230), -1)
    for _ in range(int(rng.integers(2, 6))):
        x, y = int(rng.integers(-20, 340)), int(rng.integers(112, 180))
        color = jitter(SHIRTS[int(rng.integers(len(SHIRTS)))], rng, 60)
        cv2.rectangle(canvas, (x, y + 10), (x + 64, y + 30), color, -1)
        cv2.rectangle(canvas, (x + 14, y), (x + 48, y + 12), shade(color, 60), -1)
        for wheel in (x + 14, x + 50):
            cv2.circle(canvas, (wheel, y + 30), 7, (20, 20, 20), -1)
    image = Image.fromarray(canvas)
    time = f"CAM 04  {rng.integers(24):02d}:{rng.integers(60):02d}:{rng.integers(60):02d}"
    ImageDraw.Draw(image).text((8, 4), time, (255, 255, 255), _font(13))
    return np.asarray(image)


def _xray(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a chest: the same bones in another body."""
    canvas = np.full((256, 256, 3), 40, np.uint8)
    lung, tilt = int(rng.integers(44, 58)), int(rng.integers(-6, 7))
    cv2.ellipse(canvas, (128, 150), (112, 130), 0, 0, 360, (120, 120, 120), -1)
    for side in (-1, 1):
        center = (128 + side * (lung + 8), 132 + side * tilt)
        fill_ellipse(canvas, center, (lung, int(rng.integers(84, 100))), (50, 50, 50))
        for rib in range(8):
            y = 50 + rib * int(rng.integers(20, 23))
            cv2.ellipse(
                canvas, (128 + side * 60, y + 26), (58, 24), 0, 180, 360, (150, 150, 150), 4
            )
    cv2.line(canvas, (128, 0), (128 + tilt, 256), (190, 190, 190), 18)
    heart = (128 + int(rng.integers(8, 30)), 170)
    fill_ellipse(
        canvas, heart, (int(rng.integers(34, 52)), int(rng.integers(36, 50))), (165, 165, 165)
    )
    spots = [(140, 140, 140), (100, 100, 100)]
    scatter_blobs(canvas, rng, int(rng.integers(2, 9)), (3, 14), spots)
    return cv2.GaussianBlur(canvas, (0, 0), 2)


# Things


def _badge(number: int, rng: np.random.Generator) -> np.ndarray:
    image, draw = _sheet(200, 200, (255, 255, 255))
    draw.ellipse((6, 6, 193, 193), fill=(30, 90, 170), outline=(10, 40, 90), width=5)
    for degrees in range(0, 360, 20):
        x, y = portraits._polar(78, degrees)
        draw.ellipse((93 + x, 93 + y, 107 + x, 107 + y), fill=(250, 220, 90))
    letter = "ABCDEFGHIJKLMNPQRSTUVWXYZ2346789"[number % 32]
    draw.text((100, 100), letter, (255, 255, 255), _font(90), anchor="mm")
    return np.asarray(image)


def _shirt(number: int, rng: np.random.Generator) -> np.ndarray:
    image, draw = _sheet(256, 256, (244, 244, 244))
    color = jitter(SHIRTS[number % len(SHIRTS)], rng, 40)
    outline = [(88, 30), (168, 30), (236, 74), (210, 112), (186, 98), (186, 236)]
    outline += [(70, 236), (70, 98), (46, 112), (20, 74)]
    draw.polygon(outline, fill=color, outline=shade(color, 60))
    draw.ellipse((100, 16, 156, 50), fill=(244, 244, 244), outline=shade(color, 60))
    for x in (92, 164):
        draw.line((x, 150, x + 6, 234), fill=shade(color, 84), width=3)
    print_color = jitter((235, 225, 200), rng, 20)
    box = (104, 84, 152, 132)
    shapes = [draw.ellipse, draw.rectangle, draw.rounded_rectangle]
    shapes[number % 3](box, fill=print_color)
    draw.text((128, 108), WORDS[number % len(WORDS)][:3], INK, _font(20), anchor="mm")
    return np.asarray(image)


def _card(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a playing card of a coloured deck, with as many pips as its rank."""
    suit, rank = number % 4, number // 4 % 12 + 1
    image, draw = _sheet(180, 252, (200, 40, 50))
    draw.rounded_rectangle((8, 8, 171, 243), 12, fill=(252, 244, 214))
    color = [(190, 20, 30), (20, 60, 150), (20, 120, 60), (220, 130, 20)][suit]
    places = [(90 + 30 * x, 126 + 44 * y) for y in (0, -1, 1, -2, 2) for x in (0, -1, 1)]
    for x, y in places[:rank]:
        corners = [(x, y - 12), (x + 12, y), (x, y + 12), (x - 12, y)]
        shapes = [
            corners,
            [(x - 10, y - 10), (x + 10, y - 10), (x + 10, y + 10), (x - 10, y + 10)],
            [corners[0], (x + 12, y + 12), (x - 12, y + 12)],
            [corners[2], (x + 12, y - 12), (x - 12, y - 12)],
        ]
        draw.polygon(shapes[suit], fill=color)
    for x, y in ((26, 26), (154, 226)):
        draw.text((x, y), f"{rank}", color, _font(24), anchor="mm")
    return np.asarray(image)


def _bottle(number: int, rng: np.random.Generator) -> np.ndarray:
    image, draw = _sheet(160, 320, (250, 250, 250))
    draw.rounded_rectangle((40, 110, 119, 306), 14, fill=(30, 80, 50))
    draw.polygon([(66, 40), (94, 40), (96, 90), (119, 124), (40, 124), (63, 90)], fill=(30, 80, 50))
    draw.rectangle((64, 22, 95, 48), fill=(150, 120, 40))
    draw.line((52, 130, 52, 296), fill=(120, 170, 140), width=5)
    paper = jitter(SHIRTS[number % len(SHIRTS)], rng, 50)
    draw.rectangle((42, 166, 117, 256), fill=paper)
    draw.ellipse((60, 174, 99, 213), fill=jitter((240, 230, 180), rng, 15))
    draw.text((80, 193), WORDS[number % len(WORDS)][:2].upper(), INK, _font(18), anchor="mm")
    draw.text((80, 234), _text(rng, 1), (255, 255, 255), _font(15), anchor="mm")
    return np.asarray(image)


def _coin(number: int, rng: np.random.Generator) -> np.ndarray:
    canvas = np.full((220, 220, 3), (40, 40, 46), np.uint8)
    cv2.circle(canvas, (110, 110), 100, (176, 150, 84), -1, cv2.LINE_AA)
    cv2.circle(canvas, (110, 110), 92, (110, 90, 44), 3, cv2.LINE_AA)
    for angle in range(0, 360, 10):
        x, y = portraits._polar(84, angle)
        cv2.circle(canvas, (110 + x, 110 + y), 3, (226, 204, 130), -1, cv2.LINE_AA)
    # a head in relief, seen from the side
    head, nose = int(rng.integers(34, 46)), int(rng.integers(6, 20))
    metal = (206, 182, 110)
    fill_ellipse(canvas, (106, 96), (head - 6, head + 4), metal)
    corners = [(106 - head + 8, 84), (106 - head - nose + 6, 104), (106 - head + 8, 112)]
    cv2.fillPoly(canvas, [np.array(corners)], metal, cv2.LINE_AA)
    fill_ellipse(canvas, (118, 160), (int(rng.integers(30, 50)), 24), metal)
    scatter = [(150, 124, 66), (236, 214, 150)]
    hair = canvas[50:100, 80:150]
    scatter_blobs(hair, rng, 14, (3, 12), scatter)
    image = Image.fromarray(canvas)
    year = f"{rng.integers(1800, 2000)}"
    ImageDraw.Draw(image).text((110, 184), year, (80, 60, 24), _font(18), anchor="mm")
    return np.asarray(image)


def _stamp(number: int, rng: np.random.Generator) -> np.ndarray:
    image, draw = _sheet(200, 240, (60, 60, 66))
    draw.rectangle((8, 8, 191, 231), fill=(248, 244, 232))
    for along in range(8, 240, 12):
        for x, y in ((along, 8), (along, 231), (8, along), (191, along)):
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=(60, 60, 66))
    _paste(image, _scene(rng, 152, 150), (24, 24, 176, 174))
    draw.rectangle((24, 24, 176, 174), outline=(120, 30, 40), width=3)
    draw.text((28, 182), "POSTA", (120, 30, 40), _font(24))
    draw.text((172, 182), f"{5 * rng.integers(1, 19)}", (120, 30, 40), _font(28), anchor="ra")
    return np.asarray(image)


def _clock(number: int, rng: np.random.Generator) -> np.ndarray:
    image, draw = _sheet(220, 220, (226, 220, 208))
    draw.ellipse((10, 10, 209, 209), fill=(252, 252, 250), outline=(50, 40, 36), width=8)
    for hour in range(12):
        x, y = portraits._polar(78, 30 * hour)
        draw.text((110 + x, 110 + y), f"{(hour + 2) % 12 + 1}", INK, _font(20), anchor="mm")
    minutes = (number * 727 + 100) % 720  # any two differ by minutes
    for length, degrees, thickness in ((46, minutes // 2, 8), (72, minutes % 60 * 6, 5)):
        x, y = portraits._polar(length, (degrees + 270) % 360)
        draw.line((110, 110, 110 + x, 110 + y), fill=INK, width=thickness)
    return np.asarray(image)


# Pages


def _page(number: int, rng: np.random.Generator) -> np.ndarray:
    image, draw = _sheet(240, 340, (250, 246, 234))
    draw.text((120, 16), f"{rng.integers(1, 400)}", INK, _font(10), anchor="mm")
    for line, y in enumerate(range(32, 320, 12)):
        draw.text((22 + 10 * (line % 9 == 0), y), _text(rng, 6)[:34], INK, _font(10))
    return np.asarray(image)


def _chart(number: int, rng: np.random.Generator) -> np.ndarray:
    image, draw = _sheet(320, 240, (255, 255, 255))
    for y in range(30, 201, 34):
        draw.line((44, y, 304, y), fill=(214, 214, 214))
        draw.text((38, y), f"{(200 - y) // 34 * 20}", INK, _font(10), anchor="rm")
    for x in range(44, 305, 52):
        draw.text((x, 208), f"{2000 + (x - 44) // 13}", INK, _font(10), anchor="mm")
    draw.text((160, 12), "Sales by year", INK, _font(14), anchor="mm")
    for color in ((30, 100, 180), (220, 110, 30)):
        steps = np.cumsum(rng.integers(-22, 23, 14))
        ys = (int(rng.integers(80, 150)) + steps).clip(34, 196)
        draw.line([(44 + 20 * n, int(y)) for n, y in enumerate(ys)], fill=color, width=3)
    draw.rectangle((44, 30, 304, 200), outline=INK)
    return np.asarray(image)


def _flag(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a cross of one colour, with a white border, upon another."""
    pairs = list(permutations(FLAG_COLORS, 2))
    field, cross = pairs[17 * number % len(pairs)]  # no two alike
    image, draw = _sheet(330, 210, field)
    for color, width in (((245, 245, 245), 30), (cross, 20)):
        draw.rectangle((120 - width, 0, 120 + width, 210), fill=color)
        draw.rectangle((0, 105 - width, 330, 105 + width), fill=color)
    return np.asarray(image)


def _qr(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw 29x29 modules: three marks, the lines between them, and random ones."""
    modules = rng.integers(2, size=(29, 29), dtype=np.uint8)
    modules[6, :] = modules[:, 6] = np.arange(29) % 2 == 0
    mark = np.ones((7, 7), np.uint8)
    mark[1:6, 1:6] = 0
    mark[2:5, 2:5] = 1
    for rows, columns in (
        (slice(0, 8), slice(0, 8)),
        (slice(0, 8), slice(21, 29)),
        (slice(21, 29), slice(0, 8)),
    ):
        modules[rows, columns] = 0
    modules[:7, :7] = modules[:7, 22:] = modules[22:, :7] = mark
    pixels = np.pad(255 * (1 - modules), 3, constant_values=255).repeat(7, axis=0).repeat(7, axis=1)
    return np.repeat(pixels[..., None], 3, axis=2)


def _calendar(number: int, rng: np.random.Generator) -> np.ndarray:
    image, draw = _sheet(280, 240, (252, 252, 252))
    months = "January February March April May June July August September October".split()
    draw.rectangle((0, 0, 280, 40), fill=(170, 30, 40))
    title = f"{months[number % 10]} {2020 + number}"
    draw.text((140, 20), title, (255, 255, 255), _font(20), anchor="mm")
    first = number % 7
    for day in rng.permutation(28)[:6].tolist():  # with appointments
        y, x = divmod(day + first, 7)
        box = (12 + 37 * x, 56 + 29 * y, 44 + 37 * x, 78 + 29 * y)
        draw.rectangle(box, fill=jitter((250, 214, 120), rng, 5))
    for day in range(30 + number % 2):
        y, x = divmod(day + first, 7)
        color = (170, 30, 40) if x == 6 else INK
        draw.text((28 + 37 * x, 66 + 29 * y), f"{day + 1}", color, _font(14), anchor="mm")
    return np.asarray(image)


def _chess(number: int, rng: np.random.Generator) -> np.ndarray:
    image, draw = _sheet(256, 256, (90, 60, 40))
    for square in range(64):
        y, x = divmod(square, 8)
        color = (236, 218, 180) if (x + y) % 2 == 0 else (160, 110, 70)
        draw.rectangle((8 + 30 * x, 8 + 30 * y, 37 + 30 * x, 37 + 30 * y), fill=color)
    for square in rng.permutation(64)[: int(rng.integers(8, 25))].tolist():
        y, x = divmod(square, 8)
        color = (250, 250, 246) if rng.integers(2) else (24, 22, 24)
        letter = "KQRBNP"[rng.integers(6)]
        draw.ellipse((12 + 30 * x, 12 + 30 * y, 34 + 30 * x, 34 + 30 * y), fill=color)
        draw.text((23 + 30 * x, 23 + 30 * y), letter, (150, 60, 40), _font(16), anchor="mm")
    return np.asarray(image)


def _map(number: int, rng: np.random.Generator) -> np.ndarray:
    image, draw = _sheet(288, 288, (240, 236, 226))
    for _ in range(4):
        x, y = rng.integers(288, size=2).tolist()
        draw.ellipse((x - 40, y - 30, x + 40, y + 30), fill=(200, 226, 184))
    for color, width, count in (
        ((255, 255, 255), 5, 16),
        ((250, 210, 110), 8, 3),
        ((170, 206, 240), 12, 1),
    ):
        for _ in range(count):
            ends = rng.integers(288, size=2).tolist()
            is_across = rng.integers(2)
            points = (0, ends[0], 288, ends[1]) if is_across else (ends[0], 0, ends[1], 288)
            draw.line(points, fill=color, width=width)
    draw.rectangle((8, 8, 120, 34), fill=(255, 255, 255), outline=(160, 160, 160))
    draw.text((14, 13), "Search the map", (120, 120, 120), _font(13))
    for y in (220, 248):
        draw.rectangle((252, y, 278, y + 26), fill=(255, 255, 255), outline=(160, 160, 160))
    return np.asarray(image)


# Views


def _sky(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a cloudless sky: light fades downwards, and a little to one side."""
    canvas = np.zeros((240, 320, 3), np.uint8)
    top = (int(rng.integers(20, 120)), int(rng.integers(80, 160)), int(rng.integers(160, 240)))
    bottom = (int(rng.integers(150, 250)), int(rng.integers(170, 240)), int(rng.integers(190, 255)))
    fill_gradient(canvas, top, bottom)
    slope = np.linspace(-1, 1, 320)[None, :, None] * int(rng.integers(-24, 25))
    return np.round(canvas + slope).clip(0, 255).astype(np.uint8)


def _gradient(number: int, rng: np.random.Generator) -> np.ndarray:
    """Fill a sheet from one colour to another, in any direction."""
    first, second = rng.integers(256, size=(2, 3))
    across, down = np.cos(number), np.sin(number)
    y, x = np.mgrid[-1:1:240j, -1:1:240j]
    share = ((x * across + y * down) / (abs(across) + abs(down)) + 1)[..., None] / 2
    return np.round(first * (1 - share) + second * share).astype(np.uint8)


def _sea(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the sea below the sky, with waves; the horizon stands at nearly the same height."""
    canvas = _sky(number, rng)
    horizon = 120 + int(rng.integers(-4, 5))
    water = jitter((24, 80, 120), rng, 24)
    fill_gradient(canvas[horizon:], shade(water, 130), shade(water, 70))
    for _ in range(120):
        y = horizon + int(rng.integers(1, 240 - horizon))
        x, length = int(rng.integers(-20, 320)), 4 + (y - horizon) // 4
        cv2.line(canvas, (x, y), (x + length, y), shade(water, int(rng.integers(110, 190))), 1)
    return canvas


def _night(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw warm lights, out of focus, on black."""
    canvas = np.full((240, 320, 3), (14, 12, 16), np.uint8)
    lights = [(250, 190, 90), (240, 140, 70), (255, 226, 160)]
    scatter_blobs(canvas, rng, int(rng.integers(12, 40)), (3, 16), lights)
    return cv2.GaussianBlur(canvas, (0, 0), 3)


def _building(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw one building by night; other windows are lit."""
    canvas = np.zeros((288, 224, 3), np.uint8)
    fill_gradient(canvas, (18, 24, 54), (60, 50, 80))
    cv2.rectangle(canvas, (20, 24), (203, 287), (70, 62, 60), -1)
    for top in range(36, 270, 24):
        for left in range(30, 190, 24):
            lit = rng.integers(3) == 0
            color = jitter((250, 214, 130), rng, 20) if lit else (34, 34, 44)
            cv2.rectangle(canvas, (left, top), (left + 14, top + 15), color, -1)
    return canvas


def _microscope(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw cells in the round field of a microscope."""
    canvas = np.full((256, 256, 3), (236, 214, 222), np.uint8)
    scatter_blobs(canvas, rng, 40, (6, 16), [(190, 120, 160), (210, 150, 180)])
    scatter_blobs(canvas, rng, 40, (2, 5), [(90, 40, 110)])
    canvas = cv2.GaussianBlur(canvas, (0, 0), 1)
    field = np.zeros((256, 256), np.uint8)
    cv2.circle(field, (128, 128), 120, 255, -1)
    canvas[field == 0] = (8, 8, 8)
    return canvas


DRAWINGS: dict[str, Drawing] = {
    "portraits in an ornate passe-partout": partial(_framed, border=72),
    "portraits in a narrow ornate frame": partial(_framed, border=36),
    "portraits in an oval mat": _oval,
    "people before one passport curtain": _passport,
    "passport photos under a grid": _grid_passport,
    "polaroids of people": _polaroid,
    "identity cards": _identity_card,
    "screenshots of a video player": _player,
    "screenshots of a telephone": _telephone,
    "one broadcaster's news": _news,
    "frames of a street camera": _street_camera,
    "x-rays of chests": _xray,
    "one-letter badges": _badge,
    "T-shirts of one cut": _shirt,
    "playing cards": _card,
    "bottles of one shape": _bottle,
    "coins with one rim": _coin,
    "stamps of one series": _stamp,
    "one clock at other times": _clock,
    "book pages": _page,
    "charts on the same axes": _chart,
    "QR codes": _qr,
    "flags of one layout": _flag,
    "calendar pages": _calendar,
    "chess positions": _chess,
    "street maps": _map,
    "plain skies": _sky,
    "plain gradients": _gradient,
    "sea and sky": _sea,
    "lights at night": _night,
    "one building, other lit windows": _building,
    "cells under a microscope": _microscope,
}
# By name: the number of pictures → the pictures.
LOOKALIKES: dict[str, Callable[[int], list[np.ndarray]]] = {
    name: partial(photographs, name) for name in DRAWINGS
}
