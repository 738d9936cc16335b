#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A relay that goes away and comes back under a sender and a receiver who wait; then the queue by hand,
# and processes that are killed. (The story of README.md, as printed there: readme.py.)
. "$(dirname "$0")/lib.sh"
people
image scan.png 64 64
image other.png 64 64 2
expect 0 encrypt -s alice.id -r bob.id.card scan.png other.png -o study.mv

relay_ini
start_relay
sed -i "s/:0$/:$port/" relay.ini # from now on at the same port

unplug() {
    kill -9 "$relay"
    wait "$relay" 2>/dev/null || true
}

step 'unplugged, a sender that waits says so once, and goes on when the line is back'
unplug
"$MEDVEIL" send study.mv --to "$url" -r bob.id.card -s alice.id --wait >"$work/log/sender" 2>&1 &
sender=$!
background="$background $sender"
waits 'the sender says that the relay is away' grep -q 'trying until it is back' "$work/log/sender"
start_relay
waits 'the sender says that the relay is back' grep -q 'the relay is back' "$work/log/sender"
waits 'the study is sent' grep -q '^medveil: sent study.mv' "$work/log/sender"
[ "$(grep -c 'trying until' "$work/log/sender")" = 1 ] || fail 'it is said once'

step 'the receiver who watches gets it over a break, and the sender ends with the receipt'
unplug
"$MEDVEIL" receive --watch inbox --from "$url" -i bob.id >"$work/log/watcher" 2>&1 &
watcher=$!
background="$background $watcher"
waits 'the watcher says that the relay is away' grep -q 'trying until it is back' "$work/log/watcher"
start_relay
code=0
wait "$sender" || code=$?
[ "$code" = 0 ] || fail "a sender whose study was delivered ends with 0, not $code"
grep -q '^medveil: delivered study.mv: 2/2 bit-identical' "$work/log/sender" ||
    fail 'the sender ends with the receipt'
[ "$(ls inbox)" = "$(ls inbox | grep '\.mv$')" ] || fail 'nothing but whole files is in the inbox'
same study.mv "$(echo inbox/*.mv)"
expect 0 queue status
prints '2/2 bit-identical'
expect 0 queue status --json
is receipt 'v["members"] == 2 and v["identical"] == 2'

step 'what was delivered is not sent again'
expect 0 send study.mv --to "$url" -r bob.id.card -s alice.id --json
is state 'v == "delivered"'
is duplicate 'v'

step 'a second file reaches the watcher without a new command'
expect 0 encrypt -s alice.id -r bob.id.card scan.png -o scan.mv
expect 0 send scan.mv --to "$url" -r bob.id.card -s alice.id --wait
says '1/1 bit-identical'
kill -TERM "$watcher"
code=0
wait "$watcher" || code=$?
[ "$code" = 130 ] || fail "a watcher that is told to stop ends with 130, not $code"

step 'an item can be queued, held, let go and cancelled'
expect 0 encrypt -s alice.id -r bob.id.card other.png -o other.mv
expect 0 send other.mv --to "$url" -r bob.id.card -s alice.id --later --json
is state 'v == "waiting"'
id=$(json id)
expect 0 queue pause "$id"
expect 0 queue run
expect 0 queue status "$id" --json
is state 'v == "paused"'
expect 0 queue resume "$id"
expect 0 queue run
expect 0 queue status "$id" --json
is state 'v == "sent"'
expect 0 queue cancel "$id"
expect 10 queue status "$id"
expect 10 queue cancel 0000000000000000
expect 2 queue pause

step 'the queue holds sealed bytes only'
expect 0 send other.mv --to "$url" -r bob.id.card -s alice.id --later
if grep -rqa -e IHDR -e 'PRIVATE' "$MEDVEIL_HOME/queue"; then fail 'no image and no key is in the queue'; fi
[ "$(stat -c %a "$MEDVEIL_HOME/queue")" = 700 ] || fail 'nobody else can look into the queue'
expect 0 queue cancel --all

step 'a receiver killed before it could say so acknowledges with the next command, without storing twice'
expect 0 encrypt -s alice.id -r bob.id.card scan.png -o third.mv
expect 0 send third.mv --to "$url" -r bob.id.card -s alice.id
expect 0 receive --keep --from "$url" -i bob.id -o inbox2
expect 0 receive --from "$url" -i bob.id -o inbox2 --json
is had_already v
[ "$(ls inbox2 | wc -l)" = 2 ] || fail 'each is stored once'
expect 0 queue run --json
is receipt 'v["identical"] == 1'

