"""Colour spaces that a file gives by numbers, as ICC profiles for LittleCMS."""

import struct
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from src.imaging.image_error import ignore_metadata_errors

Chromaticities = Sequence[float]  # x and y of white, red, green, blue

D65 = (0.3127, 0.3290)
D50_XYZ = (0.9642, 1.0, 0.8249)
SRGB = (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
SRGB_TRANSFER = 13
# By code points of ITU-T H.273, table 2
PRIMARIES: dict[int, Chromaticities] = {
    1: SRGB,
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    8: (0.310, 0.316, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
TABLE_ENTRIES = 4096  # the most that an ICC curve may have
SDR_WHITE_NITS, HDR_NITS = 203, 1000  # ITU-R BT.2408
# How Chromium shows light that is brighter than white, as measured: light, and what is shown.
TONE_CURVE = (
    (0, 1, 1.207, 1.432, 1.702, 2.026, 2.415, 2.882, 3.443, 4.117, 4.926),
    (0, 0.5, 0.578, 0.638, 0.694, 0.745, 0.799, 0.855, 0.905, 0.956, 1),
)
GAMMAS = (0.1, 10.0)  # of a display; others are mistakes
SRGB_GAMMA, GAMMA_TOLERANCE = 2.2, 0.05


def from_gamma(gamma: float, chromaticities: Chromaticities | None, gray: bool) -> bytes:
    """Return the profile of a display's gamma, such as 2.2; b"" for sRGB and for mistakes.

    Args:
        gamma: Light is the signal to this power.
        chromaticities: None for those of sRGB.
        gray: Whether pixels have one channel, for which they say nothing.
    """
    is_mistake = chromaticities is not None and min(chromaticities[1::2]) <= 0
    is_srgb = abs(gamma / SRGB_GAMMA - 1) < GAMMA_TOLERANCE and chromaticities is None
    if is_srgb or is_mistake or not GAMMAS[0] <= gamma <= GAMMAS[1]:
        return b""
    with ignore_metadata_errors():  # primaries on one line
        return _profile(_parametric(0, gamma), chromaticities or SRGB, gray)
    return b""


def is_profile(data: bytes) -> bool:
    """Say whether bytes are a whole ICC profile, by its size and signature (ICC.1:2022, 7.2)."""
    return data[36:40] == b"acsp" and int.from_bytes(data[:4], "big") <= len(data)


def is_known(primaries: int, transfer: int) -> bool:
    """Say whether both code points (ITU-T H.273) name something."""
    return primaries in PRIMARIES and transfer in CURVES


@cache
def from_code_points(primaries: int, transfer: int, gray: bool = False) -> bytes:
    """Return the profile of code points (ITU-T H.273); b"" for sRGB, and for unknown ones."""
    curve = CURVES.get(transfer)
    chromaticities = PRIMARIES.get(primaries, SRGB)
    if curve is None or (transfer, chromaticities) == (SRGB_TRANSFER, SRGB):
        return b""
    return _profile(curve(), chromaticities, gray)


def _parametric(kind: int, *parameters: float) -> bytes:
    return struct.pack(">4s4xHxx", b"para", kind) + _fixed(*parameters)


def _srgb_curve() -> bytes:
    return _parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def _table(linear: Callable[[np.ndarray], np.ndarray]) -> bytes:
    levels = linear(np.linspace(0, 1, TABLE_ENTRIES)).clip(0, 1) * 65535
    entries = levels.round().astype(">u2").tobytes()
    return struct.pack(">4s4xI", b"curv", TABLE_ENTRIES) + entries


def _pq(signal: np.ndarray) -> np.ndarray:
    """Return what is shown of PQ (SMPTE ST 2084)."""
    power = signal ** (32 / 2523)
    light = ((power - 0.8359375).clip(0) / (18.8515625 - 18.6875 * power)) ** (16384 / 2610)
    return np.interp(10_000 / SDR_WHITE_NITS * light, *TONE_CURVE)


def _hlg(signal: np.ndarray) -> np.ndarray:
    """Return what is shown of HLG (ITU-R BT.2100)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return np.interp(HDR_NITS / SDR_WHITE_NITS * scene**1.2, *TONE_CURVE)


def _cinema(signal: np.ndarray) -> np.ndarray:
    """Return the light of SMPTE ST 428-1, relative to white of 48 cd/m²."""
    return np.asarray(52.37 / 48 * signal**2.6)


CURVES: dict[int, Callable[[], bytes]] = {
    # of television, as its screens show them (ITU-R BT.1886)
    **dict.fromkeys((1, 6, 11, 14, 15), lambda: _parametric(0, 2.4)),
    4: lambda: _parametric(0, 2.2),
    5: lambda: _parametric(0, 2.8),
    7: lambda: _parametric(3, 1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0913),
    8: lambda: _parametric(0, 1.0),
    SRGB_TRANSFER: _srgb_curve,
    16: lambda: _table(_pq),
    17: lambda: _table(_cinema),
    18: lambda: _table(_hlg),
}


def _profile(curve: bytes, chromaticities: Chromaticities, gray: bool) -> bytes:
    """Return an ICC profile of version 4 (ICC.1:2022)."""
    tags = {b"wtpt": _xyz(D50_XYZ)}
    if gray:
        tags[b"kTRC"] = curve
    else:
        columns = zip((b"rXYZ", b"gXYZ", b"bXYZ"), _to_d50(chromaticities).T, strict=True)
        tags |= {name: _xyz(column) for name, column in columns}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, data = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(body))
        data += body + bytes(-len(body) % 4)
    header = struct.pack(
        ">I4xI4s4s4s12x4s28x12s48x",
        start + len(data),
        0x04300000,
        b"mntr",
        b"GRAY" if gray else b"RGB ",
        b"XYZ ",
        b"acsp",
        _fixed(*D50_XYZ),
    )
    return header + struct.pack(">I", len(tags)) + table + data


def _to_d50(chromaticities: Chromaticities) -> np.ndarray:
    """Return the matrix from linear RGB to XYZ, adapted to D50; its columns are the primaries."""
    x, y = np.array(chromaticities, np.float64).reshape(4, 2).T
    white, *colors = np.stack([x / y, np.ones(4), (1 - x - y) / y], axis=1)
    matrix = np.array(colors).T
    matrix = matrix * np.linalg.solve(matrix, white)
    cones = (BRADFORD @ D50_XYZ) / (BRADFORD @ white)
    return np.asarray(np.linalg.inv(BRADFORD) @ np.diag(cones) @ BRADFORD @ matrix)


def _xyz(values: tuple[float, ...] | np.ndarray) -> bytes:
    return struct.pack(">4s4x", b"XYZ ") + _fixed(*values)


def _fixed(*values: float) -> bytes:
    """Return numbers of 16 bits before the point and 16 after."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))
