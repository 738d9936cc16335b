#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Real images: encrypt, decrypt, compare on a seeded sample of MEDVEIL_DATA, one in MEDVEIL_SAMPLE
# (default 40; make check-long takes 1: all of them). Without MEDVEIL_DATA, phantom images.
. "$(dirname "$0")/lib.sh"
people
sample=${MEDVEIL_SAMPLE:-40}

if [ -n "${MEDVEIL_DATA:-}" ]; then
    [ -d "$MEDVEIL_DATA" ] || fail "MEDVEIL_DATA ($MEDVEIL_DATA) is a folder"
    find "$MEDVEIL_DATA/" -path '*/dicom/*' -prune -o -type f \
        \( -name '*.png' -o -name '*.jpg' -o -name '*.npy' -o -name '*.nii' -o -name '*.nii.gz' \) -print |
        sort | /usr/bin/python3 -c 'import random, sys
names = sys.stdin.read().splitlines()
print("\n".join(sorted(random.Random(2024).sample(names, -(-len(names) // int(sys.argv[1]))))))' "$sample" >names
    echo "MEDVEIL_DATA: 1 in $sample images, $(wc -l <names) of them"
else
    echo 'MEDVEIL_DATA IS NOT SET: six phantom images stand in for real ones'
    seed=0
    for file in ct.png mr.png xray.png deep.png volume.nii.gz array.npy; do
        seed=$((seed + 1))
        case $file in
        ct.png | xray.png) set -- --kind "${file%.png}" ;;
        deep.png | array.npy) set -- --type u16 ;;
        volume.nii.gz) set -- --type i16 --depth 3 ;;
        *) set -- ;;
        esac
        expect 0 phantom "$@" --seed $seed --size $((90 + 11 * seed))x$((120 - 9 * seed)) -o "$work/$file"
        echo "$work/$file" >>names
    done
fi
[ -s names ] || fail 'there are images to test'

count=0 refused=0
while read -r name; do
    echo "$name" >"$work/log/image"
    code=0
    "$MEDVEIL" encrypt -s alice.id -r bob.id.card --features "$name" -o x.mv >"$out" 2>"$err" </dev/null || code=$?
    if [ "$code" != 0 ]; then # a format that this version does not read is named, not guessed
        one_sentence "encrypt $name"
        case $name in *.nii | *.nii.gz) ;; *) fail "$name can be encrypted" ;; esac
        printf '  refused: %s: %s\n' "${name##*/}" "$(sed 's/^medveil: //' "$err" | head -n 1)"
        absent x.mv
        refused=$((refused + 1))
        continue
    fi
    case $name in *.nii.gz) type=.nii.gz ;; *) type=.${name##*.} ;; esac
    expect 0 decrypt -i bob.id --from alice.id.card x.mv -o "exact$type"
    same "$name" "exact$type"
    case $type in
    .png)
        expect 0 decrypt -i bob.id x.mv --reconstruct -o net.png
        expect 0 compare "$name" net.png --json
        # over-sharpened copies among the brain images reach 17 dB; something unlike the image about 10
        is psnr_db 'v is None or v > 15'
        is psnr_db 'v is None or abs(-20 * __import__("math").log10(d["rmse"]) - v) < 1e-6'
        json psnr_db >>psnr
        rm net.png
        ;;
    esac
    rm "x.mv" "exact$type"
    count=$((count + 1))
done <names
echo "$count images came back byte for byte, $refused refused with a sentence"
awk '$1 != "null" { sum += $1; n++ } END { if (n == 0) exit 1; printf "network: mean PSNR %.2f dB of %d PNG images at their own size\n", sum / n, n
    exit sum / n > 30 ? 0 : 1 }' psnr || fail 'the images of the network have a mean PSNR above 30 dB'
[ "$count" -gt 0 ] || fail 'at least one image went the whole way'
