#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sender and receiver behind a bad line (tests/support/impair.c): delay, loss, overtaking, outages.
# Every run ends with the file in the inbox, unaltered, and its receipt at the sender.
#
#   line.sh short|long      WITH_LINE=must: not being able to make a line is a failure
. "$(dirname "$0")/../cli/lib.sh"
: "${IMPAIR:?is the program that makes a bad line}"
length=${1:-short}
people

code=0
"$IMPAIR" true true 2>"$err" || code=$?
if [ "$code" = 77 ]; then
    [ "${WITH_LINE:-may}" != must ] || fail "two network namespaces can be made: $(cat "$err")"
    skip "$(cat "$err")"
fi
[ "$code" = 0 ] || fail "a line can be made: $(cat "$err")"

# sealed SIDE NAME: noise, so that nothing makes it smaller
sealed() {
    /usr/bin/python3 - "$1" "$2.npy" <<'END'
import random, sys
side = int(sys.argv[1])
head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({side}, {side}), }}"
head += " " * (63 - (10 + len(head)) % 64) + "\n"
with open(sys.argv[2], "wb") as f:
    f.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + random.randbytes(side * side))
END
    expect 0 encrypt -s alice.id -r bob.id.card "$2.npy" -o "$2.mv"
}

printf '[relay]\nlisten = 10.9.0.1:7462\nstate = %s/state\n' "$work" >relay.ini

# over NAME FILE OPTION...: the relay at one end; sender and receiver at the other
over() {
    name=$1
    file=$2
    shift 2
    step "$name"
    rm -rf "$work/state" "$MEDVEIL_HOME" inbox address
    start=$(date +%s.%N)
    "$IMPAIR" "$@" \
        "exec '$MEDVEIL' relay --config relay.ini --address-file address 2>'$work/log/relay'" \
        "until [ -s address ]; do sleep 0.05; done
         '$MEDVEIL' receive --watch inbox --from \"\$(cat address)\" -i bob.id 2>'$work/log/receiver' &
         watcher=\$!
         '$MEDVEIL' send $file --to \"\$(cat address)\" -r bob.id.card -s alice.id --wait --streams 32 2>'$work/log/sender'
         code=\$?
         kill \$watcher
         wait \$watcher
         exit \$code" 2>"$work/log/line" || fail "over a line with $*, the sender ends with the receipt"
    end=$(date +%s.%N)
    grep -q 'delivered .* 1/1 bit-identical' "$work/log/sender" || fail 'the sender has the receipt'
    same "$file" "$(echo inbox/*.mv)"
    [ "$(ls inbox | wc -l)" = 1 ] || fail 'it arrives once'
    awk -v a="$start" -v b="$end" -v n="$(size_of "$file")" 'BEGIN { printf "  %.1f s there and back for %.2f MB\n", b - a, n / 1e6 }'
    sed 's/^/  /' "$work/log/line"
}

# there_then_back NAME FILE OPTION...: first the upload, then the download, each by itself
there_then_back() {
    name=$1
    file=$2
    shift 2
    step "$name"
    rm -rf "$work/state" "$MEDVEIL_HOME" inbox address
    "$IMPAIR" "$@" \
        "exec '$MEDVEIL' relay --config relay.ini --address-file address 2>'$work/log/relay'" \
        "until [ -s address ]; do sleep 0.05; done
         date +%s.%N >'$work/times'
         '$MEDVEIL' send $file --to \"\$(cat address)\" -r bob.id.card 2>'$work/log/sender' || exit
         date +%s.%N >>'$work/times'
         '$MEDVEIL' receive --from \"\$(cat address)\" -i bob.id -o inbox 2>'$work/log/receiver' || exit
         date +%s.%N >>'$work/times'" 2>"$work/log/line" || fail "over a line with $*, there and back"
    same "$file" "$(echo inbox/*.mv)"
    sed 's/^/  /' "$work/log/line"
    # one connection alone would take about ten times as long
    awk -v n="$(size_of "$file")" '{ t[NR] = $1 }
        END { up = t[2] - t[1]; down = t[3] - t[2]
              printf "  %.2f MB: %.1f s there, %.1f s back\n", n / 1e6, up, down
              exit !(down < 2 * up + 2) }' "$work/times" || fail 'the way back takes not much longer'
}

