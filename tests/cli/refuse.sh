#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Wrong keys, changed bytes, bad images, bad outputs: one sentence, the documented exit code, and no
# file left behind.
. "$(dirname "$0")/lib.sh"
people
image scan.png 32 32
expect 0 encrypt -s alice.id -r bob.id.card scan.png -o scan.mv
rm -f scan.back.png
kept='alice.id alice.id.card bob.id bob.id.card scan.mv scan.png'
seal() { expect "$1" encrypt -s alice.id -r bob.id.card "$2" -o out.mv; shift 2; }

step 'a wrong identity is exit code 12'
expect 12 decrypt -i alice.id scan.mv -o out.png
expect 12 verify -i alice.id scan.mv
only $kept

step 'a changed byte is exit code 13, wherever it is behind the header'
length=$(size_of scan.mv)
for offset in 200 1260 $((length / 2)) $((length - 1)); do
    cp scan.mv changed.mv
    flip changed.mv "$offset"
    code=0
    "$MEDVEIL" decrypt -i bob.id changed.mv -o out.png >"$out" 2>"$err" || code=$?
    case $code in 12 | 13) ;; *) fail "a flipped bit at $offset of $length is refused (exit code $code)" ;; esac
    one_sentence "decrypt of a file changed at $offset"
    [ "$offset" = 200 ] || [ "$code" = 13 ] || fail "a flipped bit at $offset is exit code 13"
    rm changed.mv
    only $kept
done

step 'a file cut short, an empty one and one of another kind are refused'
for cut in 0 1 40 $((length / 2)) $((length - 1)); do
    head -c "$cut" scan.mv >cut.mv
    code=0
    "$MEDVEIL" decrypt -i bob.id cut.mv -o out.png >"$out" 2>"$err" || code=$?
    case $code in 1 | 12 | 13) ;; *) fail "a file cut to $cut bytes is refused (exit code $code)" ;; esac
    one_sentence "decrypt of a file cut to $cut bytes"
done
cp scan.png cut.mv
expect 1 decrypt -i bob.id cut.mv -o out.png
rm cut.mv
only $kept

step 'a missing file is exit code 10'
expect 10 encrypt -s alice.id -r bob.id.card none.png -o out.mv
says none.png
expect 10 decrypt -i bob.id none.mv -o out.png
expect 10 decrypt -i none.id scan.mv -o out.png
expect 10 inspect none.mv
only $kept

step 'wrong usage is exit code 2'
expect 2 encrypt -s alice.id -r bob.id.card scan.png
expect 2 encrypt -s alice.id scan.png -o out.mv
expect 2 encrypt --colour scan.png -o out.mv
expect 2 encrypt -s alice.id -r bob.id.card scan.png -o out.mv --bits 17
expect 2 encrypt -s alice.id -r bob.id.card scan.png -o out.mv --he pack9999
expect 2 encrypt -s alice.id -r bob.id.card scan.png -o out.mv --resize 0x5
expect 2 decrypt scan.mv -o out.png
only $kept

step 'existing output stays unless --force is given'
printf 'precious' >precious
cp precious out.mv
seal 1 scan.png
says 'out.mv'
same precious out.mv
cp precious out.png
expect 1 decrypt -i bob.id scan.mv -o out.png
same precious out.png
expect 0 encrypt -s alice.id -r bob.id.card scan.png -o out.mv --force
expect 0 decrypt -i bob.id out.mv -o out.png --force
same scan.png out.png
rm out.mv out.png precious
only $kept

step 'bad images'
head -c 100 scan.png >bad && seal 1 bad
: >bad && seal 1 bad
printf 'hello, this is no image' >bad && seal 1 bad
cp scan.png bad && flip bad 60 && seal 1 bad
cp scan.png bad && flip bad 18 && seal 1 bad
/usr/bin/python3 - bad <<'PY'
import struct, sys
head = "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 12), }"
head += " " * (-(len(head) + 11) % 64) + "\n"
open(sys.argv[1], "wb").write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode()
                              + struct.pack("<144f", *([0.5] * 143 + [float("nan")])))
PY
seal 1 bad
/usr/bin/python3 - bad <<'PY'
import struct, sys, zlib
chunk = lambda k, d: struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d))
open(sys.argv[1], "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1,
    2**31 - 1, 16, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(b"\0" * 50)) + chunk(b"IEND", b""))
PY
seal 1 bad
rm bad
only $kept

step 'one bad file among good ones is partial success, and the good one is there'
expect_partial() {
    code=0
    "$MEDVEIL" encrypt -s alice.id -r bob.id.card scan.png none.png -o several >"$out" 2>"$err" || code=$?
    [ "$code" = 15 ] || fail "partial success is exit code 15, not $code"
}
expect_partial
[ "$(ls -A several | wc -l)" = 1 ] || fail 'only the good file is in the folder'
rm -r several

step 'an output that cannot be written'
expect 1 encrypt -s alice.id -r bob.id.card scan.png -o scan.png/out.mv
code=0
"$MEDVEIL" encrypt -s alice.id -r bob.id.card scan.png -o no-such-folder/out.mv >"$out" 2>"$err" || code=$?
case $code in 1 | 10) one_sentence 'encrypt into no folder' ;; *) fail 'a missing folder is refused' ;; esac
code=0
"$MEDVEIL" encrypt -s alice.id -r bob.id.card scan.png -o - >/dev/full 2>"$err" || code=$?
[ "$code" = 1 ] || fail "a full standard output is exit code 1, not $code"
one_sentence 'encrypt to a full device'
only $kept

step 'a full disk leaves nothing behind'
mkdir disk
image big.png 200 200
if mount -t tmpfs -o size=16k none disk 2>/dev/null; then
    code=0
    "$MEDVEIL" encrypt -s alice.id -r bob.id.card big.png -o disk/out.mv >"$out" 2>"$err" || code=$?
    left=$(ls -A disk)
    umount disk
    [ "$code" = 1 ] || fail "a full disk is exit code 1, not $code"
    one_sentence 'encrypt to a full disk'
    [ -z "$left" ] || fail "a full disk holds nothing afterwards, but it has $left"
else
    echo '  (no small tmpfs can be mounted here: a limit on the file size stands in for the full disk)'
    code=0
    (ulimit -f 4; trap '' XFSZ; exec "$MEDVEIL" encrypt -s alice.id -r bob.id.card big.png -o disk/out.mv) \
        >"$out" 2>"$err" || code=$?
    [ "$code" = 1 ] || fail "a file limit is exit code 1, not $code"
    one_sentence 'encrypt past the file limit'
    [ -z "$(ls -A disk)" ] || fail 'nothing is left behind'
fi
rm big.png
rmdir disk
only $kept

step 'a stop request ends with 130 and leaves nothing behind'
image large.png 700 700
"$MEDVEIL" encrypt -s alice.id -r bob.id.card --features large.png large.png large.png large.png -o many >"$out" 2>"$err" &
pid=$!
sleep 0.3
kill -INT $pid 2>/dev/null || true
code=0
wait $pid || code=$?
case $code in
130) [ ! -d many ] || ! ls -A many | grep -v '\.mv$' || fail 'no partial file is left' ;;
0) echo '  (it was done before the signal came)' ;;
*) fail "an interrupted encrypt is exit code 130, not $code" ;;
esac

step 'an unknown model names where it was looked for'
expect 10 encrypt -s alice.id -r bob.id.card scan.png --model none-such -o out.mv
absent out.mv
