#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every DICOM file of MEDVEIL_DATA comes back bit for bit; one without an image travels whole.
. "$(dirname "$0")/lib.sh"
[ -n "${MEDVEIL_DATA:-}" ] || skip 'MEDVEIL_DATA is not set: no DICOM files to send'
data=$MEDVEIL_DATA/dicom
[ -d "$data" ] || fail "MEDVEIL_DATA ($MEDVEIL_DATA) has a folder dicom"
people

step 'all files, one command'
# not DICOM by any first byte: a stray byte before a data set without its head
set -- $(find "$data" -name '*.dcm' ! -name 'pydicom__no_meta.dcm' | sort)
[ $# -gt 100 ] || fail "there are DICOM files in $data"
# a small size for the network saves its time; the exact bytes are whole
expect 0 encrypt -s alice.id -r bob.id.card --resize 64x64 "$@" -o sealed/
grep -v '^medveil: ' "$err" && fail 'only medveil itself speaks'
grep 'reader died' "$err" && fail 'no file is more than its reader can take'
whole=$(grep -c 'it travels whole, without features$' "$err")
expect 0 decrypt -i bob.id --from alice.id.card sealed/*.mv -o back/
for file; do same "$file" "back/${file##*/}"; done
echo "$# DICOM files came back byte for byte, $whole of them whole without features"
expect 0 verify -i bob.id sealed/*.mv
prints 'bit-identical'

step 'raw pixels travel as JPEG-LS, compressed ones as they are'
/usr/bin/python3 - "$MEDVEIL" sealed <<'EOF'
import glob, json, subprocess, sys
exact = {}
for path in glob.glob(sys.argv[2] + "/*.mv"):
    line = subprocess.run([sys.argv[1], "inspect", "-i", "bob.id", "--json", path], check=True, capture_output=True)
    exact[path.split("/")[-1][:-7]] = json.loads(line.stdout)["inside"]["exact"]
coded = {name: e for name, e in exact.items() if e["coding"] == "jpeg-ls"}
assert all(e["bytes_coded"] < e["bytes_exact"] for e in coded.values())
assert all(e["coding"] == "none" and e["bytes_coded"] == e["bytes_exact"]
           for name, e in exact.items() if name not in coded)
assert {"pydicom__CT_small", "pydicom__MR_small_bigendian", "pydicom__MR_small_implicit"} <= set(coded), sorted(coded)
assert not {"pydicom__MR_small_jpeg_ls_lossless", "pydicom__MR_small_RLE"} & set(coded)
print(len(coded), "of", len(exact), "travel coded")
EOF

step 'an object without an image'
report=$data/pydicom__reportsi.dcm
expect 0 encrypt -r bob.id.card "$report" -o report.mv
says 'is a DICOM object without an image: it travels whole, without features'
expect 10 decrypt -i bob.id report.mv --reconstruct -o report.png
absent report.png
code=0
"$MEDVEIL" encrypt -r bob.id.card --lossy "$report" -o lossy.mv >"$out" 2>"$err" </dev/null || code=$?
[ "$code" != 0 ] || fail '--lossy has nothing to send of an object without an image'
one_sentence 'encrypt --lossy'
absent lossy.mv

step 'a mammogram is not sent without its original'
/usr/bin/python3 -c 'import sys
scan = open(sys.argv[1], "rb").read()
modality = b"\x08\x00\x60\x00CS\x02\x00"
assert scan.count(modality + b"CT") == 1
open(sys.argv[2], "wb").write(scan.replace(modality + b"CT", modality + b"MG"))' \
    "$data/pydicom__CT_small.dcm" "$work/mg.dcm"
expect 14 encrypt -r bob.id.card --lossy "$work/mg.dcm" -o mg.mv
says 'is a mammogram'
absent mg.mv
expect 0 encrypt -r bob.id.card "$work/mg.dcm" -o mg.mv

step 'the pixels of a DICOM file in another format'
expect 0 decrypt -i bob.id "sealed/pydicom__CT_small.dcm.mv" -o ct.npy
expect 0 compare "$data/pydicom__CT_small.dcm" ct.npy --json
is identical 'v'
