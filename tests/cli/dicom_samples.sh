#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# DICOM files made from known samples: palettes, YBR, planes, depths and signs are read as pydicom
# reads them, and a picture shows modality LUT, VOI LUT and window as pydicom applies them.
. "$(dirname "$0")/lib.sh"
/usr/bin/python3 -c 'import numpy, pydicom' 2>/dev/null || skip 'python3-pydicom and python3-numpy are not installed'
people

# Writes NAME.dcm and NAME.npy, its samples; of what is shown SHOWN.dcm and SHOWN.npy, 8 bits.
/usr/bin/python3 - <<'EOF'
import struct
import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.pixel_data_handlers.util import apply_color_lut, apply_modality_lut, apply_voi_lut, convert_color_space
from pydicom.sequence import Sequence

random = np.random.default_rng(6)


def make(name, words, bits, stored=None, signed=0, photometric="MONOCHROME2", samples=1, big=False, **more):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "2.25.6"
    meta.TransferSyntaxUID = "1.2.840.10008.1.2.2" if big else "1.2.840.10008.1.2.1"
    d = FileDataset(name + ".dcm", {}, file_meta=meta, preamble=bytes(128))
    d.is_little_endian, d.is_implicit_VR = not big, False
    d.SOPClassUID, d.SOPInstanceUID, d.Modality = meta.MediaStorageSOPClassUID, "2.25.6", "OT"
    d.Rows, d.Columns, d.SamplesPerPixel, d.PhotometricInterpretation = 24, 32, samples, photometric
    d.BitsAllocated, d.BitsStored, d.PixelRepresentation = bits, stored or bits, signed
    d.HighBit = more.pop("high", d.BitsStored - 1)
    for key, value in more.items():
        setattr(d, key, value)
    d.PixelData = words.tobytes()
    d["PixelData"].VR = "OB" if bits in (1, 8) else "OW"
    d.save_as(name + ".dcm", write_like_original=False)
    return d


def array(name, values):
    np.save(name + ".npy", np.ascontiguousarray(values))


def counted(low, high, dtype, shape=(24, 32)):
    values = random.integers(low, high, shape, dtype=np.int64, endpoint=True)
    values.flat[:2] = low, high
    return values.astype(dtype)


# depths and signs
for name, dtype, low, high in (("u8", "<u1", 0, 255), ("i8", "<i1", -128, 127), ("u16", "<u2", 0, 65535), ("i16", "<i2", -32768, 32767),
                               ("u32", "<u4", 0, 2**32 - 1), ("i32", "<i4", -2**31, 2**31 - 1)):
    values = counted(low, high, dtype)
    make(name, values, 8 * values.itemsize, signed=int(low < 0))
    array(name, values)
    if values.itemsize > 1:
        # Words of 16 bits swapped, and of 32 bits by their halves as well.
        make("big-" + name, values.astype(dtype.replace("<", ">")), 8 * values.itemsize, signed=int(low < 0), big=True)
        array("big-" + name, values)
values = counted(-2048, 2047, "<i4")
make("i12-of-16", ((values & 0xfff) << 4 | random.integers(0, 16, (24, 32))).astype("<u2"), 16, 12, 1, high=15)
array("i12-of-16", values.astype("<i2"))
for bits, low in ((4, 0), (12, 0), (12, -2048), (20, -2**19), (24, 0)):
    # Cells of other widths lie in words of 16 bits, from the low bits on.
    name = "cells-%s%d" % ("i" if low else "u", bits)
    values = counted(low, low + 2**bits - 1, "<i4")
    cells = np.packbits(np.unpackbits(values.reshape(-1, 1).view("<u1"), axis=1, bitorder="little")[:, :bits].ravel(), bitorder="little")
    make(name, cells, bits, signed=int(low < 0))
    array(name, values.astype(("<i" if low else "<u") + str(1 if bits <= 8 else 2 if bits <= 16 else 4)))
    make("big-" + name, cells.view("<u2").byteswap(), bits, signed=int(low < 0), big=True)
    array("big-" + name, np.load(name + ".npy"))
make("one-bit", np.packbits((values > 0).ravel(), bitorder="little"), 1)
array("one-bit", (values > 0).astype("<u1"))

# colour by pixel, by plane, as luminance
rgb = counted(0, 255, "<u1", (24, 32, 3))
deep = counted(0, 65535, "<u2", (24, 32, 3))
for name, values in (("rgb", rgb), ("deep-rgb", deep)):
    make(name, values, 8 * values.itemsize, photometric="RGB", samples=3, PlanarConfiguration=0)
    make(name + "-planes", np.moveaxis(values, 2, 0).copy(), 8 * values.itemsize, photometric="RGB", samples=3, PlanarConfiguration=1)
    array(name, values)
    array(name + "-planes", values)
wanted = convert_color_space(rgb, "YBR_FULL", "RGB")
make("ybr", rgb, 8, photometric="YBR_FULL", samples=3, PlanarConfiguration=0)
array("ybr", wanted)
make("ybr-planes", np.moveaxis(rgb, 2, 0).copy(), 8, photometric="YBR_FULL", samples=3, PlanarConfiguration=1)
array("ybr-planes", wanted)
luminance, chroma = rgb[:, :, 0], rgb[:, ::2, 1:]
packed = np.concatenate([luminance.reshape(24, 16, 2), chroma], axis=2)
make("ybr-422", packed, 8, photometric="YBR_FULL_422", samples=3, PlanarConfiguration=0)
array("ybr-422", convert_color_space(np.dstack([luminance, np.repeat(chroma, 2, axis=1)]), "YBR_FULL", "RGB"))