sealed 64 small
sealed 600 one
sealed 2000 parts
over 'a good line' one.mv delay=1 seed=1
over '80 ms there and back, 1 % lost, 50 Mbit/s' one.mv delay=40 loss=1 rate=50 seed=2
over '80 ms, 20 % lost' small.mv delay=40 loss=20 seed=3
over '80 ms, 10 % overtake' one.mv delay=40 reorder=10 seed=4
over 'an outage of 3 s in the middle' one.mv delay=20 rate=8 outage=1,3 seed=5
there_then_back '80 ms, 1 % lost, one way after the other' parts.mv delay=40 loss=1 rate=50 seed=11

step '0.6 s there and back, a small file: four round trips to send it, six to fetch it'
# to connect, for TLS, and one for each request: epochs, file; epochs, list, file, receipt. Whatever else
# the machine does adds to that, so the quickest of four tries counts.
tries=0
until [ "$tries" = done ]; do
    tries=$((tries + 1))
    rm -rf "$work/state" "$MEDVEIL_HOME" inbox address
    "$IMPAIR" delay=300 seed=13 \
        "exec '$MEDVEIL' relay --config relay.ini --address-file address 2>'$work/log/relay'" \
        "until [ -s address ]; do sleep 0.05; done
         date +%s.%N >'$work/times'
         '$MEDVEIL' send small.mv --to \"\$(cat address)\" -r bob.id.card 2>'$work/log/sender' || exit
         date +%s.%N >>'$work/times'
         '$MEDVEIL' receive --from \"\$(cat address)\" -i bob.id -o inbox 2>'$work/log/receiver' || exit
         date +%s.%N >>'$work/times'" 2>"$work/log/line" || fail 'there and back over a long line'
    if awk '{ t[NR] = $1 } END { there = t[2] - t[1]; back = t[3] - t[2]
            printf "  %.2f s there, %.2f s back\n", there, back
            exit !(there >= 2.4 && there < 3.0 && back >= 3.6 && back < 4.2) }' "$work/times"; then
        tries=done
    elif [ "$tries" = 4 ]; then
        fail 'no request waits for more than its answer'
    fi
done

step 'a live stream: 80 ms, 1 % lost, an outage of 2 s in the middle'
rm -rf "$work/state" "$MEDVEIL_HOME" address
expect 0 phantom --size 64x64 --depth 60 -o cine.npy
"$IMPAIR" delay=40 loss=1 rate=50 outage=3,2 seed=12 \
    "exec '$MEDVEIL' relay --config relay.ini --address-file address 2>'$work/log/relay'" \
    "until [ -s address ]; do sleep 0.05; done
     '$MEDVEIL' live receive --from \"\$(cat address)\" -i bob.id -o - >seen 2>'$work/log/receiver' &
     watcher=\$!
     '$MEDVEIL' live send cine.npy --fps 12 --embed-every 0 --to \"\$(cat address)\" -r bob.id.card -s alice.id --wait \
         2>'$work/log/sender'
     code=\$?
     wait \$watcher || code=\$?
     exit \$code" 2>"$work/log/line" || fail 'a live stream over a bad line ends with the receipt'
grep -q '60/60 bit-identical' "$work/log/sender" || fail 'the sender of the stream has the receipt'
tail -c "$(size_of seen)" cine.npy >wanted
[ "$(size_of seen)" = $((60 * 64 * 64)) ] || fail 'all frames are seen'
same wanted seen
sed 's/^/  /' "$work/log/line"

if [ "$length" = long ]; then
    over '80 ms, 1 % lost, 50 Mbit/s, in parts' parts.mv delay=40 loss=1 rate=50 seed=6
    over '80 ms, 5 % lost' one.mv delay=40 loss=5 seed=7
    over '80 ms, 10 % lost' one.mv delay=40 loss=10 seed=8
    over '80 ms, 20 % lost, one request' one.mv delay=40 loss=20 seed=9
    over 'an outage of two minutes' parts.mv delay=20 rate=20 outage=2,120 seed=10
fi
