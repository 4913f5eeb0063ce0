#!/usr/bin/env python3
"""Writes tests/data/expected/pictures.txt: small picture files, their pixels and resized pixels by Pillow.

Needs Pillow 11; later ones may resize the columns first, which moves some pixels by one level. Pixels are
random but seeded, so a second run writes the same pictures; files Pillow cannot write (16-bit RGB, interlaced)
are put together here. Run: python3 scripts/make_picture_cases.py
"""

import io
import pathlib
import random
import struct
import zlib

from PIL import Image

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/data/expected/pictures.txt"
RESIZES = [(20, 14), (40, 31), (7, 5), (13, 9), (1, 1), (20, 5), (9, 14), (3, 50)]
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, depth, colour, raw, interlace=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def interlaced(picture):
    raw = b""
    for x0, y0, dx, dy in ADAM7:
        for y in range(y0, picture.height, dy):
            row = b"".join(bytes(picture.getpixel((x, y))) for x in range(x0, picture.width, dx))
            raw += b"\0" + row if row else b""
    return png(picture.width, picture.height, 8, 2, raw, 1)


def encoded(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def smooth(width, height):
    waves = [(x * 9 % 256, (x * 3 + y * 11) % 256, 255 - y * 7 % 256) for y in range(height) for x in range(width)]
    picture = Image.new("RGB", (width, height))
    picture.putdata(waves)
    return picture


def main():
    random.seed(8)
    noise = Image.frombytes("RGB", (13, 9), random.randbytes(13 * 9 * 3))
    alpha = Image.frombytes("RGBA", (6, 5), random.randbytes(6 * 5 * 4))
    deep = random.randbytes(5 * 4 * 6)
    deep_rows = b"".join(b"\0" + deep[i * 30:i * 30 + 30] for i in range(4))
    deep_grey = random.randbytes(5 * 4 * 2)
    deep_grey_rows = b"".join(b"\0" + deep_grey[i * 10:i * 10 + 10] for i in range(4))
    high = Image.frombytes("RGB", (5, 4), deep[::2])
    high_grey = Image.frombytes("L", (5, 4), deep_grey[::2])
    files = [
        ("png_rgb", encoded(noise, "PNG"), None),
        ("png_grey", encoded(noise.convert("L"), "PNG"), None),
        ("png_bits", encoded(noise.convert("1"), "PNG"), None),
        ("png_palette", encoded(noise.quantize(7), "PNG"), None),
        ("png_palette_clear", encoded(noise.quantize(7), "PNG", transparency=2), noise.quantize(7)),
        ("png_alpha", encoded(alpha, "PNG"), Image.merge("RGB", alpha.split()[:3])),
        ("png_grey_alpha", encoded(alpha.convert("LA"), "PNG"), alpha.convert("LA").getchannel(0)),
        ("png_16_bit", png(5, 4, 16, 2, deep_rows), high),
        ("png_grey_16_bit", png(5, 4, 16, 0, deep_grey_rows), high_grey),
        ("png_interlaced", interlaced(noise), noise),
        ("jpeg_444", encoded(smooth(17, 11), "JPEG", quality=90, subsampling=0), None),
        ("jpeg_420", encoded(smooth(19, 18), "JPEG", quality=80, subsampling=2), None),
        ("jpeg_progressive", encoded(smooth(24, 9), "JPEG", quality=85, progressive=True), None),
        ("jpeg_grey", encoded(smooth(17, 11).convert("L"), "JPEG", quality=90), None),
        ("jpeg_cmyk", encoded(smooth(16, 8).convert("CMYK"), "JPEG", quality=95), None),
    ]
    lines = ["# Written by scripts/make_picture_cases.py. file NAME BYTES / pixels W H RGB / resized W H RGB"]
    for name, data, picture in files:
        picture = (picture or Image.open(io.BytesIO(data))).convert("RGB")
        lines.append(f"file {name} {data.hex()}")
        lines.append(f"pixels {picture.width} {picture.height} {picture.tobytes().hex()}")
        for size in RESIZES if name == "png_rgb" else []:
            small = picture.resize(size, Image.Resampling.BILINEAR)
            lines.append(f"resized {size[0]} {size[1]} {small.tobytes().hex()}")
    OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
