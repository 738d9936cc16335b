#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compact mode: encrypt --compact, its targets, what inspect says of it, and decrypt.
. "$(dirname "$0")/lib.sh"
people
image scan.png 96 80

step 'beside the original: the very file comes back, and on request the compact image'
expect 0 encrypt -s alice.id -r bob.id.card --compact scan.png -o scan.mv
says 'on which nothing can be computed'
expect 0 decrypt -i bob.id scan.mv -o exact.png
same scan.png exact.png
expect 0 decrypt -i bob.id --reconstruct scan.mv -o compact.png
says 'rebuilt from its compact form, not the exact image'
expect 0 compare scan.png compact.png --json
is identical 'v is False'
is psnr_db '35 < v < 60'
expect 0 verify -i bob.id scan.mv

step 'inspect says what it is: no features, nothing to compute on, not exact'
expect 0 inspect -i bob.id scan.mv
prints 'features    none travel: the compact image goes in their place'
prints 'under authenticated encryption; nothing can be computed on it'
prints 'is not the exact image'
expect 0 inspect -i bob.id --json scan.mv
is inside 'v["features"] is None and v["exact"]["kept"] is True'
is inside 'v["compact"]["computable"] is False and v["compact"]["exact"] is False'
is inside 'v["compact"]["he"] is False and v["compact"]["model"] == "veil"'

step 'with --lossy it travels alone, in far fewer bytes than features'
expect 0 encrypt -s alice.id -r bob.id.card --lossy scan.png -o features.mv
expect 0 encrypt -s alice.id -r bob.id.card --lossy --compact scan.png -o alone.mv --json
is bytes_compact "0 < v < 96 * 80"
is compact 'v["psnr_db"] > 35 and v["bytes"] == d["bytes_compact"]'
[ "$(size_of alone.mv)" -lt "$(size_of features.mv)" ] || fail 'the compact file is smaller'
expect 0 decrypt -i bob.id alone.mv -o alone.png --json
is exact 'v is False'
expect 0 compare compact.png alone.png --json
is identical 'v is True'

step 'every processor and number of threads rebuilds the same samples'
for mask in portable avx2; do
    for threads in 1 3; do
        MV_CPU_MASK=$mask "$MEDVEIL" decrypt -i bob.id alone.mv -o "$mask$threads.png" \
            --threads $threads 2>"$err" </dev/null || fail "decrypt under $mask"
        same alone.png "$mask$threads.png"
    done
done

step '--target-psnr and --target-bytes are met'
expect 0 encrypt -r bob.id.card --lossy --compact --target-psnr 42 scan.png -o t.mv --json
is compact '42 <= v["psnr_db"] < 44'
expect 0 decrypt -i bob.id t.mv -o t.png
expect 0 compare scan.png t.png --json
is psnr_db '42 <= v < 44'
expect 0 encrypt -r bob.id.card --lossy --compact --target-bytes 1000 scan.png -o b.mv --json
is bytes_compact 'v <= 1000'
expect 0 encrypt -r bob.id.card --lossy --compact --quality 80 scan.png -o q.mv --json
is bytes_compact 'v > 1000'

step 'a target that cannot be met is said, and leaves nothing behind'
expect 2 encrypt -r bob.id.card --lossy --compact --target-bytes 3 scan.png -o none.mv
says 'does not go into 3 bytes'
absent none.mv

step '--he puts it under homomorphic encryption all the same'
expect 0 encrypt -s alice.id -r bob.id.card --lossy --compact --he pack4096 scan.png -o he.mv
expect 0 inspect -i bob.id --json he.mv
is inside 'v["compact"]["he"] is True and v["compact"]["computable"] is False'
expect 0 decrypt -i bob.id he.mv -o he.png
expect 0 compare he.png alone.png --json
is identical 'v is True'

step 'deep, signed and stacked images keep type and scale; a slice may be chosen'
image deep.16.png 64 48
expect 0 encrypt -r bob.id.card --lossy --compact --quality 90 deep.16.png -o deep.mv
expect 0 decrypt -i bob.id deep.mv -o deep.png
expect 0 compare deep.16.png deep.png --json
is max 'v == 65535'
is psnr_db 'v is None or v > 40'
image volume.nii 48 32
expect 0 encrypt -r bob.id.card --lossy --compact volume.nii -o volume.mv
expect 0 decrypt -i bob.id volume.mv -o back.nii
expect 0 compare volume.nii back.nii --json
is psnr_db 'v is None or v > 35'
expect 0 encrypt -r bob.id.card --lossy --compact --slice 0 volume.nii -o slice.mv
expect 0 decrypt -i bob.id slice.mv -o slice.nii

step 'options that do not fit are refused'
expect 2 encrypt -r bob.id.card --compact --bits 4 scan.png -o none.mv
expect 2 encrypt -r bob.id.card --quality 50 scan.png -o none.mv
expect 2 encrypt -r bob.id.card --compact --quality 50 --target-bytes 900 scan.png -o none.mv
expect 2 encrypt -r bob.id.card --compact --target-psnr much scan.png -o none.mv
expect 10 encrypt -r bob.id.card --compact --model absent.mvv scan.png -o none.mv
absent none.mv

step 'networks are trained, installed and used by hash'
mkdir data
image data/a.png 64 64
image data/b.png 64 64
expect 0 train --model veil --data data --steps 2 --validate-every 1 --threads 1 -o own.mvv
expect 0 encrypt -r bob.id.card --lossy --compact --model own.mvv scan.png -o own.mv
expect 10 decrypt -i bob.id own.mv -o own.png
says 'no veil '
expect 0 model install own.mvv
expect 0 decrypt -i bob.id own.mv -o own.png
expect 0 model list
prints 'compact'
expect 2 train --model veil --data data --gamma 1.5 -o other.mvv
