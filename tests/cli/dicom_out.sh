#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What leaves as DICOM without being the very file is marked so and says nothing else anew; pictures
# are windowed, volumes keep their place.
. "$(dirname "$0")/lib.sh"
samples=/usr/lib/python3/dist-packages/pydicom/data/test_files
[ -f "$samples/CT_small.dcm" ] || skip 'python3-pydicom is not installed: no DICOM files to send'
for tool in dcmdump dcmftest dcm2xml dciodvfy; do
    command -v "$tool" >/dev/null || fail "$tool is installed: tools/install_packages check"
done
people
cp "$samples/CT_small.dcm" ct.dcm
cp "$samples/MR_small.dcm" mr.dcm
cp "$samples/SC_rgb_jpeg_dcmtk.dcm" colour.dcm

# faults FILE: what a validator holds against it, of the header's rules
faults() { dciodvfy "$1" 2>&1 | grep -a '^Error' | sort -u || true; }

# accepted FILE ORIGINAL: validators accept it as they accept the original
accepted() {
    dcmftest "$1" | grep -q '^yes: ' || fail "dcmftest takes $1 for a DICOM file"
    dcmdump -q "$1" >/dev/null || fail "dcmdump reads $1"
    dcm2xml -q "$1" | grep -q 'name="PixelData"' || fail "dcm2xml reads $1 to its pixels"
    faults "$1" >"$work/log/faults"
    faults "$2" | comm -13 - "$work/log/faults" >"$work/log/new_faults"
    [ ! -s "$work/log/new_faults" ] || fail "dciodvfy finds no more in $1 than in $2"
}

# derived FILE ORIGINAL METHOD: accepted, with the marks of a lossy object, and nothing else changed
derived() {
    accepted "$1" "$2"
    /usr/bin/python3 - "$1" "$2" "$3" <<'EOF'
import sys
import pydicom
new, old, method = pydicom.dcmread(sys.argv[1]), pydicom.dcmread(sys.argv[2]), sys.argv[3]
assert new.SOPInstanceUID != old.SOPInstanceUID and new.SOPInstanceUID.startswith("2.25.")
assert new.file_meta.MediaStorageSOPInstanceUID == new.SOPInstanceUID
assert new.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
assert new.ImageType[0] == "DERIVED" and list(new.ImageType[1:]) == list(old.ImageType[1:])
assert new.LossyImageCompression == "01" and new.LossyImageCompressionMethod == method
assert 1 < float(new.LossyImageCompressionRatio) < 100, new.LossyImageCompressionRatio
assert "medveil" in new.DerivationDescription
source = new.SourceImageSequence[-1]
assert source.ReferencedSOPInstanceUID == old.SOPInstanceUID
assert source.ReferencedSOPClassUID == old.SOPClassUID == new.SOPClassUID
changed = {"SOPInstanceUID", "ImageType", "LossyImageCompression", "LossyImageCompressionMethod",
           "LossyImageCompressionRatio", "DerivationDescription", "SourceImageSequence", "PixelData",
           "DerivationCodeSequence"}
gone = {"SmallestImagePixelValue", "LargestImagePixelValue", "DataSetTrailingPadding"}
for e in old:
    if e.keyword not in changed | gone and e.tag.element != 0:
        assert e.tag in new and new[e.tag].value == e.value, e.keyword or e.tag
assert {e.keyword for e in new if e.tag not in old} <= changed
EOF
}

step 'near-lossless: a derived object, every sample within the error'
for name in ct mr; do
    expect 0 encrypt -s alice.id -r bob.id.card --resize 64x64 --max-error 3 $name.dcm -o near.mv -f
    says 'near-lossless'
    expect 0 decrypt -i bob.id near.mv -o near.dcm -f --json
    is exact 'v is False'
    is max_error 'v == 3'
    expect 0 compare $name.dcm near.dcm --json
    is max_abs_error '0 < v <= 3'
    derived near.dcm $name.dcm ISO_14495_1
    expect 0 inspect -i bob.id near.mv --json
    is inside 'v["exact"]["max_error"] == 3 and v["exact"]["coding"] == "jpeg-ls"'
    is inside 'v["exact"]["bytes_coded"] < 0.7 * v["exact"]["bytes_exact"]'
    expect 15 verify -i bob.id near.mv
    prints 'bit-identical: 0/1'
done

if [ -n "${MEDVEIL_DATA:-}" ]; then
    step 'near-lossless of enhanced objects, palettes, frames, an icon, and attributes of unknown form'
    for name in pydicomdata__emri_small_RLE highdicom__sm_image_grayscale pydicomdata__gdcm-US-ALOKA-16 pydicom__examples_palette \
        nibabel__slicethickness_empty_string pydicomdata__explicit_VR-UN pydicom__SC_ybr_full_422_uncompressed pydicom__JPEG2000; do
        expect 0 encrypt -r bob.id.card --no-features --no-embedding --max-error 2 "$MEDVEIL_DATA/dicom/$name.dcm" -o near.mv -f
        expect 0 decrypt -i bob.id near.mv -o near.dcm -f
        accepted near.dcm "$MEDVEIL_DATA/dicom/$name.dcm"
    done
fi

step 'near-lossless of other raw files, which only their samples tell'
expect 0 encrypt -r bob.id.card --no-features mr.dcm -o mr.mv
expect 0 decrypt -i bob.id mr.mv -o plain.npy
expect 0 encrypt -r bob.id.card --resize 64x64 --max-error 5 plain.npy -o npy.mv
expect 0 decrypt -i bob.id npy.mv -o near.npy
expect 0 compare plain.npy near.npy --json
is max_abs_error '0 < v <= 5'

