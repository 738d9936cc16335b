#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A linear model asked about encrypted embeddings: query, keeper's answer, scores.
. "$(dirname "$0")/lib.sh"
people
expect 0 collection new -i alice.id -o ward.mv

# numbers FILE SEED ROWS: a .npy of ROWS x 128 float32
numbers() {
    python3 - "$1" "$2" "$3" <<'PY'
import random, struct, sys
own, rows = random.Random(int(sys.argv[2])), int(sys.argv[3])
head = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 128), }" % rows
head += " " * (-(10 + len(head) + 1) % 64) + "\n"
with open(sys.argv[1], "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
    file.write(struct.pack("<%df" % (128 * rows), *[own.gauss(0, 1) for _ in range(128 * rows)]))
PY
}

# integers MODEL VECTOR: "class score" for each class, from the bytes of both files alone
integers() {
    python3 - "$1" "$2" <<'PY'
import math, struct, sys
model, vector = open(sys.argv[1], "rb").read(), open(sys.argv[2], "rb").read()[-512:]
x = struct.unpack("<128f", vector)
norm = math.sqrt(sum(v * v for v in x))
unit = struct.unpack("<128f", struct.pack("<128f", *[v / norm for v in x]))
value = [max(-127, min(127, round(256 * u))) for u in unit]
for c in range(struct.unpack_from("<I", model, 60)[0]):
    at = 72 + c * (64 + 512 + 8)
    name = model[at + 32:at + 64].rstrip(b"\0").decode()
    weight = struct.unpack_from("<128i", model, at + 64)
    print(name, sum(w * v for w, v in zip(weight, value)) + struct.unpack_from("<q", model, at + 576)[0])
PY
}

# scores: the same two columns from the JSON lines that medveil printed
scores() {
    python3 -c 'import json,sys
for line in sys.stdin: d = json.loads(line); print(d["class"], d["score"])' <"$out" | sort
}

holder="-i alice.id --collection ward.mv"
numbers x.npy 1 1
numbers w.npy 2 3

step 'a public model answers with exactly the scores of its integers'
expect 0 model export-head --vectors --weights w.npy --class a --class b --class c -o open.mvc
expect 0 classify query --vectors $holder x.npy -o open.query
expect 0 classify run --classifier open.mvc open.query -o open.answer --json
is bytes 'v < 28000'
expect 0 classify answer --vectors $holder open.answer --json
scores >open.scores
integers open.mvc x.npy | sort >open.wanted
[ "$(wc -l <open.wanted)" = 3 ] || fail 'there are three classes'
same open.scores open.wanted
head -n 1 "$out" | python3 -c 'import json,sys; d=json.load(sys.stdin); sys.exit(d["rank"] != 1)' ||
    fail 'the best class comes first'

step 'a private model does too, for the key that it was given, and its answers all differ'
expect 0 model export-head --vectors --weights w.npy --class a --class b --class c --private -o secret.mvc
[ "$(stat -c %a secret.mvc)" = 600 ] || fail 'a private model is a private file'
expect 0 classify key --vectors $holder -o ward.key
expect 0 classify query --vectors $holder --private x.npy -o secret.query
expect 0 classify run --classifier secret.mvc --public ward.key secret.query -o secret.answer
expect 0 classify answer --vectors $holder secret.answer --json
scores >secret.scores
integers secret.mvc x.npy | sort >secret.wanted
same secret.scores secret.wanted
expect 0 classify run --classifier secret.mvc --public ward.key secret.query -o again.answer
differ secret.answer again.answer
[ "$(size_of secret.answer)" = "$(size_of again.answer)" ] || fail 'answers have one size'

step 'queries are counted by key, and no more than the limit are answered'
limited="--classifier open.mvc --limit 2 --counts counts open.query"
expect 0 classify run $limited -o one.answer
expect 0 classify run $limited -o two.answer
expect 14 classify run $limited -o three.answer
says 'asked 2 times'
absent three.answer
expect 0 collection new -i bob.id -o other.mv
expect 0 classify query --vectors -i bob.id --collection other.mv x.npy -o other.query
expect 0 classify run --classifier open.mvc --limit 2 --counts counts other.query -o other.answer
[ "$(wc -l <counts)" = 2 ] || fail 'each key has a line'
expect 2 classify run --classifier open.mvc --limit 2 open.query -o three.answer
echo nonsense >bad
expect 1 classify run --classifier open.mvc --limit 2 --counts bad open.query -o three.answer
absent three.answer

step 'the head of a model classifies images, also sealed ones, as it does in the clear'
expect 0 phantom --kind mr --size 96x80 -o scan.png
expect 0 encrypt -s alice.id -r alice.id.card scan.png -o scan.mv
expect 0 model export-head -o cnn.mvc
expect 0 classify plain --classifier cnn.mvc scan.png --json
cp "$out" plain
expect 0 classify query $holder scan.mv -o scan.query
expect 0 classify run --classifier cnn.mvc scan.query -o scan.answer
expect 0 classify answer $holder scan.answer --json
same "$out" plain
expect 0 encrypt -s alice.id -r alice.id.card --no-embedding scan.png -o bare.mv
expect 0 classify plain --classifier cnn.mvc -i alice.id bare.mv --json
same "$out" plain
expect 12 classify query -i bob.id --collection other.mv scan.mv -o out
expect 0 classify answer $holder scan.answer
prints 'brain_mri'
expect 0 model export-head --private -o hidden.mvc
expect 0 classify key $holder -o heads.key
expect 0 classify query --private $holder scan.png -o hidden.query
expect 0 classify run --classifier hidden.mvc --public heads.key hidden.query -o hidden.answer
expect 0 classify answer $holder hidden.answer --json
cp "$out" hidden
expect 0 classify plain --classifier hidden.mvc scan.png --json
same "$out" hidden

step 'what does not belong together, or is damaged, is refused'
rm -f out
expect 2 classify run --classifier cnn.mvc open.query -o out
says 'another head'
expect 1 classify run --classifier open.mvc secret.query -o out
says 'public model'
expect 2 classify run --classifier secret.mvc secret.query -o out
says 'medveil classify key'
expect 2 classify run --classifier secret.mvc --public heads.key secret.query -o out
expect 0 classify query --vectors -i bob.id --collection other.mv --private x.npy -o bobs.query
expect 2 classify run --classifier secret.mvc --public ward.key bobs.query -o out
says 'another key'
expect 2 classify answer --vectors -i bob.id --collection other.mv open.answer
says 'another collection'
expect 2 classify answer $holder open.answer
expect 1 classify answer --vectors $holder open.query
cp open.mvc broken.mvc
flip broken.mvc 300
expect 1 classify run --classifier broken.mvc open.query -o out
says 'whole classifier'
cp open.query broken.query
flip broken.query 60
expect 1 classify run --classifier open.mvc broken.query -o out
cp open.answer broken.answer
flip broken.answer "$(($(size_of open.answer) - 1))"
expect 1 classify answer --vectors $holder broken.answer
expect 2 model export-head --vectors -o out
expect 2 model export-head --vectors --weights w.npy --class a -o out
expect 2 model export-head --vectors --weights w.npy --class a --class b --class c --class d -o out
expect 2 model export-head --class a -o out
expect 1 model export-head --vectors --weights w.npy --class a --class b --class c -o open.mvc
says 'exists already'
expect 2 classify plain --classifier open.mvc scan.png
expect 2 classify query --vectors x.npy -o out
absent out
