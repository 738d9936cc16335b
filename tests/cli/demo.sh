#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# medveil demo goes the whole way on one image and leaves one picture and nothing else.
. "$(dirname "$0")/lib.sh"
export TMPDIR="$work/tmp"
mkdir "$TMPDIR"
image scan.png 64 64

step 'demo IMAGE --json: what each stage said, and the quality of what came out'
expect 0 demo scan.png --json
is quality '20 < v["psnr_db"] < 99 and 0 < v["rmse"] < 0.1 and 0.5 < v["ssim"] < 1'
is exact 'v["identical"] is True'
is encrypt 'v["bytes_ciphertext"] >= v["bytes_features"] == 32 * 32 * 3'
is encrypt 'v["encode_ms"] > 0 and v["encrypt_ms"] > 0'
is decrypt 'v["decode_ms"] > 0 and v["decrypt_ms"] > 0'
is picture 'v == "medveil-demo.png"'
only scan.png medveil-demo.png

step 'the picture is a PNG, wider than high or not, but not small'
/usr/bin/python3 - <<'PY' || fail 'the picture has a sensible size'
import struct
head = open("medveil-demo.png", "rb").read(24)
width, height = struct.unpack(">II", head[16:24])
assert head[:8] == b"\x89PNG\r\n\x1a\n" and width >= 300 and height >= 100
PY

step 'no temporary folder stays behind'
[ -z "$(ls -A "$TMPDIR")" ] || fail 'the temporary folder is gone'


step 'demo without an image shows the brain scan of the package mricron-data, where it is installed'
if [ -e /usr/share/mricron/templates/ch2.nii.gz ]; then
    expect 0 demo -o brain.png
    prints PSNR
    prints bit-identical
else
    echo '  (mricron-data is not installed)'
fi