step 'what cannot be near-lossless'
image scan.png 64 64
expect 2 encrypt -r bob.id.card --max-error 2 scan.png -o refused.mv
says 'no raw samples'
expect 2 encrypt -r bob.id.card --max-error 2 --lossy ct.dcm -o refused.mv
expect 2 encrypt -r bob.id.card --max-error 256 ct.dcm -o refused.mv
/usr/bin/python3 -c 'import sys
scan = open(sys.argv[1], "rb").read()
open(sys.argv[2], "wb").write(scan.replace(b"\x08\x00\x60\x00CS\x02\x00CT", b"\x08\x00\x60\x00CS\x02\x00MG"))' ct.dcm mg.dcm
expect 14 encrypt -r bob.id.card --max-error 2 mg.dcm -o refused.mv
says 'is a mammogram'
expect 0 encrypt -r bob.id.card --features mg.dcm -o mg.mv
expect 14 decrypt -i bob.id --reconstruct mg.mv -o refused.dcm
says 'is a mammogram'
absent refused.mv
absent refused.dcm

step "the network's image as DICOM, with and without the original inside"
for mode in --features --lossy; do
    expect 0 encrypt -r bob.id.card $mode ct.dcm -o net.mv -f
    expect 0 decrypt -i bob.id --reconstruct net.mv -o net.dcm -f
    derived net.dcm ct.dcm MEDVEIL_NETWORK
    expect 0 compare ct.dcm net.dcm --json
    is psnr_db 'v > 30'
done
expect 0 encrypt -r bob.id.card --lossy scan.png -o png.mv
expect 2 decrypt -i bob.id png.mv -o refused.dcm
says 'cannot make a DICOM file from pixels of another file'
absent refused.dcm

step 'compressed YBR becomes plain RGB'
expect 0 encrypt -r bob.id.card --max-error 1 --resize 64x64 colour.dcm -o colour.mv
expect 0 decrypt -i bob.id colour.mv -o rgb.dcm
/usr/bin/python3 -c 'import pydicom
d = pydicom.dcmread("rgb.dcm")
assert d.PhotometricInterpretation == "RGB" and d.SamplesPerPixel == 3 and d.PlanarConfiguration == 0
assert len(d.PixelData) >= d.Rows * d.Columns * 3'
expect 0 compare colour.dcm rgb.dcm --json
is max_abs_error 'v <= 1'

step 'a picture shows the window, MONOCHROME1 inverted'
expect 0 decrypt -i bob.id mr.mv -o mr.png
/usr/bin/python3 - <<'EOF'
import pydicom
d = pydicom.dcmread("mr.dcm")
d.PhotometricInterpretation = "MONOCHROME1"
d.save_as("inverse.dcm")
EOF
expect 0 encrypt -r bob.id.card --resize 64x64 inverse.dcm -o inverse.mv
expect 0 decrypt -i bob.id inverse.mv -o inverse.png
for name in mr inverse; do
    expect 0 encrypt -r bob.id.card --resize 64x64 $name.png -o shown.mv -f
    expect 0 decrypt -i bob.id shown.mv -o $name.npy
done
/usr/bin/python3 - <<'EOF'
import struct
import pydicom
d = pydicom.dcmread("mr.dcm")
count = d.Rows * d.Columns
stored = struct.unpack(f"<{count}h", d.PixelData)
centre, width = float(d.WindowCenter) - 0.5, float(d.WindowWidth) - 1  # PS3.3 C.11.2.1.2
shown = [min(max((v - centre) / width + 0.5, 0), 1) * 255 for v in stored]
for name, wanted in (("mr.npy", shown), ("inverse.npy", [255 - v for v in shown])):
    got = open(name, "rb").read()[-count:]
    assert all(abs(a - b) <= 0.51 for a, b in zip(got, wanted)), name
    assert len(set(got)) > 50
EOF

step 'a volume keeps its place in the patient'
expect 0 decrypt -i bob.id mr.mv -o mr.nii
expect 0 decrypt -i bob.id mr.mv -o mr.nii.gz
gzip -dc mr.nii.gz | cmp -s - mr.nii || fail 'both forms hold the same'
/usr/bin/python3 - <<'EOF'
import struct
import pydicom
d, nifti = pydicom.dcmread("mr.dcm"), open("mr.nii", "rb").read()
assert struct.unpack_from("<h", nifti, 254)[0] == 1
rows = [struct.unpack_from("<4f", nifti, 280 + 16 * i) for i in range(3)]
o, p, s = [[float(v) for v in x] for x in (d.ImageOrientationPatient, d.ImagePositionPatient, d.PixelSpacing)]
for i, sign in enumerate((-1, -1, 1)):
    wanted = (sign * o[i] * s[1], sign * o[3 + i] * s[0], sign * p[i])
    assert all(abs(a - b) < 1e-3 for a, b in zip((rows[i][0], rows[i][1], rows[i][3]), wanted)), rows
across = [o[1] * o[5] - o[2] * o[4], o[2] * o[3] - o[0] * o[5], o[0] * o[4] - o[1] * o[3]]
step = [-rows[0][2], -rows[1][2], rows[2][2]]
assert sum(a * b for a, b in zip(across, step)) > 0
EOF
expect 0 compare mr.dcm mr.nii --json
is identical 'v'
