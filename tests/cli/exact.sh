#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# encrypt --exact-coding: DICOM, NIfTI, NPY and PNG, alone and as a study, come back bit for bit from
# every coder, or within --max-error; verify and inspect know; wrong names are refused.
. "$(dirname "$0")/lib.sh"
people

expect 0 phantom --kind ct --size 96x80 --type i16 --seed 1 -o ct.npy
expect 0 phantom --kind mr --size 300x260 --seed 2 -o mr.nii
expect 0 phantom --kind xray --size 50x50 --seed 3 -o scan.png
expect 0 phantom --kind ct --size 64x64 --depth 2 --type i16 -o volume.npy
/usr/bin/python3 "$scripts/make_series.py" volume.npy 2 series
dicom=$(find series -type f | sort | head -n 1)
cp "$dicom" slice.dcm
plain='--no-features --no-embedding'

# coded CODER FILE: seal it so, get the very file back, and leave the bytes inside in $inside
coded() {
    # shellcheck disable=SC2086 -- two options
    expect 0 encrypt -s alice.id -r bob.id.card $plain --exact-coding "$1" "$2" -o coded.mv -f
    expect 0 decrypt -i bob.id coded.mv -o "back.${2##*.}" -f
    same "$2" "back.${2##*.}"
    expect 0 verify -i bob.id coded.mv
    prints 'bit-identical: 1/1'
    expect 0 inspect -i bob.id coded.mv --json
    inside=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["inside"]["exact"]["bytes_coded"])' "$out")
}

step 'every kind of file from every coder, the best no larger than the others'
for file in ct.npy mr.nii slice.dcm; do
    coded jpegls $file
    is inside 'v["exact"]["coding"] == "jpeg-ls"'
    jpegls=$inside
    coded veil $file
    is inside 'v["exact"]["coding"] == "veil"'
    veil=$inside
    coded best $file
    is inside 'v["exact"]["coding"] == "veil"'
    [ "$inside" -le "$veil" ] && [ "$inside" -le $((jpegls + 2)) ] ||
        fail "$file: best of $jpegls and $veil is $inside"
done
coded best scan.png
is inside 'v["exact"]["coding"] == "none"'

step 'the default is JPEG-LS, as before'
# shellcheck disable=SC2086 -- two options
expect 0 encrypt -r bob.id.card $plain ct.npy -o default.mv
expect 0 inspect -i bob.id default.mv --json
is inside 'v["exact"]["coding"] == "jpeg-ls"'

step 'a study'
mkdir ward
cp ct.npy mr.nii scan.png slice.dcm ward
# shellcheck disable=SC2086 -- two options
expect 0 encrypt -r bob.id.card $plain --exact-coding best ward -o ward.mv
expect 0 verify -i bob.id ward.mv
prints 'bit-identical: 4/4'
mkdir got
expect 0 decrypt -i bob.id ward.mv -o got
for file in ct.npy mr.nii scan.png slice.dcm; do
    same ward/$file "$(find got -name $file)"
done

step 'every kernel codes the same bytes and reads those of the others'
for mask in portable avx2; do
    # shellcheck disable=SC2086 -- two options
    MV_CPU_MASK=$mask expect 0 encrypt -r bob.id.card $plain --exact-coding veil mr.nii -o $mask.mv
    expect 0 inspect -i bob.id $mask.mv --json
    cp "$out" $mask.json
    expect 0 decrypt -i bob.id $mask.mv -o $mask.nii
    same mr.nii $mask.nii
done
MV_CPU_MASK=portable expect 0 decrypt -i bob.id coded.mv -o portable.png
python3 - <<'END' || fail 'both are as long'
import json
a, b = (json.load(open(m + ".json"))["inside"]["exact"] for m in ("portable", "avx2"))
assert a == b
END

step 'near-lossless through the pixel coder: smaller, and every sample within the error'
for file in ct.npy mr.nii slice.dcm; do
    last=999999999
    for error in 1 7 255; do
        # shellcheck disable=SC2086 -- two options
        expect 0 encrypt -r bob.id.card $plain --exact-coding best --max-error $error $file -o near.mv -f
        expect 0 decrypt -i bob.id near.mv -o "near.${file##*.}" -f
        expect 0 compare $file "near.${file##*.}" --json
        is max_abs_error "0 < v <= $error"
        expect 0 inspect -i bob.id near.mv --json
        is inside "v['exact']['max_error'] == $error and v['exact']['bytes_coded'] < $last"
        last=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["inside"]["exact"]["bytes_coded"])' "$out")
    done
done
/usr/bin/python3 -c 'import pydicom
d = pydicom.dcmread("near.dcm")
assert d.LossyImageCompressionMethod == "MEDVEIL_PIXELS" and "JPEG" not in d.DerivationDescription' ||
    fail 'the derived object names our own method'

step 'what is refused'
expect 2 encrypt -r bob.id.card --exact-coding small ct.npy -o refused.mv
says 'jpegls, best or veil'
expect 2 encrypt -r bob.id.card --exact-coding best --lossy ct.npy -o refused.mv
expect 2 encrypt -r bob.id.card --exact-coding best --max-error 1 scan.png -o refused.mv
says 'no raw samples'
absent refused.mv
