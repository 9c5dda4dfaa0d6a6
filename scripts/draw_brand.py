"""Draw the integration's images: a plug whose cable ends in a bolt, on a rounded square.

usage: draw_brand.py [FOLDER]    default: the integration's brand folder

Shapes are tested per sample on a grid finer than the pixels, so edges come out smooth; the PNG
is written with the standard library. Coordinates are those of a 256 x 256 picture.
"""

from pathlib import Path
import struct
import sys
import zlib

import numpy as np
import numpy.typing as npt

FOLDER = Path(__file__).resolve().parent.parent / "custom_components/smart_charging/brand"
OVERSAMPLING = 4

type Mask = npt.NDArray[np.bool_]
type Plane = npt.NDArray[np.float64]

TOP = (18, 132, 118)
BOTTOM = (9, 74, 92)
WHITE = (255, 255, 255)
SUN = (255, 205, 64)
OUTLINE = (11, 92, 102)
BOLT = ((144, 92), (96, 152), (124, 152), (112, 194), (160, 136), (132, 136))


def rounded(x: Plane, y: Plane, box: tuple[float, float, float, float], radius: float) -> Mask:
    """Return where a rounded box (left, top, right, bottom) is."""
    left, top, right, bottom = box
    dx = np.maximum(np.maximum(left + radius - x, x - right + radius), 0)
    dy = np.maximum(np.maximum(top + radius - y, y - bottom + radius), 0)
    inside: Mask = np.hypot(dx, dy) <= radius
    return inside


def polygon(x: Plane, y: Plane, corners: tuple[tuple[int, int], ...]) -> Mask:
    """Return where a polygon is, by counting the edges to the right of each sample."""
    inside = np.zeros_like(x, dtype=np.bool_)
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
        if y1 == y2:
            continue
        spans = (y1 > y) != (y2 > y)
        inside ^= spans & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside


def draw(size: int) -> npt.NDArray[np.uint8]:
    """Return the icon as rows of RGBA pixels."""
    fine = size * OVERSAMPLING
    axis = (np.arange(fine) + 0.5) * 256 / fine
    x, y = np.meshgrid(axis, axis)
    colour = np.zeros((fine, fine, 4))

    def paint(mask: Mask, rgb: tuple[int, int, int]) -> None:
        colour[mask] = (*rgb, 255)

    square = rounded(x, y, (8, 8, 248, 248), 52)
    shade = ((y - 8) / 240)[..., None]
    gradient = (1 - shade) * np.array(TOP) + shade * np.array(BOTTOM)
    colour[square] = np.dstack([gradient, np.full((fine, fine, 1), 255.0)])[square]
    for left in (88, 150):  # pins
        paint(rounded(x, y, (left, 36, left + 18, 92), 9), WHITE)
    # The body: a straight collar, and a belly that continues its sides.
    body = rounded(x, y, (62, 80, 194, 124), 14)
    body |= (np.hypot((x - 128) / 66, (y - 112) / 88) <= 1) & (y >= 112)
    paint(body, WHITE)
    paint(rounded(x, y, (119, 190, 137, 240), 9), WHITE)
    for angle in np.linspace(0, 2 * np.pi, 24, endpoint=False):  # an even outline
        paint(polygon(x - 5 * np.cos(angle), y - 5 * np.sin(angle), BOLT), OUTLINE)
    paint(polygon(x, y, BOLT), SUN)

    # Average with weights of opacity, or edges would darken.
    cells = colour.reshape(size, OVERSAMPLING, size, OVERSAMPLING, 4)
    alpha = cells[..., 3:].sum(axis=(1, 3))
    rgb = (cells[..., :3] * cells[..., 3:]).sum(axis=(1, 3)) / np.maximum(alpha, 1)
    pixels: npt.NDArray[np.uint8] = np.rint(np.dstack([rgb, alpha / OVERSAMPLING**2])).astype(
        np.uint8
    )
    return pixels


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return RGBA rows as a PNG file."""
    height, width, _ = pixels.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)),
            chunk(b"IDAT", zlib.compress(rows, 9)),
            chunk(b"IEND", b""),
        )
    )


def main() -> None:
    """Write the images."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in {"icon.png": 256, "icon@2x.png": 512, "logo.png": 256}.items():
        (folder / name).write_bytes(png(draw(size)))
        print(folder / name)


if __name__ == "__main__":
    main()
