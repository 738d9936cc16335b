#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A gallery that everybody may read, asked in secret: made, asked, answered, each side by files.
. "$(dirname "$0")/lib.sh"

# wanted VECTOR FILE...: "name score" of each, from the bytes of the vectors alone
wanted() {
    python3 - "$@" <<'PY'
import math, os, struct, sys
def value(path):
    x = struct.unpack("<128f", open(path, "rb").read()[-512:])
    norm = math.sqrt(sum(v * v for v in x))
    unit = struct.unpack("<128f", struct.pack("<128f", *[v / norm for v in x]))
    number = [max(-127, min(127, round(256 * u))) for u in unit]
    return [(1 if v > 0 else -1) * ((abs(v) * 134 + 128) // 256) for v in number]
q = value(sys.argv[1])
for path in sys.argv[2:]:
    print(os.path.basename(path), sum(a * b for a, b in zip(q, value(path))))
PY
}

# scores: the same two columns from the JSON lines that medveil printed
scores() {
    python3 -c 'import json,sys
for line in sys.stdin: d = json.loads(line); print(d["name"], d["score"])' <"$out" | sort
}

for n in 1 2 3 4 5; do vector v$n.npy $n; done
vector near3.npy 3 0.2

step 'an atlas is made, and its names beside it'
expect 0 atlas new --vectors v1.npy v2.npy v3.npy v4.npy v5.npy -o chest.atlas --json
is bytes 'v == 60 + 5 * 128 + 32'
[ "$(sed -n 3p chest.atlas.names)" = v3.npy ] || fail 'names are in the order of the rows'
expect 1 atlas new --vectors v1.npy -o chest.atlas
says 'exists'

step 'a question is answered with exactly the dot products of the integers'
expect 0 atlas query --vectors near3.npy --key q.key -o q.mvsr --json
is bytes 'v == 198392'
[ "$(stat -c %a q.key)" = 600 ] || fail 'the key is private'
expect 0 atlas run q.mvsr --atlas chest.atlas -o a.mvsr --json
is bytes 'v < 24000'
expect 0 atlas answer a.mvsr --key q.key --names chest.atlas.names --json
scores >got
wanted near3.npy v1.npy v2.npy v3.npy v4.npy v5.npy | sort >want
same got want
expect 0 atlas answer a.mvsr --key q.key --names chest.atlas.names --top 1 --json
is name 'v == "v3.npy"'
is row 'v == 2'
is cosine '0.9 < v < 1.03'
expect 0 atlas answer a.mvsr --key q.key --top 2
[ "$(wc -l <"$out")" = 2 ] || fail 'as many rows as were asked for'

step 'each question has a key of its own'
expect 0 atlas query --vectors near3.npy --key other.key -o other.mvsr
cmp -s q.key other.key && fail 'the keys differ'
[ "$(head -c 24 q.mvsr | tail -c 16 | od -An -tx1)" != "$(head -c 24 other.mvsr | tail -c 16 | od -An -tx1)" ] ||
    fail 'nothing links two questions'
expect 12 atlas answer a.mvsr --key other.key
expect 1 atlas query --vectors near3.npy --key q.key -o new.mvsr
absent new.mvsr

step 'what is damaged or of something else is refused'
head -c 300 chest.atlas >short.atlas
expect 1 atlas run q.mvsr --atlas short.atlas -o x.mvsr
says 'not a whole atlas'
absent x.mvsr
expect 1 atlas run a.mvsr --atlas chest.atlas -o x.mvsr
says 'not a whole question'
head -c 20000 a.mvsr >short.mvsr
expect 1 atlas answer short.mvsr --key q.key
says 'damaged'
expect 1 atlas answer q.mvsr --key q.key
says 'not an answer'
chmod 644 q.key
expect 14 atlas answer a.mvsr --key q.key
chmod 600 q.key
expect 2 atlas query --vectors near3.npy -o new.mvsr
expect 2 atlas run q.mvsr -o x.mvsr
