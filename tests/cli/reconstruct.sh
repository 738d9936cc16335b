#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The network's image: --reconstruct, --lossy, and what compare and --json say about it.
. "$(dirname "$0")/lib.sh"
people
image scan.png 96 80

step 'encrypt --json gives times and sizes'
expect 0 encrypt -s alice.id -r bob.id.card --features scan.png -o scan.mv --json
for key in encode_ms encrypt_ms; do is $key 'v >= 0'; done
is bytes_in "v == $(size_of scan.png)"
is bytes_features 'v == 48 * 40 * 3'
is bytes_ciphertext 'v >= d["bytes_features"]'
is bytes_total "v == $(size_of scan.mv)"
[ "$(wc -l <"$out")" = 1 ] || fail 'one object on one line'

step 'decrypt --reconstruct gives the image of the network, near but not the same'
expect 0 decrypt -i bob.id scan.mv --reconstruct -o net.png --json
for key in decrypt_ms decode_ms; do is $key 'v >= 0'; done
is exact 'v is False'
expect 0 compare scan.png net.png --json
is identical 'v is False'
is psnr_db '20 < v < 99'
is rmse '0 < v < 0.1'
is ssim '0.5 < v < 1'
is max 'v == 255'
is max_abs_error '0 < v <= 255'
is rmse 'abs(-20 * __import__("math").log10(v) - d["psnr_db"]) < 1e-6'

step 'the same without --reconstruct is the exact file'
expect 0 decrypt -i bob.id scan.mv -o exact.png
same scan.png exact.png
expect 0 compare scan.png exact.png --json
is psnr_db 'v is None'
is identical 'v is True'
is rmse 'v == 0'

step '--lossy leaves the exact bytes out; what opens is the same image of the network'
expect 0 encrypt -s alice.id -r bob.id.card scan.png --lossy -o lossy.mv
[ "$(size_of lossy.mv)" -lt "$(size_of scan.mv)" ] || fail 'the lossy file is smaller'
expect 0 decrypt -i bob.id lossy.mv -o lossy.png
expect 0 compare net.png lossy.png --json
is identical 'v is True'

step '16-bit and signed samples come back in their own scale'
image deep.16.png 64 48
expect 0 encrypt -s alice.id -r bob.id.card deep.16.png --lossy --bits 12 -o deep.mv
expect 0 decrypt -i bob.id deep.mv -o deep.png
expect 0 compare deep.16.png deep.png --json
is max 'v == 65535'
is psnr_db 'v > 20'
image volume.nii 48 32
expect 0 encrypt -s alice.id -r bob.id.card volume.nii --lossy -o volume.mv
expect 0 decrypt -i bob.id volume.mv -o net.nii
expect 0 compare volume.nii net.nii --json
is psnr_db 'v > 20'

step 'images of unequal size are not compared'
image small.png 20 20
expect 2 compare scan.png small.png

step 'an image without contrast is defined, not divided by zero'
/usr/bin/python3 - flat.npy <<'PY'
import sys
head = "{'descr': '|u1', 'fortran_order': False, 'shape': (24, 24), }"
head += " " * (-(len(head) + 11) % 64) + "\n"
open(sys.argv[1], "wb").write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little")
                              + head.encode() + bytes([77]) * 576)
PY
expect 0 encrypt -s alice.id -r bob.id.card flat.npy --lossy -o flat.mv
expect 0 decrypt -i bob.id flat.mv -o flat.back.npy
expect 0 compare flat.npy flat.back.npy --json
is max_abs_error 'v == 0'
