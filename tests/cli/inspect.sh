#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# inspect shows what a relay can see, and nothing that it cannot.
. "$(dirname "$0")/lib.sh"
people
image patient-doe.png 40 40

expect 0 encrypt -s alice.id -r bob.id.card --features patient-doe.png -o scan.mv

step 'without a key: version, number of wraps, padded length'
expect 0 inspect scan.mv --json
is version 'v == 1'
is wraps 'v == 1'
is bytes_total "v == $(size_of scan.mv)"
expect 0 inspect scan.mv
for word in patient-doe pack4096 cnn 40x40; do
    ! grep -q "$word" "$out" || fail "the outside does not show $word"
done

step 'the sealed bytes hold neither the name, nor the set, nor the model, nor the sender'
for word in patient-doe pack4096 cnn; do
    ! grep -aq "$word" scan.mv || fail "the sealed bytes do not hold $word"
done

step 'the length does not tell small differences in size'
image a.png 40 40 2
image b.png 40 40 3
expect 0 encrypt -s alice.id -r bob.id.card a.png -o a.mv
expect 0 encrypt -s alice.id -r bob.id.card b.png -o b.mv
[ "$(size_of a.mv)" = "$(size_of b.mv)" ] || fail 'two images of nearly one length seal to one length'

step 'with the identity: what is inside'
expect 0 inspect -i bob.id scan.mv
prints patient-doe.png
prints pack4096
prints cnn
expect 12 inspect -i alice.id scan.mv

step 'features travel where they are smaller than the exact image; who reads the file is told why not'
/usr/bin/python3 - <<'END'
import random
random.seed(1)
def npy(name, values):
    head = b"{'descr': '<u2', 'fortran_order': False, 'shape': (96, 96), }".ljust(117) + b"\n"
    open(name, "wb").write(b"\x93NUMPY\x01\x00\x76\x00" + head + b"".join(v.to_bytes(2, "little") for v in values))
npy("flat.npy", [i % 96 // 12 for i in range(96 * 96)])
npy("noise.npy", [random.randrange(65536) for i in range(96 * 96)])
END
expect 0 encrypt -r bob.id.card flat.npy -o flat.mv --json
is bytes_ciphertext 'v == 0'
is bytes_embedding 'v == 243'
is features_left_out 'v == 1'
is features_why '"left out: they would take 8692 bytes, the exact image takes " in v and "--features" in v'
expect 0 encrypt -r bob.id.card flat.npy -o flat.mv -f
says 'features left out: they would take 8692 bytes, the exact image takes'
expect 0 inspect -i bob.id flat.mv
prints 'left out: they would be larger than the exact image'
expect 0 inspect -i bob.id flat.mv --json
is inside 'v["features"] is None and v["features_why"] == "left out: they would be larger than the exact image"'
is inside 'v["embedding"]["values"] == 128 and v["image"]["width"] == 96'
expect 0 decrypt -i bob.id flat.mv -o back.npy
same flat.npy back.npy
for command in 'decrypt --reconstruct' 'features take'; do
    # shellcheck disable=SC2086 -- a command and its option
    expect 10 $command -i bob.id flat.mv -o network.npy
    says 'the sender left the features out, which were larger than the exact image; encrypt --features keeps them'
done
expect 0 encrypt -r bob.id.card noise.npy -o noise.mv --json
is bytes_ciphertext 'v == 8692'
is features_left_out 'v == 0'
is features_why 'v is None'
expect 0 decrypt -i bob.id --reconstruct noise.mv -o network.npy

step 'features that are asked for travel, in so many words or by an option that is about them'
for option in --features '--bits 7' '--he add4096' '--sums 1' '--frame-slices 1' '--resize 90x90' '--slice 0' --lossy; do
    # shellcheck disable=SC2086 -- an option and its value
    expect 0 encrypt -r bob.id.card flat.npy -o kept.mv -f --json $option
    is bytes_ciphertext 'v > 7000'
    is features_left_out 'v == 0'
    expect 0 decrypt -i bob.id --reconstruct kept.mv -o network.npy -f
done

step 'of a study each image is weighed by itself; --reconstruct gives what there is, unless there is nothing'
expect 0 encrypt -r bob.id.card flat.npy noise.npy -o both.mv --json
is features_left_out 'v == 1'
is features_why 'v is None'
head -n 1 "$out" | grep -q '"features":0,"features_why":"left out: they would take 8692 bytes' || fail 'the line of the flat image says why'
sed -n 2p "$out" | grep -q '"features":6912,"features_why":null' || fail 'the line of the noisy one has features'
expect 0 inspect -i bob.id both.mv --json
is inside '[m["features"] is None for m in v["members"]] == [True, False]'
expect 0 decrypt -i bob.id --reconstruct both.mv -o both
says '1 images come as they are'
same flat.npy both/flat.npy
differ noise.npy both/noise.npy
cp flat.npy second.npy
expect 0 encrypt -r bob.id.card flat.npy second.npy -o none.mv
says 'for 2 of 2 files'
expect 10 decrypt -i bob.id --reconstruct none.mv -o none
says 'encrypt --features keeps them'
absent none
