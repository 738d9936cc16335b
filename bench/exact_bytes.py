#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""exact_bytes.py: bytes and speed of the exact section, by modality, beside other lossless coders.

    bench/exact_bytes.py build/tools/exact_bytes MEDVEIL_DATA/dicom

prints Markdown. Every coder gets the same samples, frame by frame: JPEG-LS (CharLS, plain, in the
bits that the file states), JPEG 2000 (opj_compress), JPEG XL (cjxl -d 0, its default effort), PNG
(all filters of Pillow, level 9) and gzip (level 6, of the samples as they would lie in a file).
MB/s are raw bytes by processor time. Needs the Debian packages libopenjp2-tools, libjxl-tools and python3-pil.
"""

import glob
import gzip
import json
import os
import subprocess
import sys
import tempfile

from PIL import Image

CODERS = ["section", "jpegls", "j2k", "jxl", "png", "gzip"]


def frame_files(folder, row):
    extension = "ppm" if row["channels"] == 3 else "pgm"
    return [f"{folder}/{row['number']}-{z}.{extension}" for z in range(row["frames"])]


def size_by(command, out):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    size = os.path.getsize(out)
    os.remove(out)
    return size


def samples(path):
    with open(path, "rb") as file:
        for _ in range(3):
            file.readline()
        return file.read()


def widened(path):
    """The same samples said to be of 8 or 16 bits: cjxl and Pillow rescale others."""
    with open(path, "rb") as file:
        lines, rest = [file.readline() for _ in range(3)], file.read()
    out = path[:-4] + "-wide" + path[-4:]
    with open(out, "wb") as file:
        file.write(lines[0] + lines[1] + (b"255\n" if int(lines[2]) < 256 else b"65535\n") + rest)
    return out


def png_size(path, bits):
    image = Image.open(path)
    if bits > 8 and image.mode == "RGB":
        return None  # Pillow has no colour of 16 bits
    out = path + ".png"
    (image.convert("I;16") if bits > 8 else image).save(out, optimize=True)
    size = os.path.getsize(out)
    os.remove(out)
    return size


def jxl_size(path):
    """Checked, since cjxl can also be told to lose something."""
    coded, back = path + ".jxl", path + ".back" + path[-4:]
    subprocess.run(["cjxl", "-d", "0", path, coded], check=True, capture_output=True)
    subprocess.run(["djxl", coded, back], check=True, capture_output=True)
    if samples(back) != samples(path):
        raise ValueError(f"JPEG XL changes {path}")
    size = os.path.getsize(coded)
    os.remove(coded)
    os.remove(back)
    return size


def levels(path):
    """Resolutions for opj_compress: 6 as it would take, fewer where a side is short."""
    with Image.open(path) as image:
        return min(6, min(image.size).bit_length())


def measure(folder, row):
    for coder in ("j2k", "jxl", "png", "gzip"):
        row[coder] = 0
    for path in frame_files(folder, row):
        row["gzip"] += len(gzip.compress(samples(path), 6))
        row["j2k"] += size_by(["opj_compress", "-n", str(levels(path)), "-i", path, "-o", path + ".j2k"],
                              path + ".j2k")
        wide = widened(path)
        row["jxl"] += jxl_size(wide)
        png = png_size(wide, row["bits"])
        row["png"] = None if png is None or row["png"] is None else row["png"] + png
    return row


def modalities(folder):
    with open(os.path.join(folder, "manifest.tsv"), encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    column = rows[0].index("modality")
    return {row[0]: row[column] or "none" for row in rows[1:]}


def rate(rows, milliseconds):
    return sum(r["raw"] for r in rows) / 1e3 / sum(r[milliseconds] for r in rows)


def print_row(name, rows):
    raw = sum(r["raw"] for r in rows)
    cells = [name, str(len(rows)), str(sum(r["frames"] for r in rows)), f"{raw:,}"]
    for coder in CODERS:
        missing = any(r[coder] is None for r in rows)
        cells.append("-" if missing else f"{sum(r[coder] for r in rows):,}")
    over = 100 * (sum(r["section"] for r in rows) / sum(r["jpegls"] for r in rows) - 1)
    coded = [r for r in rows if r["decode_ms"] != 0]
    cells += [f"{over:+.2f} %", f"{rate(rows, 'encode_ms'):.0f}", f"{rate(coded, 'decode_ms'):.0f}",
              f"{rate(rows, 'jpegls_encode_ms'):.0f}", f"{rate(rows, 'jpegls_decode_ms'):.0f}"]
    print("| " + " | ".join(cells) + " |")


def main():
    program, data = sys.argv[1:]
    modality = modalities(data)
    with tempfile.TemporaryDirectory() as folder:
        files = sorted(glob.glob(os.path.join(data, "*.dcm")))
        lines = subprocess.run([program, folder, *files], check=True, capture_output=True).stdout
        rows = [measure(folder, json.loads(line)) for line in lines.splitlines()]
    groups = {}
    for row in rows:
        groups.setdefault(modality[os.path.basename(row["file"])], []).append(row)
    print("| modality | files | frames | raw | exact section | JPEG-LS | JPEG 2000 | JPEG XL | PNG | gzip "
          "| over JPEG-LS | encode MB/s | decode MB/s | JPEG-LS enc. | dec. |")
    print("|---" * 15 + "|")
    for name in sorted(groups):
        print_row(name, groups[name])
    print_row("all", rows)
    coded = [r for r in rows if r["coded"]]
    print(f"\n{len(coded)} of these {len(rows)} files have raw samples that travel coded: "
          f"{sum(r['bytes'] for r in coded):,} bytes become {sum(r['bytes_inside'] for r in coded):,}.")
    worst = sorted(rows, key=lambda r: r["section"] / r["jpegls"])[-5:]
    for r in worst:
        print(f"- {os.path.basename(r['file'])}: section {r['section']:,}, JPEG-LS {r['jpegls']:,}")


if __name__ == "__main__":
    main()
