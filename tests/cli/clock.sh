#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Clocks that are wrong, and clocks that jump while something is on its way, at the sender, the relay
# and the receiver: everything ends in a receipt, within the time that it takes otherwise.
. "$(dirname "$0")/lib.sh"
patience_s=20
: "${CLOCK_JUMP_SO:?is the library that makes the wall clock jump}"
image one.png 64 64
for who in alice relay bob; do echo 0 >"$who.clock"; done

# become WHO ARGUMENT...: this shell turns into medveil with the clock of that party
become() {
    who=$1
    shift
    export CLOCK_JUMP="$work/here/$who.clock" LD_PRELOAD="$CLOCK_JUMP_SO" MEDVEIL_HOME="$work/home-$who"
    exec timeout --foreground 60 "$MEDVEIL" "$@"
}
at() { (become "$@"); }
jump() { # WHO SECONDS
    echo "$2" >"$1.new"
    mv "$1.new" "$1.clock"
}
# does WHO ARGUMENT...: it ends with 0 within a minute
does() {
    code=0
    at "$@" >"$out" 2>"$err" </dev/null || code=$?
    [ "$code" = 0 ] || fail "with these clocks ($clocks), medveil $* ends with 0, not $code"
}

step 'the clock that is used here does jump'
at relay version >"$out" || fail 'the program runs with it'
jump bob 36000
clocks='bob ten hours ahead'
plain=$(date +%s)
does bob keygen -o late.id
does bob card show late.id.card --json
python3 - "$out" "$plain" <<'END' || fail 'a card that is made ten hours ahead or more bears a later day'
import datetime, json, sys
card = json.loads(open(sys.argv[1]).read().splitlines()[-1])
days = [v for v in card.values() if isinstance(v, str) and len(v) == 10 and v[4] == "-"]
now = datetime.datetime.utcfromtimestamp(int(sys.argv[2]) + 36000).strftime("%Y-%m-%d")
sys.exit(0 if now in days else 1)
END
jump bob 0

printf '[relay]\nlisten = 127.0.0.1:0\nstate = %s/state\nretention_days = 1\n' "$work" >relay.ini
CLOCK_JUMP="$work/here/relay.clock" LD_PRELOAD="$CLOCK_JUMP_SO" "$MEDVEIL" relay --config relay.ini \
    --address-file address >"$work/log/relay" 2>&1 &
relay=$!
background="$background $relay"
clocks='all right'
waits 'the relay says its address' test -s address
url=$(cat address)

# one_file: from alice to bob with a receipt
count=0
one_file() {
    count=$((count + 1))
    does alice encrypt --force -s alice.id -r bob.id.card one.png -o one.mv
    does alice send one.mv --to "$url" -r bob.id.card -s alice.id
    does bob receive --from "$url" -i bob.id -o "inbox$count"
    same one.mv "$(echo "inbox$count"/*.mv)"
    does alice queue run --wait
    says '1/1 bit-identical'
}

step 'a sender whose clock is weeks behind is told so'
jump bob -1728000 # twenty days: none of the jumps below goes back before the cards
jump alice -1728000
clocks='twenty days ago'
does alice keygen -o alice.id
does bob keygen -o bob.id
jump bob 0
jump alice -2592000
code=0
at alice encrypt -s alice.id -r bob.id.card one.png -o one.mv >"$out" 2>"$err" || code=$?
[ "$code" = 14 ] || fail "sealing for a card of the future ends with 14, not $code"
says 'which is in the future'
absent one.mv
jump alice 0

step 'each clock hours or days ahead or behind, while a file waits on the relay'
for who in alice relay bob; do
    for seconds in 18000 -18000 777600 -777600; do
        clocks="$who off by $seconds s from the middle on"
        count=$((count + 1))
        does alice encrypt --force -s alice.id -r bob.id.card one.png -o one.mv
        does alice send one.mv --to "$url" -r bob.id.card -s alice.id
        jump "$who" "$seconds"
        does bob receive --from "$url" -i bob.id -o "inbox$count"
        same one.mv "$(echo "inbox$count"/*.mv)"
        does alice queue run --wait
        says '1/1 bit-identical'
        clocks="$who off by $seconds s all the time"
        [ "${seconds#-}" = 18000 ] || one_file
        jump "$who" 0
    done
done

step 'a relay whose clock goes days ahead and back again forgets nothing'
clocks='the relay nine days ahead and back'
does alice encrypt --force -s alice.id -r bob.id.card one.png -o one.mv
does alice send one.mv --to "$url" -r bob.id.card -s alice.id
jump relay 777600
sleep 2
jump relay 0
sleep 1
does bob receive --from "$url" -i bob.id -o forgets
same one.mv "$(echo forgets/*.mv)"
does alice queue run --wait

step 'a receiver who watches and a sender who waits, while all clocks jump'
for seconds in 18000 -18000; do
    for who in alice relay bob; do
        clocks="$who jumps by $seconds s while others wait"
        count=$((count + 1))
        does alice encrypt --force -s alice.id -r bob.id.card one.png -o one.mv
        become bob receive --watch "inbox$count" --from "$url" -i bob.id >"$work/log/watcher" 2>&1 &
        watcher=$!
        sleep 0.3
        jump "$who" "$seconds"
        sleep 0.2
        does alice send one.mv --to "$url" -r bob.id.card -s alice.id --wait
        says '1/1 bit-identical'
        kill -TERM "$watcher"
        code=0
        wait "$watcher" || code=$?
        [ "$code" = 130 ] || fail "a watcher that is told to stop ends with 130, not $code"
        same one.mv "$(echo "inbox$count"/*.mv)"
        jump "$who" 0
    done
done

step 'a question that the relay holds back ends in time although its clock jumps'
for seconds in 18000 -18000; do
    clocks="the relay jumps by $seconds s"
    become bob live receive --from "$url" -i bob.id -o none --within 2 >"$out" 2>"$err" &
    asking=$!
    sleep 0.5
    jump relay "$seconds"
    code=0
    wait "$asking" || code=$?
    [ "$code" = 10 ] || fail "live receive --within 2 ends with 10, not $code ($clocks)"
    jump relay 0
done

step 'a live stream whose relay and sender jump'
clocks='sender and relay jump in the middle of a stream'
does alice phantom --size 64x64 --depth 40 -o cine.npy
become bob live receive --from "$url" -i bob.id -o - --within 50 >seen 2>"$work/log/watcher" &
watcher=$!
become alice live send cine.npy --fps 20 --embed-every 0 --to "$url" -r bob.id.card -s alice.id --wait \
    >"$work/log/stream" 2>&1 &
sender=$!
sleep 1
jump alice -18000
jump relay 18000
wait "$sender" || fail 'a stream ends with the receipt'
wait "$watcher" || fail 'it is seen to the end'
grep -q '40/40 bit-identical' "$work/log/stream" || fail 'all frames have a receipt'
tail -c "$(size_of seen)" cine.npy >wanted
same wanted seen
kill -TERM "$relay"
wait "$relay" || fail 'the relay ends with 0'
