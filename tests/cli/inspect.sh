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
