#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a bad line leaves: a file sent to a relay and fetched from it over 80 ms there and back, 1 % of
# the packets lost in each direction, 50 Mbit/s (tests/support/impair.c: two network namespaces,
# CUBIC). Beside it plain TCP over the same line, without TLS, requests and answers: connections that
# share the same bytes in pieces of 64 KiB, the most that so many connections can do. Prints bytes of
# the file over what the line carries in that time.
#
#   bench/line.sh build/medveil build/tests/trouble/impair [MEGABYTES [SEED...]]
#
# TRACE=1: what each quarter of a second used of the line.
set -eu
medveil=$(realpath "${1:?is the program to measure}")
impair=$(realpath "${2:?is the program that makes a bad line}")
megabytes=${3:-49}
shift $(($# < 3 ? $# : 3))
[ $# -gt 0 ] || set -- 11 12 13
work=$(mktemp -d "${TMPDIR:-/tmp}/medveil-line.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work"
export MEDVEIL_HOME="$work/home"

/usr/bin/python3 - "$megabytes" <<'PY'
import math, random, sys
side = math.isqrt(int(sys.argv[1]) * 10**6)
head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({side}, {side}), }}"
head += " " * (63 - (10 + len(head)) % 64) + "\n"
with open("noise.npy", "wb") as f:
    f.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + random.randbytes(side * side))
PY
"$medveil" keygen -o a.id >/dev/null 2>&1
"$medveil" encrypt --no-features --no-embedding -r a.id.card noise.npy -o noise.mv 2>/dev/null
printf '[relay]\nlisten = 10.9.0.1:7462\nstate = %s/state\n' "$work" >relay.ini

# plain.py listen | send BYTES CONNECTIONS
cat >plain.py <<'PY'
import socket, sys, threading
if sys.argv[1] == "listen":
    def take(line):
        while line.recv(1 << 20):
            pass
        line.sendall(b".")
        line.close()
    with socket.create_server(("10.9.0.1", 7463), backlog=64) as server:
        while True:
            threading.Thread(target=take, args=server.accept()[:1], daemon=True).start()
left, lock = int(sys.argv[2]), threading.Lock()
def give():
    global left
    with socket.create_connection(("10.9.0.1", 7463)) as line:
        line.setsockopt(socket.IPPROTO_TCP, 25, 131072)  # TCP_NOTSENT_LOWAT
        while True:
            with lock:
                piece = min(left, 65536)
                left -= piece
            if piece == 0:
                break
            line.sendall(bytes(piece))
        line.shutdown(socket.SHUT_WR)
        line.recv(1)
threads = [threading.Thread(target=give) for _ in range(int(sys.argv[3]))]
for t in threads:
    t.start()
for t in threads:
    t.join()
PY

bytes=$(stat -c %s noise.mv)
# over SEED FIRST SECOND: SECOND writes a line into times at its start and after each part
over() {
    rm -rf state home inbox address times
    "$impair" delay=40 loss=1 rate=50 "seed=$1" "trace=${TRACE:-0}" "$2" "$3" >log 2>&1 || { cat log >&2; exit 1; }
    ! [ "${TRACE:-0}" = 1 ] || grep '^the line: ' log
}
percent() { # NAME...: one for each part
    awk -v n="$bytes" -v names="$*" 'NR > 1 { split(names, name, " ")
        printf "  %s %.1f %%", name[NR - 1], 100 * n / 6.25e6 / ($1 - last) }
        { last = $1 }' times
}
for seed in "$@"; do
    printf '%.1f MB, seed %s:' "$(echo "$bytes" | awk '{ print $1 / 1e6 }')" "$seed"
    over "$seed" "exec '$medveil' relay --config relay.ini --address-file address" \
        "until [ -s address ]; do sleep 0.05; done
         date +%s.%N >times
         '$medveil' send noise.mv --to \"\$(cat address)\" -r a.id.card || exit
         date +%s.%N >>times
         '$medveil' receive --from \"\$(cat address)\" -i a.id -o inbox || exit
         date +%s.%N >>times"
    cmp noise.mv inbox/*.mv
    percent up down
    for connections in 32; do
        over "$seed" 'exec /usr/bin/python3 plain.py listen' \
            "sleep 0.5; date +%s.%N >times; /usr/bin/python3 plain.py send $bytes $connections && date +%s.%N >>times"
        percent "plain-TCP-x$connections"
    done
    echo
done
