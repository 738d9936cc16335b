#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A relay that lies to the receiver: nothing that was altered is stored, nothing is stored twice, and
# the receiver is told. It holds the right TLS key, so only seals, hashes and notes can catch it.
. "$(dirname "$0")/lib.sh"
: "${LYING_RELAY:?is the relay that lies}"
people
image one.png 64 64
image two.png 64 64 2
expect 0 encrypt -s alice.id -r bob.id.card one.png -o one.mv
expect 0 encrypt -s alice.id -r bob.id.card two.png -o two.mv

start_lying() { # LIE...
    mkdir -p key
    : >"$work/log/lies"
    "$LYING_RELAY" key "$@" >"$work/log/lies" &
    liar=$!
    background="$background $liar"
    wait_line 'https://'
    url=$(head -n 1 "$work/log/lies")
    rm -rf "$MEDVEIL_HOME"
    expect 0 send one.mv two.mv --to "$url" -r bob.id.card -s alice.id
}

wait_line() {
    tries=0
    until grep -q "^$1" "$work/log/lies"; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || fail "the relay that lies says $1"
        sleep 0.1
    done
}

lie() {
    kill -USR1 "$liar"
    wait_line "$1"
}

stop_lying() {
    kill -TERM "$liar"
    wait "$liar" || fail 'the relay that lies ends with 0'
}

holds_nothing() { [ -z "$(ls -A inbox 2>/dev/null | grep -v '\.part$')" ] || fail "nothing is stored by a relay that $1"; }

for kind in flips-a-bit reorders serves-another announces-less; do
    step "a relay that $kind is found out, and nothing is stored"
    start_lying "$kind"
    lie "$kind"
    code=0
    "$MEDVEIL" receive --from "$url" -i bob.id -o inbox >"$out" 2>"$err" || code=$?
    [ "$code" = 13 ] || fail "bytes that are not authentic end with 13, not $code"
    holds_nothing "$kind"
    expect 0 queue run
    [ "$(grep -c 'delivered' "$err")" = 0 ] || fail 'nothing counts as delivered'
    stop_lying
    rm -rf inbox
done

step 'a relay that cuts files short is given up, and nothing is stored'
start_lying truncates
lie truncates
code=0
"$MEDVEIL" receive --from "$url" -i bob.id -o inbox >"$out" 2>"$err" || code=$?
[ "$code" != 0 ] || fail 'half a file is a failure'
holds_nothing truncates
stop_lying
rm -rf inbox

step 'a relay that offers again what was acknowledged does not get it stored twice'
start_lying keeps-files
lie keeps-files
expect 0 receive --from "$url" -i bob.id -o inbox
[ "$(ls inbox | wc -l)" = 2 ] || fail 'both files are there'
rm inbox/*
expect 0 receive --from "$url" -i bob.id -o inbox
[ -z "$(ls -A inbox)" ] || fail 'what was taken away is not stored again'
expect 0 receive --again --from "$url" -i bob.id -o inbox
[ "$(ls inbox | wc -l)" = 2 ] || fail 'it is, when that is wanted'
stop_lying
rm -rf inbox

step 'a relay that forgets files never gets a receipt for them'
start_lying forgets-receipts
expect 0 receive --from "$url" -i bob.id -o inbox
lie forgets-receipts
expect 0 queue run
expect 0 queue status
prints 'no receipt yet'
stop_lying

step 'a receipt that the relay made up is said to be false'
start_lying forges-receipts
rm -rf inbox
expect 0 receive --from "$url" -i bob.id -o inbox
lie forges-receipts
code=0
"$MEDVEIL" queue run >"$out" 2>"$err" || code=$?
[ "$code" = 13 ] || fail "a false receipt ends with 13, not $code"
says 'false receipt'
expect 0 queue status
prints 'no receipt yet'
