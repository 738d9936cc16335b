#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make_series NPY COUNT FOLDER: COUNT CT images in DICOM (explicit little endian) of the slices of a
3-D int16 array, over and over, in two sub-folders, written by the standard library alone."""

import os
import struct
import sys

LONG = {"OB", "OW", "SQ", "UN", "UT"}


def element(group, number, vr, value):
    if isinstance(value, str):
        value = value.encode()
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB") else b" "
    head = struct.pack("<HH2s", group, number, vr.encode())
    return head + (struct.pack("<HI", 0, len(value)) if vr in LONG else struct.pack("<H", len(value))) + value


def us(value):
    return struct.pack("<H", value)


def ct_image(pixels, rows, columns, index):
    uid = f"1.2.826.0.1.3680043.10.1000.1.1.{index + 1}"
    meta = (element(2, 1, "OB", b"\0\1") + element(2, 2, "UI", "1.2.840.10008.5.1.4.1.1.2") +
            element(2, 3, "UI", uid) + element(2, 0x10, "UI", "1.2.840.10008.1.2.1") +
            element(2, 0x12, "UI", "1.2.826.0.1.3680043.10.1000"))
    data = (element(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.2") + element(8, 0x18, "UI", uid) +
            element(8, 0x20, "DA", "20200102") + element(8, 0x60, "CS", "CT") +
            element(0x10, 0x10, "PN", "Phantom^Made") + element(0x10, 0x20, "LO", "P1") +
            element(0x18, 0x50, "DS", "1.5") +
            element(0x20, 0x0d, "UI", "1.2.826.0.1.3680043.10.1000.1") +
            element(0x20, 0x0e, "UI", "1.2.826.0.1.3680043.10.1000.1.1") +
            element(0x20, 0x13, "IS", str(index + 1)) +
            element(0x20, 0x32, "DS", f"-200\\-200\\{1.5 * index}") +
            element(0x20, 0x37, "DS", "1\\0\\0\\0\\1\\0") +
            element(0x28, 2, "US", us(1)) + element(0x28, 4, "CS", "MONOCHROME2") +
            element(0x28, 0x10, "US", us(rows)) + element(0x28, 0x11, "US", us(columns)) +
            element(0x28, 0x30, "DS", "0.75\\0.75") + element(0x28, 0x100, "US", us(16)) +
            element(0x28, 0x101, "US", us(16)) + element(0x28, 0x102, "US", us(15)) +
            element(0x28, 0x103, "US", us(1)) + element(0x28, 0x1052, "DS", "0") +
            element(0x28, 0x1053, "DS", "1") + element(0x7fe0, 0x10, "OW", pixels))
    return bytes(128) + b"DICM" + element(2, 0, "UL", struct.pack("<I", len(meta))) + meta + data


def main():
    count = int(sys.argv[2])
    with open(sys.argv[1], "rb") as f:
        assert f.read(8) == b"\x93NUMPY\1\0"
        header = f.read(struct.unpack("<H", f.read(2))[0]).decode()
        assert "'<i2'" in header and "'fortran_order': False" in header
        depth, rows, columns = eval(header)["shape"]
        pixels = [f.read(2 * rows * columns) for _ in range(depth)]
    for index in range(count):
        folder = os.path.join(sys.argv[3], "first half" if 2 * index < count else "second/half")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"IM{index:04d}"), "wb") as out:
            out.write(ct_image(pixels[index % depth], rows, columns, index))


main()
