#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Live streams through the commands: watched while they go on, come to late, over a relay that is
# killed, broken off, altered; and those that nobody watched.
. "$(dirname "$0")/lib.sh"
people
relay_ini

# raw FILE COUNT: frames of 64x48, 8 bit
raw() {
    /usr/bin/python3 -c '
import sys
with open(sys.argv[1], "wb") as f:
    for n in range(int(sys.argv[2])):
        f.write(bytes((x * x // 5 + 3 * y + 7 * n) & 255 for y in range(48) for x in range(64)))' "$1" "$2"
}

# watch FILE: receives one stream as raw frames, in the background
watch() {
    "$MEDVEIL" live receive --from "$url" -i bob.id -o - --within 60 >"$1" 2>"$work/log/receiver" 3>&- &
    watcher=$!
    background="$background $watcher"
}

watched() {
    code=0
    wait "$watcher" || code=$?
    [ "$code" = "$1" ] || fail "live receive ends with $1, not $code"
}

has_frames() { [ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -ge $((3072 * $2)) ]; }

start_relay
raw frames 40

step 'frames are watched while they are sent, bit for bit, and the sender gets a receipt'
watch seen
{ head -c $((3072 * 20)) frames; waits 'the first 20 frames are seen' has_frames seen 20; tail -c +$((3072 * 20 + 1)) frames; } |
    "$MEDVEIL" live send - --size 64x48 --embed-every 10 --to "$url" -r bob.id.card -s alice.id --wait 2>"$err" ||
    fail 'a stream is sent'
watched 0
same frames seen
says 'sent 40 frames live'
says '40/40 bit-identical'
expect 0 receive --from "$url" -i bob.id -o inbox
says 'nothing is waiting'

step 'an image file goes slice by slice, into pictures, with embeddings'
expect 0 phantom --kind mr --size 64x48 --depth 12 -o stack.npy
"$MEDVEIL" live receive --from "$url" -i bob.id -o streams --json >"$work/log/json" 2>"$work/log/receiver" &
watcher=$!
expect 0 live send stack.npy --fps 60 --embed-every 5 --to "$url" -r bob.id.card -s alice.id
watched 0
folder=$(echo streams/*)
[ "$(ls "$folder" | grep -c 'png$')" = 12 ] || fail 'there is a picture for each slice'
[ "$(wc -l <"$folder/embeddings.csv")" = 4 ] || fail 'three embeddings came along'
cp "$work/log/json" "$out"
is ended 'v is True'
is frames 'v == 12'
/usr/bin/python3 - "$folder/000007.png" <<'END' || fail 'a picture holds its slice'
import sys, struct, zlib
raw, data, at = open("stack.npy", "rb").read(), b"", 8
png = open(sys.argv[1], "rb").read()
while at < len(png):
    n, kind = struct.unpack(">I4s", png[at:at + 8])
    data += png[at + 8:at + 8 + n] if kind == b"IDAT" else b""
    at += 12 + n
rows, above = zlib.decompress(data), bytes(64)
out = b""
for y in range(48):
    kind, row, now = rows[y * 65], rows[y * 65 + 1:y * 65 + 65], bytearray(64)
    for x in range(64):
        a, b, c = (now[x - 1] if x else 0), above[x], (above[x - 1] if x else 0)
        p = a + b - c
        paeth = min((a, b, c), key=lambda v: abs(p - v))
        now[x] = (row[x] + [0, a, b, (a + b) // 2, paeth][kind]) & 255
    out, above = out + bytes(now), bytes(now)
size = 12 * 64 * 48
sys.exit(out != raw[-size:][7 * 3072:8 * 3072])
END

step 'a relay that is killed in the middle loses no frame, and who comes late misses none'
sed -i "s/:0\$/:$(sed 's/.*:\([0-9]*\)#.*/\1/' address)/" relay.ini
mkfifo pipe
"$MEDVEIL" live send - --size 64x48 --embed-every 0 --to "$url" -r bob.id.card -s alice.id <pipe 2>"$work/log/sender" &
sender=$!
exec 3>pipe
head -c $((3072 * 10)) frames >&3
sleep 0.5
kill -KILL "$relay"
wait "$relay" 2>/dev/null || true
tail -c +$((3072 * 10 + 1)) frames | head -c $((3072 * 20)) >&3
start_relay
rm -f seen
watch seen
waits 'the frames of before and after the kill are seen' has_frames seen 30
tail -c +$((3072 * 30 + 1)) frames >&3
exec 3>&-
watched 0
wait "$sender" || fail 'the sender ends well'
same frames seen

step 'an interrupt ends a stream where it is, and what has come is kept'
"$MEDVEIL" live receive --from "$url" -i bob.id -o broken 2>"$work/log/receiver" &
watcher=$!
background="$background $watcher"
"$MEDVEIL" live send - --size 64x48 --embed-every 0 --to "$url" -r bob.id.card <pipe 2>"$work/log/sender" &
sender=$!
background="$background $sender"
exec 3>pipe
head -c 10000 frames >&3
waits 'three frames are there' sh -c 'ls broken/*/000002.png >/dev/null 2>&1'
kill -TERM "$sender"
code=0
wait "$sender" || code=$?
exec 3>&-
[ "$code" = 0 ] || fail "a sender that was asked to stop ends with 0, not $code"
watched 0
[ "$(ls broken/* | grep -c 'png$')" = 3 ] || fail 'at an interrupt the stream ends where it is'

step 'a stream that nobody watched waits as a file'
expect 0 receive --from "$url" -i bob.id -o before
head -c 9216 frames | "$MEDVEIL" live send - --size 64x48 --embed-every 2 --to "$url" -r bob.id.card -s alice.id 2>"$err" || fail 'without a watcher a stream is sent'
expect 0 receive --from "$url" -i bob.id -o inbox --open
[ "$(ls inbox/*/ | grep -c 'png$')" = 3 ] || fail 'receive --open writes the frames'
expect 0 queue run --wait
says '3/3 bit-identical'
stream=$(echo inbox/*.mv)
expect 0 live open "$stream" -i bob.id -o -
head -c 9216 frames >wanted
same wanted "$out"

step 'what was altered or cut is not taken, and is said'
cp "$stream" bent.mv
flip bent.mv 3000
expect 13 live open bent.mv -i bob.id -o bent
head -c $(($(size_of "$stream") - 10)) "$stream" >cut.mv
expect 15 live open cut.mv -i bob.id -o cut
says 'breaks off after 3 frames'
expect 12 live open "$stream" -i alice.id -o strangers
expect 1 live open frames -i bob.id -o none

step 'options that make no sense are refused before anything is sent'
expect 2 live send - --to "$url" -r bob.id.card
expect 2 live send - --size 0x48 --to "$url" -r bob.id.card
expect 2 live send stack.npy -r bob.id.card
expect 2 live receive --from "$url" -i bob.id
expect 10 live receive --from "$url" -i bob.id -o x --within 1
says 'no stream began within 1 seconds'
expect 0 phantom --type i16 --kind ct --depth 2 -o signed.npy
expect 2 live send signed.npy --to "$url" -r bob.id.card
[ -z "$(ls "$MEDVEIL_HOME/live")" ] || fail 'no stream is left behind'
