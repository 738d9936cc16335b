#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# NIfTI files and pairs: the very files come back, and a converted or reconstructed image keeps the
# header it came with.
. "$(dirname "$0")/lib.sh"
people

# made NAME: a NIfTI-1 volume of 12 x 12 x 3 with an sform, a description and an extension; .hdr is a
# pair, .gz compressed, big-*.nii big-endian
made() {
    /usr/bin/python3 - "$1" <<'END'
import gzip, struct, sys
name = sys.argv[1]
order, pair = ">" if name.startswith("big") else "<", name.endswith(".hdr")
h = bytearray(352)
def put(at, form, *values): struct.pack_into(order + form, h, at, *values)
put(0, "i", 348); put(40, "8h", 3, 12, 12, 3, 1, 1, 1, 1); put(70, "2h", 4, 16)
put(76, "8f", -1, 0.5, 0.5, 2, 1, 1, 1, 1); put(108, "f", 0 if pair else 368); put(112, "2f", 2, -100)
h[123] = 2; put(148, "20s", b"a made-up volume"); put(252, "2h", 1, 2)
put(256, "6f", 0, 0, 1, 5, 6, 7); put(280, "12f", *[0.25 * i - 1 for i in range(12)])
put(344, "4s", b"ni1" if pair else b"n+1"); h[348] = 1
head = bytes(h) + struct.pack(order + "2i8s", 16, 6, b"comment")
voxels = struct.pack(order + "432h", *[(37 * i) % 1000 for i in range(432)])
if pair:
    open(name[:-4] + ".img", "wb").write(voxels)
elif name.endswith(".gz"):
    head = gzip.compress(head + voxels)
open(name, "wb").write(head if pair or name.endswith(".gz") else head + voxels)
END
}

# heads A B: the headers are the same but for voxel type, place of the voxels and mark
heads() {
    /usr/bin/python3 -c 'import gzip, sys
def head(path):
    raw = open(path, "rb").read()
    raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    return raw[:70] + raw[74:108] + raw[112:344] + raw[348:368]
sys.exit(head(sys.argv[1]) != head(sys.argv[2]))' "$1" "$2" || fail "$1 and $2 have the same header"
}

step 'single files, plain and compressed, both byte orders'
for name in a.nii b.nii.gz big-c.nii; do
    made $name
    expect 0 encrypt -s alice.id -r bob.id.card --features $name -o file.mv -f
    expect 0 decrypt -i bob.id file.mv -o back-$name
    same $name back-$name
    expect 0 decrypt -i bob.id file.mv -o converted.nii.gz -f
    heads $name converted.nii.gz
    expect 0 compare $name converted.nii.gz --json
    is identical 'v'
    expect 0 decrypt -i bob.id file.mv --reconstruct -o network.nii -f
    heads $name network.nii
    expect 0 decrypt -i bob.id file.mv -o pixels.npy -f
    expect 0 compare $name pixels.npy --json
    is identical 'v'
done

step 'an image without its original keeps its header all the same'
for name in a.nii big-a.nii; do
    made $name
    expect 0 encrypt -r bob.id.card $name --lossy -o lossy.mv -f
    expect 0 decrypt -i bob.id lossy.mv -o lossy.nii -f
    heads $name lossy.nii
done

step 'a slice of a volume keeps the header, and lies where it lay'
for how in '' --lossy; do
    for name in a.nii big-a.nii; do
        expect 0 encrypt -r bob.id.card $name --slice 2 $how -o part.mv -f
        expect 0 decrypt -i bob.id part.mv --reconstruct -o part.nii -f
        /usr/bin/python3 - $name part.nii <<'END' || fail 'the slice has its place'
import struct, sys
order = ">" if sys.argv[1].startswith("big") else "<"
whole, part = (open(name, "rb").read() for name in sys.argv[1:])
def get(raw, at, form): return struct.unpack_from(order + form, raw, at)
assert get(part, 40, "8h") == (3, 12, 12, 1, 1, 1, 1, 1)
assert part[148:256] == whole[148:256] and part[348:368] == whole[348:368]
rows, moved = get(whole, 280, "12f"), get(part, 280, "12f")
for i in range(3):
    assert moved[4 * i:4 * i + 3] == rows[4 * i:4 * i + 3]
    assert moved[4 * i + 3] == rows[4 * i + 3] + 2 * rows[4 * i + 2]
# the quaternion (0, 0, 1) turns half a circle about z; pixdim[0] is -1, slices are 2 apart
assert get(whole, 256, "3f") == (0, 0, 1)
assert get(part, 256, "6f") == (0, 0, 1, 5, 6, 7 - 2 * 2), get(part, 256, "6f")
END
    done
done

step 'an image of another size says that its header is its own'
expect 0 phantom --size 30x20 -o picture.png
expect 0 encrypt -r bob.id.card --features picture.png -o picture.mv
expect 0 decrypt -i bob.id picture.mv --reconstruct -o picture.nii
says 'has a header of its own'

step 'a pair travels by either name, and both files come back'
made pair.hdr
for half in pair.hdr pair.img; do
    expect 0 encrypt -s alice.id -r bob.id.card --features $half -o pair.mv -f
    says 'a study of 2 files'
    expect 0 verify -i bob.id pair.mv
    prints 'bit-identical: 2/2'
    rm -rf both
    expect 0 decrypt -i bob.id pair.mv -o both
    same pair.hdr both/pair.hdr
    same pair.img both/pair.img
done
expect 0 encrypt -r bob.id.card pair.img pair.hdr a.nii -o three.mv --json
is members 'v == 3'
expect 0 compare pair.hdr a.nii --json
is identical 'v'

step 'a pair becomes one file when one is asked for'
expect 0 decrypt -i bob.id pair.mv -o single.nii
heads pair.hdr single.nii
same a.nii single.nii
expect 0 decrypt -i bob.id pair.mv --reconstruct -o network.nii.gz
heads pair.hdr network.nii.gz

step 'half a pair, a bomb and absurd sizes are refused with a sentence'
mkdir alone
cp pair.hdr alone
expect 2 encrypt -r bob.id.card alone/pair.hdr -o bad.mv
says '.img'
/usr/bin/python3 -c 'import gzip, struct
raw = bytearray(open("a.nii", "rb").read())
struct.pack_into("<8h", raw, 40, 3, 20000, 20000, 1, 1, 1, 1, 1)
open("stated.nii.gz", "wb").write(gzip.compress(bytes(raw)))
raw = bytearray(open("a.nii", "rb").read())
open("bomb.nii.gz", "wb").write(gzip.compress(bytes(raw) + bytes(1 << 28)))
struct.pack_into("<8h", raw, 40, 7, *[32767] * 7)
open("absurd.nii", "wb").write(raw)'
for name in stated.nii.gz bomb.nii.gz absurd.nii; do
    expect 1 encrypt -r bob.id.card $name -o bad.mv
done
absent bad.mv
