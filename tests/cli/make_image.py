#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make_image FILE [WIDTH HEIGHT [SEED]]: a picture with structure and noise, written by the standard
library alone, so that no error of ours can cancel itself.

The kind follows from the name: .png 8-bit gray, .16.png 16-bit gray, .rgb.png colour, .npy uint16,
.nii and .nii.gz int16 with three slices.
"""

import gzip
import math
import random
import struct
import sys
import zlib


def sample(rng, x, y, width, height, top):
    """A bright disc with a dark one inside on a slope, and some noise; in 0..top."""
    u, v = 2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1
    r, q = math.hypot(u, v), math.hypot(u - 0.3, v + 0.2)
    value = 0.08 + 0.05 * (u + 1) + 0.5 * (r < 0.85) * (1 - 0.4 * r) + 0.25 * (q < 0.25)
    return max(0, min(top, round((value + rng.gauss(0, 0.01)) * top)))


def rows(rng, width, height, top):
    return [[sample(rng, x, y, width, height, top) for x in range(width)] for y in range(height)]


def png(rng, width, height, bits, colour):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    top = 2 ** bits - 1
    lines = []
    for row in rows(rng, width, height, top):
        row = [c for v in row for c in ((v, top - v, v // 2) if colour else (v,))]
        lines.append(b"\0" + struct.pack(f">{len(row)}{'B' if bits == 8 else 'H'}", *row))
    head = struct.pack(">IIBBBBB", width, height, bits, 2 if colour else 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
            + chunk(b"IDAT", zlib.compress(b"".join(lines))) + chunk(b"IEND", b""))


def npy(rng, width, height):
    data = b"".join(struct.pack(f"<{width}H", *row) for row in rows(rng, width, height, 65535))
    head = f"{{'descr': '<u2', 'fortran_order': False, 'shape': ({height}, {width}), }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data


def nifti(rng, width, height, depth=3):
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, width, height, depth, 1, 1, 1, 1)
    struct.pack_into("<2h", head, 70, 4, 16)                         # int16
    struct.pack_into("<8f", head, 76, 1, 0.9, 0.9, 3, 1, 1, 1, 1)    # spacing
    struct.pack_into("<f", head, 108, 352)
    struct.pack_into("<2f", head, 112, 2.0, -1024.0)                 # slope, intercept
    head[344:348] = b"n+1\0"
    return bytes(head) + b"".join(struct.pack(f"<{width}h", *(v - 500 for v in row))
                                  for _ in range(depth) for row in rows(rng, width, height, 1500))


def main():
    name = sys.argv[1]
    width, height = (int(a) for a in (sys.argv[2:4] or (64, 48)))
    rng = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    if name.endswith((".nii", ".nii.gz")):
        data = nifti(rng, width, height)
        data = gzip.compress(data, mtime=0) if name.endswith(".gz") else data
    elif name.endswith(".npy"):
        data = npy(rng, width, height)
    else:
        data = png(rng, width, height, 16 if ".16." in name else 8, ".rgb." in name)
    with open(name, "wb") as f:
        f.write(data)


main()