step 'what was received once is not stored again, in whatever folder, unless it is wanted'
id3=$(json id)
expect 0 queue cancel "$id3"
expect 0 send third.mv --to "$url" -r bob.id.card -s alice.id
expect 0 receive --from "$url" -i bob.id -o elsewhere
says 'not stored again'
[ -z "$(ls elsewhere)" ] || fail 'it is not stored twice'
expect 0 receive --from "$url" -i bob.id -o elsewhere
says 'nothing is waiting'
expect 0 queue cancel "$id3"
expect 0 send third.mv --to "$url" -r bob.id.card -s alice.id
expect 0 receive --again --from "$url" -i bob.id -o elsewhere
same third.mv "$(echo elsewhere/*.mv)"
expect 0 receive --from "$url" -i bob.id -o elsewhere
says 'nothing is waiting'

step 'a full disk is said, and nothing is lost or half there'
expect 0 encrypt -s alice.id -r bob.id.card scan.png -o fifth.mv
# A limit on the size of files stands in for the disk, so that this runs everywhere.
# limited COMMAND...: with room for 4 KiB in a file; its exit code in $code
limited() {
    code=0
    (
        ulimit -f 8
        trap '' XFSZ
        exec "$MEDVEIL" "$@"
    ) >"$out" 2>"$err" </dev/null || code=$?
}
[ "$(size_of fifth.mv)" -gt 4096 ] || fail 'the file is larger than the limit'
MEDVEIL_HOME="$PWD/full" limited send fifth.mv --to "$url" -r bob.id.card -s alice.id
[ "$code" = 1 ] || fail "a queue without room is exit code 1, not $code"
one_sentence 'send without room in the queue'
ls full/queue | grep -q -e mv -e job && fail 'nothing half is in the queue'
expect 0 send fifth.mv --to "$url" -r bob.id.card -s alice.id
limited receive --from "$url" -i bob.id -o small
[ "$code" = 1 ] || fail "a folder without room is exit code 1, not $code"
one_sentence 'receive without room'
ls small | grep -q 'mv$' && fail 'no file of half a length is there'
expect 0 receive --from "$url" -i bob.id -o inbox3
same fifth.mv "$(echo inbox3/*.mv)"

step 'a queue that waits for receipts takes up what is added to it meanwhile'
expect 0 encrypt -s alice.id -r bob.id.card scan.png -o sixth.mv
expect 0 encrypt -s alice.id -r bob.id.card scan.png -o seventh.mv
expect 0 send sixth.mv --to "$url" -r bob.id.card -s alice.id --later
"$MEDVEIL" queue run --wait >"$work/log/run" 2>&1 &
waiting=$!
background="$background $waiting"
tries=0
until grep -q 'sent sixth.mv' "$work/log/run"; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || fail 'the first is sent'
    sleep 0.1
done
expect 0 send seventh.mv --to "$url" -r bob.id.card -s alice.id --later
tries=0
until grep -q 'sent seventh.mv' "$work/log/run"; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || fail 'the second is sent by the run that was waiting'
    sleep 0.1
done
expect 0 receive --from "$url" -i bob.id -o inbox4
wait "$waiting" || fail 'the run ends when all receipts are here'
grep -q 'delivered sixth.mv' "$work/log/run" || fail 'the first is delivered'
grep -q 'delivered seventh.mv' "$work/log/run" || fail 'the second is delivered'

step 'nothing is sent to a card that was revoked, and nothing is queued for it'
expect 0 keygen -o left.id
expect 0 encrypt -s alice.id -r left.id.card scan.png -o left.mv
expect 0 card revoke -i left.id -o left.revocation
expect 0 card revoke left.revocation
expect 14 send left.mv --to "$url" -r left.id.card -s alice.id
says 'revoked'
expect 0 queue status --all
if grep -q 'left.mv' "$out"; then fail 'nothing is queued for a revoked card'; fi

step 'wrong options are said'
expect 2 send third.mv --to "$url" -r bob.id.card --wait
expect 2 send third.mv --to "$url" -r bob.id.card --limit-rate fast
expect 2 send third.mv --to "$url" -r bob.id.card --streams 33
expect 2 receive --from "$url" -i bob.id --watch inbox --keep
