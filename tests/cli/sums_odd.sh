#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Pictures that nobody plans sums for: one colour, noise, one pixel, one row, one column, both ends
# of 16 bits. Their sums are exact as those of other pictures, and their means near them.
. "$(dirname "$0")/lib.sh"
people
expect 0 collection new -i alice.id -o ward.mv
me='-i alice.id --collection ward.mv'
cat >odd.py <<'PY'
import random, struct, sys
random.seed(3)
def samples(name):
    b = open(name, 'rb').read()
    start = 10 + struct.unpack_from('<H', b, 8)[0]
    kind = {b'|u1': 'B', b'<u2': 'H', b'<i4': 'i'}[b[:128].split(b"'")[3]]
    return struct.unpack('<%d%s' % ((len(b) - start) // struct.calcsize(kind), kind), b[start:])
def write(name, deep, width, height, value):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }" % ('<u2' if deep else '|u1', height, width)
    head += ' ' * (117 - len(head)) + '\n'
    pixel = [value(i % width, i // width) for i in range(width * height)]
    open(name + '.npy', 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(head)) + head.encode() +
                                    struct.pack('<%d%s' % (len(pixel), 'H' if deep else 'B'), *pixel))
def noise(most):
    return lambda x, y: random.randrange(most + 1)
if sys.argv[1] == 'write':
    write('grey', False, 40, 24, lambda x, y: 77)
    write('noise', False, 64, 48, noise(255))
    write('deep', True, 33, 31, noise(65535))
    write('dot', False, 1, 1, lambda x, y: 200)
    write('row', False, 65535, 1, lambda x, y: x // 7 % 200)
    write('column', False, 1, 300, lambda x, y: y % 9)
    write('ends', True, 40, 30, lambda x, y: 65535 * ((x // 3 + y // 5) % 2))
elif sys.argv[1] == 'twice':
    one, two = samples(sys.argv[2]), samples(sys.argv[3])
    sys.exit(not (len(one) == len(two) > 0 and all(b == 2 * a for a, b in zip(one, two))))
else: # near: the mean error is a small part of the type's range
    a, b, part = samples(sys.argv[2]), samples(sys.argv[3]), float(sys.argv[4])
    off = sum(abs(x - y) for x, y in zip(a, b)) / len(a)
    sys.exit(not (len(a) == len(b) and off <= part * (255 if max(a) < 256 else 65535)))
PY
python3 odd.py write

# shellcheck disable=SC2086 -- $me is four words
there_and_back() { # NAME PART OPTION...: the mean error is at most this part of the type's range,
    #               or, where it is 1, numbers are clipped and said to be
    name=$1
    part=$2
    shift 2
    expect 0 features plan $me "$@" $name.npy -o $name.plan -f
    expect 0 features make $me --plan $name.plan $name.npy -o $name.sum -f --json
    is clipped "v > 0 or $part < 1"
    expect 0 add $name.sum $name.sum -o $name.two -f
    expect 0 features open $me --plan $name.plan --levels $name.sum -o one.npy -f
    expect 0 features open $me --plan $name.plan --levels $name.two -o two.npy -f
    python3 odd.py twice one.npy two.npy || fail "$name: twice the picture is not the sum"
    expect 0 features open $me --plan $name.plan $name.two -o mean.npy -f
    python3 odd.py near $name.npy mean.npy "$part" || fail "$name: the mean is not near"
}

for way in --sums\ 2 --no-classes; do
    step "$way"
    for name in grey dot row column; do
        # shellcheck disable=SC2086
        there_and_back $name .03 $way
    done
    for name in noise deep ends; do
        # shellcheck disable=SC2086
        there_and_back $name 1 $way
    done
done

step 'a plan is changed nowhere unnoticed'
python3 - <<'PY'
b = bytearray(open('grey.plan', 'rb').read())
for at in range(len(b) // 2, len(b), 9):
    c = bytearray(b)
    c[at] ^= 1
    open('bad%d.plan' % at, 'wb').write(c)
PY
for bad in bad*.plan; do
    # shellcheck disable=SC2086
    expect 13 features make $me --plan "$bad" grey.npy -o bad.sum
    absent bad.sum
done
