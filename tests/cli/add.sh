#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Encrypted features are added by somebody without keys; a holder opens the exact sums.
. "$(dirname "$0")/lib.sh"
people
expect 0 collection new -i alice.id -o ward.mv
for n in 1 2 3 4; do expect 0 phantom --seed $n --size 64x48 -o p$n.png; done

# seal NUMBER OPTION...: image NUMBER as sNUMBER.mv
seal() {
    n=$1
    shift
    expect 0 encrypt -s alice.id -r alice.id.card --collection ward.mv "$@" p$n.png -o s$n.mv -f
}

# sums OUT IN...: whether the numbers of OUT are the sums of those of IN, file by file
sums() {
    python3 - "$@" <<'PY'
import struct, sys
def numbers(name):
    b = open(name, "rb").read()
    assert b"<u4" in b[:128], name
    start = 10 + struct.unpack_from("<H", b, 8)[0]
    return struct.unpack("<%dI" % ((len(b) - start) // 4), b[start:])
out, parts = numbers(sys.argv[1]), [numbers(n) for n in sys.argv[2:]]
sys.exit(not (len(out) > 1000 and len(set(out)) > 50 and out == tuple(map(sum, zip(*parts)))))
PY
}

step 'sums are exact, also sums of sums'
for n in 1 2 3 4; do
    seal $n --he add4096 --sums 3
    expect 0 features take -i alice.id s$n.mv -o f$n.sum
    expect 0 features open -i alice.id --collection ward.mv f$n.sum -o f$n.npy
done
mkdir relay
cp f1.sum f2.sum f3.sum f4.sum relay/
expect 0 add relay/f1.sum relay/f2.sum -o relay/two.sum --json
is summed 'v == 2'
is sums 'v == 3'
expect 0 add relay/two.sum relay/f3.sum -o relay/three.sum
expect 0 features open -i alice.id --collection ward.mv relay/three.sum -o three.npy --json
is summed 'v == 3'
sums three.npy f1.npy f2.npy f3.npy || fail 'the sums are those of the features'

step 'more than there is room for is refused'
expect 1 add f1.sum f2.sum f3.sum f4.sum -o four.sum
says 'more than 3'
expect 1 add relay/two.sum relay/two.sum -o four.sum
absent four.sum

step 'features of unlike kinds are not added'
expect 0 phantom --seed 5 --size 64x64 -o p5.png
seal 5 --he add4096 --sums 3
expect 0 features take -i alice.id s5.mv -o f5.sum
expect 2 add f1.sum f5.sum -o x.sum
says 'different sizes'
seal 2 --he add4096 --sums 2
expect 0 features take -i alice.id s2.mv -o f6.sum
expect 2 add f1.sum f6.sum -o x.sum
seal 2 --model bp --he add4096 --sums 3
expect 0 features take -i alice.id s2.mv -o f7.sum
expect 2 add f1.sum f7.sum -o x.sum
says 'different models'
expect 0 encrypt -s alice.id -r alice.id.card --he add4096 --sums 3 p2.png -o own.mv
expect 0 features take -i alice.id own.mv -o own.sum
expect 2 add f1.sum own.sum -o x.sum
says 'different collections'
absent x.sum

step 'what has no sums says so'
for model in resnet gan lstm; do
    seal 1 --model $model --he add4096 --sums 3
    expect 2 features take -i alice.id s1.mv -o x.sum
    says 'mean nothing'
done
seal 1 --features
expect 2 features take -i alice.id s1.mv -o x.sum
says 'without room'
seal 1 --he score4096
expect 2 features take -i alice.id s1.mv -o x.sum
says 'slots'
expect 12 features take -i bob.id own.mv -o x.sum
absent x.sum

step 'damaged files, and those of others'
cp f1.sum broken.sum
flip broken.sum 3
expect 1 add broken.sum f2.sum -o x.sum
says 'broken.sum'
head -c 300 f1.sum >short.sum
expect 1 add f2.sum short.sum -o x.sum
expect 1 add f1.sum p1.png -o x.sum
expect 0 collection new -i bob.id -o other.mv
expect 12 features open -i bob.id --collection other.mv f1.sum -o x.npy
expect 2 features open -i alice.id --collection ward.mv f1.sum -o x.png
expect 2 add f1.sum -o x.sum
expect 2 add f1.sum f2.sum
expect 1 add f1.sum f2.sum -o f3.sum
says 'exists already'
absent x.sum
absent x.npy
