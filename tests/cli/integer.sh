#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --integer: the network in whole numbers, the same bits under every mask and number of threads.
. "$(dirname "$0")/lib.sh"
people
image scan.png 290 40

step 'a picture is as near as that of the network in floating point, whichever end counts how'
expect 0 encrypt -r bob.id.card --lossy scan.png -o real.mv
expect 0 encrypt -r bob.id.card --lossy --integer scan.png -o whole.mv
for file in real whole; do
    expect 0 decrypt -i bob.id $file.mv -o $file-real.png
    expect 0 decrypt -i bob.id --integer $file.mv -o $file-whole.png
done
expect 0 compare scan.png real-real.png --json
psnr=$(python3 -c 'import json,sys; print(json.load(sys.stdin)["psnr_db"])' <"$out")
for back in real-whole whole-real whole-whole; do
    expect 0 compare scan.png $back.png --json
    is psnr_db "v > $psnr - 0.1"
done

step 'every processor and number of threads gives the same features and the same picture'
for model in cnn resnet; do
    expect 0 encrypt -s alice.id -r bob.id.card --lossy --no-embedding --integer --model $model \
        scan.png -o $model.mv
    expect 0 decrypt -i bob.id --integer $model.mv -o $model.png
    for mask in portable avx2; do
        for threads in 1 3; do
            name=$model$mask$threads
            MV_CPU_MASK=$mask "$MEDVEIL" encrypt -r bob.id.card --lossy --no-embedding --integer \
                --model $model --threads $threads scan.png -o $name.mv 2>"$err" </dev/null ||
                fail "encrypt under $mask"
            expect 0 decrypt -i bob.id --integer $name.mv -o $name.png
            same $model.png $name.png
            MV_CPU_MASK=$mask "$MEDVEIL" decrypt -i bob.id --integer --threads $threads $model.mv \
                -o again.png --force 2>"$err" </dev/null || fail "decrypt under $mask"
            same $model.png again.png
        done
    done
done

step 'networks that would gain nothing are refused by name of the reason, and nothing is written'
for model in bp lstm; do
    expect 2 encrypt -r bob.id.card --lossy --integer --model $model scan.png -o no.mv
    says 'whole numbers'
    [ ! -e no.mv ] || fail 'nothing is written'
done

step 'beside the exact image the very file comes back as ever'
expect 0 encrypt -r bob.id.card --integer scan.png -o exact.mv
expect 0 decrypt -i bob.id --integer exact.mv -o exact.png
same scan.png exact.png
