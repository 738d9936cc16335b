#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# inspect shows what a relay can see, and nothing that it cannot.
. "$(dirname "$0")/lib.sh"
people
image patient-doe.png 40 40

expect 0 encrypt -s alice.id -r bob.id.card patient-doe.png -o scan.mv

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

step 'features travel only where they are smaller than the exact image, when that is asked for'
/usr/bin/python3 - <<'END'
import random
random.seed(1)
def npy(name, values):
    head = b"{'descr': '<u2', 'fortran_order': False, 'shape': (96, 96), }".ljust(117) + b"\n"
    open(name, "wb").write(b"\x93NUMPY\x01\x00\x76\x00" + head + b"".join(v.to_bytes(2, "little") for v in values))
npy("flat.npy", [i % 96 // 12 for i in range(96 * 96)])
npy("noise.npy", [random.randrange(65536) for i in range(96 * 96)])
END
expect 0 encrypt -r bob.id.card flat.npy -o flat.mv --features-if-smaller
says 'without features, which would be larger than the exact image: 1 of 1'
expect 0 inspect -i bob.id flat.mv
prints 'left out: they would be larger than the exact image'
expect 0 inspect -i bob.id flat.mv --json
is inside 'v["features"] is None and v["embedding"]["values"] == 128 and v["image"]["width"] == 96'
expect 0 decrypt -i bob.id flat.mv -o back.npy
same flat.npy back.npy
expect 10 decrypt -i bob.id --reconstruct flat.mv -o network.npy
expect 0 encrypt -r bob.id.card flat.npy -o kept.mv
expect 0 decrypt -i bob.id --reconstruct kept.mv -o network.npy
expect 0 encrypt -r bob.id.card flat.npy noise.npy -o both.mv --features-if-smaller --json
is features_left_out 'v == 1'
expect 0 inspect -i bob.id both.mv --json
is inside '[m["features"] is None for m in v["members"]] == [True, False]'
expect 2 encrypt -r bob.id.card flat.npy -o lossy.mv --features-if-smaller --lossy
absent lossy.mv
