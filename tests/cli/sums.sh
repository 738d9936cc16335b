#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Pictures by a plan of classes: encrypted, added by somebody without keys, opened as exact sums and
# as their mean; smaller with classes than without; what does not fit together is refused.
. "$(dirname "$0")/lib.sh"
people
expect 0 collection new -i alice.id -o ward.mv
expect 0 collection new -i bob.id -o other.mv
for n in 1 2 3; do expect 0 phantom --kind ct --seed $n --size 96x64 -o p$n.png; done
me='-i alice.id --collection ward.mv'

# levels OUT IN...: whether the numbers of OUT are the sums of those of IN
levels() {
    python3 - "$@" <<'PY'
import struct, sys
def numbers(name):
    b = open(name, "rb").read()
    assert b"<i4" in b[:128], name
    start = 10 + struct.unpack_from("<H", b, 8)[0]
    return struct.unpack("<%di" % ((len(b) - start) // 4), b[start:])
out, parts = numbers(sys.argv[1]), [numbers(n) for n in sys.argv[2:]]
sys.exit(not (len(out) == 96 * 64 and len(set(out)) > 30 and out == tuple(map(sum, zip(*parts)))))
PY
}

# shellcheck disable=SC2086 -- $me is four words
plan_and_make() { # NAME OPTION...: NAME.plan, and NAME1.sum .. NAME3.sum
    name=$1
    shift
    expect 0 features plan $me "$@" p1.png p2.png p3.png -o "$name.plan" -f
    for n in 1 2 3; do
        expect 0 features make $me --plan "$name.plan" p$n.png -o "$name$n.sum" -f --json
        is psnr_db 'v > 35'
        is clipped "v < d['numbers'] / 50"
    done
}

step 'sums of two and three are exact, and their mean is that of the pictures'
plan_and_make ward --sums 3
mkdir relay
mv ward1.sum ward2.sum ward3.sum relay
expect 0 add relay/ward1.sum relay/ward2.sum -o relay/two.sum --json
is summed 'v == 2'
expect 0 add relay/two.sum relay/ward3.sum -o relay/three.sum
for n in ward1 ward2 ward3 two three; do
    # shellcheck disable=SC2086
    expect 0 features open $me --plan ward.plan --levels relay/$n.sum -o $n.npy
done
levels two.npy ward1.npy ward2.npy || fail 'two are the sum'
levels three.npy ward1.npy ward2.npy ward3.npy || fail 'three are the sum'
# shellcheck disable=SC2086
expect 0 features open $me --plan ward.plan relay/three.sum -o mean.npy --json
is summed 'v == 3'
python3 - <<'PY' || fail 'the mean is near that of the pictures'
import struct, subprocess, os
def samples(name):
    b = open(name, "rb").read()
    return b[10 + struct.unpack_from("<H", b, 8)[0]:]
m = os.environ["MEDVEIL"]
for n in "123":
    subprocess.run([m, "phantom", "--kind", "ct", "--seed", n, "--size", "96x64", "-o", f"q{n}.npy"], check=True, stderr=subprocess.DEVNULL)
mean, parts = samples("mean.npy"), [samples(f"q{n}.npy") for n in "123"]
errors = [(a - sum(p) / 3) ** 2 for a, *p in zip(mean, *parts)]
assert len(errors) == 96 * 64 and sum(errors) / len(errors) < 4, sum(errors) / len(errors)
PY

step 'one more than there is room for is refused'
expect 1 add relay/three.sum relay/ward1.sum -o four.sum
says 'more than 3'
absent four.sum

step 'without classes: the same plan from every picture, and more bytes'
plan_and_make flat --sums 3 --no-classes
# shellcheck disable=SC2086
expect 0 features plan $me --sums 3 --no-classes p3.png -o flat3.plan
# shellcheck disable=SC2086
expect 0 features make $me --plan flat3.plan p3.png -o flat4.sum
expect 0 add flat1.sum flat4.sum -o flat5.sum
# shellcheck disable=SC2086
expect 0 features open $me --plan flat.plan flat5.sum -o flat.png
[ "$(wc -c <flat1.sum)" -gt "$((2 * $(wc -c <relay/ward1.sum)))" ] || fail 'classes save half'

step 'who has no key sees no plan, and nothing of another plan or collection is added or opened'
expect 2 add relay/ward1.sum flat1.sum -o x.sum
says 'different'
# shellcheck disable=SC2086
expect 2 features open $me --plan flat.plan relay/two.sum -o x.png
says 'another plan'
expect 12 features open -i bob.id --collection other.mv --plan ward.plan relay/two.sum -o x.png
expect 12 features make -i bob.id --collection other.mv --plan ward.plan p1.png -o x.sum
says 'another collection'
python3 - <<'PY'
b = bytearray(open("ward.plan", "rb").read())
b[100] ^= 1
open("bent.plan", "wb").write(b)
PY
# shellcheck disable=SC2086
expect 13 features make $me --plan bent.plan p1.png -o x.sum
# shellcheck disable=SC2086
expect 1 features make $me --plan p1.png p1.png -o x.sum
says 'not a plan'
absent x.sum
absent x.png

step 'pictures of another size, floats, wrong numbers, an existing file'
expect 0 phantom --seed 4 --size 40x40 -o small.png
# shellcheck disable=SC2086
{
    expect 2 features make $me --plan ward.plan small.png -o x.sum
    says 'another size'
    expect 2 features plan $me p1.png small.png -o x.plan
    expect 2 features plan $me --sums 65 p1.png -o x.plan
    expect 2 features plan $me --step 0 p1.png -o x.plan
    expect 2 features plan $me --he real8192 p1.png -o x.plan
    expect 2 features plan $me --he none p1.png -o x.plan
    expect 1 features plan $me p1.png -o ward.plan
    expect 2 features open $me --levels relay/two.sum -o x.npy
}
absent x.plan
absent x.npy

step '16 bits and two slices'
expect 0 phantom --kind ct --type i16 --size 50x70 --depth 2 -o ct.npy
# shellcheck disable=SC2086
{
    expect 0 features plan $me --step 4 ct.npy -o ct.plan
    expect 0 features make $me --plan ct.plan ct.npy -o ct.sum --json
    is psnr_db 'v > 40'
    expect 0 add ct.sum ct.sum -o ct2.sum
    expect 0 features open $me --plan ct.plan ct2.sum -o ct2.npy
}
expect 0 compare ct.npy ct2.npy --json
is psnr_db 'v > 40'