# palettes: plain, of bytes, with another first index, in segments
def palette(name, index, bits, tables, count, first, entry_bits, segmented=False):
    keys = {}
    for colour, table in zip(("Red", "Green", "Blue"), tables):
        keys[colour + "PaletteColorLookupTableDescriptor"] = [count % 65536, first, entry_bits]
        keys[("Segmented" if segmented else "") + colour + "PaletteColorLookupTableData"] = table
    d = make(name, index, bits, photometric="PALETTE COLOR", **keys)
    wanted = apply_color_lut(d.pixel_array, d)
    array(name, (wanted >> 8 if entry_bits == 16 else wanted).astype("<u1"))


index8, index16 = counted(0, 255, "<u1"), counted(0, 65535, "<u2")
words = [random.integers(0, 65536, 256).astype("<u2").tobytes() for _ in range(3)]
palette("palette", index8, 8, words, 256, 0, 16)
palette("palette-bytes", index8, 8, [random.integers(0, 256, 256).astype("<u1").tobytes() for _ in range(3)], 256, 0, 8)
palette("palette-first", index8, 8, [w[:200] for w in words], 100, 70, 16)
palette("palette-deep", index16, 16, [random.integers(0, 65536, 65536).astype("<u2").tobytes() for _ in range(3)], 65536, 0, 16)


def segments(seed):
    # 4 values and a line of 60, 4 values and a line of 28, and the first two segments once more
    u = lambda *v: struct.pack("<%dH" % len(v), *v)
    first = u(0, 4, 5, 900 * seed, 40000, 77) + u(1, 60, 60000 - 1000 * seed)
    second = u(0, 4, 1, 2, 65535, 30 * seed) + u(1, 28, 12)
    return first + second + u(2, 2, 0, 0)


palette("segmented", counted(0, 159, "<u1"), 8, [segments(s) for s in (1, 2, 3)], 160, 0, 16, True)


# what a viewer shows
def shown(name, d):
    if "WindowWidth" in d:
        real = apply_modality_lut(d.pixel_array, d).astype(float)
        level = np.clip((real - (d.WindowCenter - 0.5)) / (d.WindowWidth - 1) + 0.5, 0, 1)
    else:
        level = apply_voi_lut(d.pixel_array, d) / (2.0 ** d.VOILUTSequence[0].LUTDescriptor[2] - 1)
    if d.PhotometricInterpretation == "MONOCHROME1":
        level = 1 - level
    array(name, np.floor(255 * level + 0.5).astype("<u1"))


def table(values, first, bits):
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [len(values), first, bits], [int(v) for v in values]
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "US"
    item.ModalityLUTType = "US"
    return Sequence([item])


stored = counted(0, 255, "<u2")
curve = np.sort(random.integers(0, 4096, 256))
shown("shown-modality", make("shown-modality", stored, 16, 8, ModalityLUTSequence=table(curve, 0, 16), WindowCenter=2000, WindowWidth=3000))
shown("shown-rescale", make("shown-rescale", stored, 16, 8, RescaleSlope=3, RescaleIntercept=-200, WindowCenter=150, WindowWidth=400))
shown("shown-inverse", make("shown-inverse", stored, 16, 8, photometric="MONOCHROME1", RescaleSlope=1, RescaleIntercept=0, WindowCenter=100, WindowWidth=120))
shown("shown-voi", make("shown-voi", stored, 16, 8, VOILUTSequence=table(curve // 16, 0, 8)))
EOF

# compared NAME ERROR [SUFFIX]: no sample of NAME.dcm, or of NAME.png, is further off than ERROR
compared() {
    expect 0 compare "$1.${3:-dcm}" "$1.npy" --json
    is max_abs_error "v <= $2"
}

step 'samples of every depth and sign, in both byte orders'
for name in u8 i8 u16 i16 u32 i32 big-u16 big-i16 big-u32 big-i32 i12-of-16 one-bit; do compared $name 0; done
for name in cells-u4 cells-u12 cells-i12 cells-i20 cells-u24; do
    compared $name 0
    compared big-$name 0
done

step 'colour by pixel and by plane; YBR becomes RGB within one level'
for name in rgb rgb-planes deep-rgb deep-rgb-planes; do compared $name 0; done
for name in ybr ybr-planes ybr-422; do compared $name 1; done

step 'palettes are looked up, segments of one expanded'
for name in palette palette-bytes palette-first palette-deep; do compared $name 0; done
compared segmented 1

step 'a picture shows the modality LUT, the VOI LUT or the window, within one level; the file comes back'
for name in shown-modality shown-rescale shown-inverse shown-voi; do
    expect 0 encrypt -r bob.id.card --no-features --no-embedding $name.dcm -o shown.mv -f
    expect 0 decrypt -i bob.id shown.mv -o $name.png
    compared $name 1 png
    expect 0 decrypt -i bob.id shown.mv -o back.dcm -f
    same $name.dcm back.dcm
done

step 'a segmented palette that ends early, or copies a copy, is refused'
/usr/bin/python3 - <<'EOF'
good = open("segmented.dcm", "rb").read()
copy = bytes([2, 0, 2, 0, 0, 0, 0, 0])
assert good.count(copy) == 3
open("loop.dcm", "wb").write(good.replace(copy, bytes([2, 0, 2, 0]) + (36).to_bytes(4, "little")))
open("short.dcm", "wb").write(good.replace(copy, bytes([0, 0, 255, 0, 0, 0, 0, 0])))
EOF
for name in loop short; do
    expect 2 compare $name.dcm segmented.npy
    says 'colour form not read here'
done
