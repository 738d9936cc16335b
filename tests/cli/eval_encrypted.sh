#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# eval --encrypted on made-up images: ranking on ciphertexts is ranking by integers, to the last bit.
. "$(dirname "$0")/lib.sh"

step 'a set of classes that the head knows, and one that it does not know'
mkdir -p chest/test/BACTERIA chest/test/NORMAL chest/test/VIRUS own/a own/b
for seed in 1 2 3 4; do
    expect 0 phantom --kind xray --size 64x64 --seed $seed -o chest/test/BACTERIA/b$seed.png
    expect 0 phantom --kind ct --size 64x64 --seed $seed -o chest/test/NORMAL/n$seed.png
    expect 0 phantom --kind xray --size 64x64 --seed $((seed + 10)) -o chest/test/VIRUS/v$seed.png
done
cp chest/test/NORMAL/* own/a/
cp chest/test/VIRUS/* own/b/

step 'encrypted answers are those of the integers, and CKKS is as good as the real numbers'
expect 0 eval --encrypted --data chest_xray=chest --data own=own -o out --json
says 'the head does not know the classes of own: retrieval only'
python3 - "$out" out/encrypted.csv <<'PY'
import csv, json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
found = {(r["set"], r["what"]): r for r in rows}
wanted = {("chest_xray", "retrieval"), ("chest_xray", "classification"),
          ("chest_xray", "classification CKKS"), ("own", "retrieval")}
assert set(found) == wanted, found
for (name, what), r in found.items():
    assert r["images"] == (12 if name == "chest_xray" else 8) and r["differing"] == 0, r
    if what != "classification CKKS":
        assert r["map_encrypted"] == r["map_integer"], r
    assert abs(r["map_integer"] - r["map_real"]) < 0.1, r
    assert 0 < r["map_real"] <= 1, r
ckks = found["chest_xray", "classification CKKS"]
assert abs(ckks["map_encrypted"] - ckks["map_real"]) < 0.001, ckks
table = list(csv.DictReader(open(sys.argv[2])))
assert [float(r["map_encrypted"]) for r in table] == [round(r["map_encrypted"], 6) for r in rows]
PY

step 'an earlier table is not lost, and what cannot be is said'
expect 1 eval --encrypted --data chest_xray=chest -o out
says 'exists already'
expect 0 eval --encrypted --data chest_xray=chest -o out --force
prints 'retrieval'
expect 2 eval --encrypted --data chest -o new
expect 2 eval --encrypted --models cnn,bp --data chest_xray=chest -o new
rm chest/test/VIRUS/v1.png chest/test/VIRUS/v2.png chest/test/VIRUS/v3.png chest/test/NORMAL/n1.png
expect 2 eval --encrypted --data chest_xray=chest -o new
says 'of a class that no row has'
