#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The upload leg beside curl and nginx, in one run on one machine: 256 MiB of noise by medveil to
# medveil relay, and by curl (PUT, TLS 1.3) to nginx (dav module, files on the same disk, flushed by
# sync afterwards, since the relay's answer means that the file is on disk). medveil in its two steps:
# into the queue (hashed, copied, flushed: send --later), and from there to the relay (queue run),
# which is the leg. Five rounds of each, in turns; prints the median in megabytes a second, and
# processor time for each MB of both ends together; "queued" is both steps.
#
#   bench/upload_nginx.sh build/medveil
set -eu
medveil=$(realpath "${1:?is the program to measure}")
for program in nginx curl openssl; do
    command -v $program >/dev/null || { echo "upload_nginx: $program is not installed" >&2; exit 77; }
done
work=$(mktemp -d "${TMPDIR:-/tmp}/medveil-upload.XXXXXX")
relay=
nginx=
finish() {
    for pid in $relay $nginx; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
cd "$work"
export MEDVEIL_HOME="$work/home"

# noise that is sealed already: format 1 without features, 268 MB
/usr/bin/python3 -c '
import os
side = 16384
head = f"{{\x27descr\x27: \x27|u1\x27, \x27fortran_order\x27: False, \x27shape\x27: ({side}, {side}), }}"
head += " " * (63 - (10 + len(head)) % 64) + "\n"
with open("noise.npy", "wb") as f:
    f.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
    for _ in range(side):
        f.write(os.urandom(side))'
"$medveil" keygen -o a.id >/dev/null 2>&1
for i in 1 2 3 4 5; do
    "$medveil" encrypt --no-features --no-embedding -r a.id.card noise.npy -o "round$i.mv" 2>/dev/null
done
rm noise.npy
bytes=$(stat -c %s round1.mv)

printf '[relay]\nlisten = 127.0.0.1:0\nstate = %s/state\n' "$work" >relay.ini
"$medveil" relay --quiet --config relay.ini --address-file address >/dev/null 2>&1 &
relay=$!
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -keyout key.pem -out cert.pem 2>/dev/null
mkdir store
chmod 777 "$work" store
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >nginx.conf <<END
daemon off; pid $work/nginx.pid; error_log $work/error.log; worker_processes 2;
events {}
http { access_log off; client_body_temp_path $work/store/tmp; proxy_temp_path $work/p;
  fastcgi_temp_path $work/f; uwsgi_temp_path $work/u; scgi_temp_path $work/s;
  server { listen 127.0.0.1:$port ssl; ssl_certificate $work/cert.pem; ssl_certificate_key $work/key.pem;
    ssl_protocols TLSv1.3; client_max_body_size 0;
    location / { root $work/store; dav_methods PUT; } } }
END
/usr/sbin/nginx -p "$work" -c nginx.conf 2>/dev/null &
nginx=$!
until [ -s address ] && curl -sk "https://127.0.0.1:$port/" >/dev/null; do sleep 0.1; done
url=$(cat address)

# ticks PID...: processor time of these and their children so far, in hundredths of a second
ticks() {
    sum=0
    for pid in "$@"; do
        for one in $pid $(pgrep -P "$pid" || true); do
            sum=$((sum + $(awk '{ print $14 + $15 }' "/proc/$one/stat")))
        done
    done
    echo "$sum"
}

# measure NAME SERVER COMMAND...: appends seconds and processor seconds to NAME
measure() {
    name=$1
    server=$2
    shift 2
    sync
    before=$(ticks "$server")
    /usr/bin/env bash -c 'TIMEFORMAT="%R %U %S"; time "$@"' - "$@" >/dev/null 2>time.txt
    after=$(ticks "$server")
    tail -n 1 time.txt | awk -v s=$((after - before)) '{ print $1, $2 + $3 + s / 100 }' >>"$name"
}
for i in 1 2 3 4 5; do
    measure add "$relay" "$medveil" send --later "round$i.mv" --to "$url" -r a.id.card
    measure leg "$relay" "$medveil" queue run
    measure curl "$nginx" sh -c "curl -sk --tlsv1.3 -T round$i.mv 'https://127.0.0.1:$port/round$i.mv' && sync store/round$i.mv"
    rm "store/round$i.mv" state/blobs/* "round$i.mv"
done
paste -d ' ' add leg | awk '{ print $1 + $3, $2 + $4 }' >queued
for name in add leg queued curl; do
    sort -n "$name" | awk -v n="$bytes" -v name="$name" 'NR == 3 {
        printf "%-6s %7.1f MB/s   %6.2f ms of processor time a MB\n", name, n / 1e6 / $1, 1e3 * $2 / (n / 1e6) }'
done
# each round's leg over the same round's curl
paste -d ' ' curl leg queued | awk '{ print $1 / $3, $1 / $5 }' | sort -n | awk 'NR == 3 { printf "leg over curl %.2f\n", $1 }'
