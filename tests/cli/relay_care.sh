#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What an operator does with a relay: service manager, metrics, logs, audit, backup, erasing, client
# certificates, a look at the unit file.
. "$(dirname "$0")/lib.sh"
people
image one.png 64 64
image two.png 64 64 2
expect 0 encrypt -s alice.id -r bob.id.card one.png -o one.mv
expect 0 encrypt -s alice.id -r bob.id.card two.png -o two.mv

# ask TARGET [CERTIFICATE]: one GET; the status, then the body
ask() {
    python3 - "$port" "$@" <<'END'
import http.client, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
if len(sys.argv) > 3:
    context.load_cert_chain(sys.argv[3])
c = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), context=context, timeout=20)
c.request("GET", sys.argv[2])
reply = c.getresponse()
print(reply.status)
print(reply.read().decode())
END
}

state="$work/state"
printf '[relay]\nlisten = 127.0.0.1:0\nstate = %s\nlog = json\n' "$state" >relay.ini

step 'a service manager is told when the relay is ready and when it stops'
NOTIFY_SOCKET="$work/notify" python3 - "$MEDVEIL" <<'END' || fail 'READY=1 and STOPPING=1 arrive'
import os, signal, socket, subprocess, sys
path = os.environ["NOTIFY_SOCKET"]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(path)
s.settimeout(30)
p = subprocess.Popen([sys.argv[1], "relay", "--quiet", "--config", "relay.ini"],
                     stdout=subprocess.DEVNULL)
try:
    first = s.recv(100)
    p.send_signal(signal.SIGTERM)
    second = s.recv(100)
finally:
    p.kill() if p.poll() is None and sys.exc_info()[0] else None
sys.exit(0 if (first, second, p.wait(30)) == (b"READY=1", b"STOPPING=1", 0) else 1)
END

step 'metrics, health and readiness answer; the log is JSON'
start_relay relay.ini
expect 0 send one.mv two.mv --to "$url" -r bob.id.card -s alice.id
for target in /healthz /readyz; do
    ask $target >answer
    [ "$(head -n 1 answer)" = 200 ] || fail "$target answers 200"
done
ask /metrics >metrics
grep -q '^medveil_relay_stored_files 2$' metrics || fail 'two files are counted'
grep -q '^medveil_relay_requests_total{route="/v1/epochs",status="2xx"}' metrics || fail 'requests are counted'
python3 -c 'import json, sys
for line in open(sys.argv[1]):
    row = json.loads(line)
    assert set(row) == {"time", "method", "route", "status", "ms", "in", "out", "broken"}, row' \
    "$work/log/relay" || fail 'each line of the log is a JSON object with these keys'

step 'a backup of the running relay holds what it holds'
expect 0 relay backup --config relay.ini -o copy --json
is files "v == 2"
expect 1 relay backup --config relay.ini -o copy

step 'an erased file is gone'
name=$(python3 -c 'import hashlib,sys; print(hashlib.blake2b(open(sys.argv[1],"rb").read(),digest_size=32).hexdigest())' two.mv)
expect 0 relay erase --config relay.ini "$name"
expect 10 relay erase --config relay.ini "$name"
expect 0 audit verify "$state/audit-erase.log"
grep -q "$name" "$state/audit-erase.log" || fail 'the audit log says what was erased'
expect 2 relay erase --config relay.ini short
expect 0 receive --from "$url" -i bob.id -o inbox
[ "$(find inbox -name '*.mv' | wc -l)" = 1 ] || fail 'one file is left to receive'
stop_relay

step 'the audit log is a chain: a line changed, removed or cut off shows'
expect 0 audit verify "$state/audit.log" --json
is lines "v >= 6"
head=$(json head)
expect 0 audit verify "$state/audit.log" --head "$head"
sed '3s/"bytes":[0-9]*/"bytes":1/' "$state/audit.log" >changed.log
expect 13 audit verify changed.log
sed 3d "$state/audit.log" >removed.log
expect 13 audit verify removed.log
sed '$d' "$state/audit.log" >cut.log
expect 0 audit verify cut.log
expect 13 audit verify cut.log --head "$head"
expect 10 audit verify none.log
cp changed.log "$state/audit.log"
expect 13 relay --config relay.ini

step 'a restored relay has the key and the files of the backup'
printf '[relay]\nlisten = 127.0.0.1:0\nstate = %s\n' "$work/restored" >restored.ini
expect 0 relay restore --config restored.ini copy
expect 1 relay restore --config restored.ini copy
old=${url##*#}
start_relay restored.ini
[ "${url##*#}" = "$old" ] || fail 'the address has the same key'
expect 0 keygen -o carol.id
MEDVEIL_HOME="$work/home2" expect 0 receive --from "$url" -i bob.id -o inbox2
[ "$(find inbox2 -name '*.mv' | wc -l)" = 2 ] || fail 'both files of the backup are there'
stop_relay

step 'a damaged backup is refused and names the file'
expect 0 relay backup --config restored.ini -o copy2
stored=$(ls copy/blobs | head -n 1)
printf x | dd of="copy/blobs/$stored" bs=1 seek=100 conv=notrunc 2>/dev/null
printf '[relay]\nlisten = 127.0.0.1:0\nstate = %s\n' "$work/damaged" >damaged.ini
expect 13 relay restore --config damaged.ini copy
grep -q "$stored" "$err" || fail 'the damaged file is named'

step 'a thousand open connections, half of them silent, take less than 200 MB'
printf '[relay]\nlisten = 127.0.0.1:0\nstate = %s\nconnections_per_client = 0\nmax_connections = 1010\n' \
    "$work/many" >many.ini
start_relay many.ini
python3 - "$port" <<'END' || fail 'the relay stays under 200 MB and answers'
import os, re, resource, socket, ssl, sys
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE

def ask(line, target):
    line.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    reply = b""
    while b"\r\n\r\n" not in reply:
        reply += line.recv(65536)
    head, body = reply.split(b"\r\n\r\n", 1)
    want = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
    while len(body) < want:
        body += line.recv(65536)
    return body.decode()

lines = [context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
         for _ in range(1000)]
for line in lines[:500]:
    ask(line, "/v1/epochs")
text = ask(lines[999], "/metrics")
memory = int(re.search(r"^process_resident_memory_bytes (\d+)", text, re.M)[1])
count = int(re.search(r"^medveil_relay_connections (\d+)", text, re.M)[1])
print(f"{count} connections, {memory} bytes")
limit = 200e6 if "ASAN_OPTIONS" not in os.environ else 1e9  # the sanitizer's own memory
sys.exit(0 if count == 1000 and memory < limit else 1)
END
stop_relay

step 'a full disk is said, loses nothing that was confirmed, and heals'
# A limit on the size of files stands in for the disk, so that this runs everywhere: SQLite's files
# stay below it, larger uploads do not.
printf '[relay]\nlisten = 127.0.0.1:0\nstate = %s/full\n' "$work" >full.ini
rm -f address
(
    ulimit -S -f 2048
    trap '' XFSZ
    exec "$MEDVEIL" relay --quiet --config full.ini --address-file address
) >"$work/log/address" 2>"$work/log/relay" &
relay=$!
background="$background $relay"
waits 'the relay says its address' test -s address
url=$(cat address)
expect 0 keygen -o dora.id
expect 0 encrypt -r dora.id.card one.png -o first.mv
/usr/bin/python3 -c '
import os
head = "{\x27descr\x27: \x27|u1\x27, \x27fortran_order\x27: False, \x27shape\x27: (1200, 1200), }"
head += " " * (63 - (10 + len(head)) % 64) + "\n"
with open("noise.npy", "wb") as f:
    f.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + os.urandom(1440000))'
expect 0 encrypt --no-features --no-embedding -r dora.id.card noise.npy -o second.mv
expect 0 send first.mv --to "$url" -r dora.id.card
expect 14 send second.mv --to "$url" -r dora.id.card
says 'full'
prlimit --pid "$relay" --fsize=unlimited
expect 0 send second.mv --to "$url" -r dora.id.card
expect 0 receive --from "$url" -i dora.id -o full-inbox
[ "$(find full-inbox -name '*.mv' | wc -l)" = 2 ] || fail 'both files arrive'
stop_relay

step 'with client_ca only clients with a certificate are served'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca \
    -keyout ca.key -out ca.pem 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=client -keyout client.key \
    -out client.csr 2>/dev/null
openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out client.crt 2>/dev/null
cat client.key client.crt >client.pem
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other \
    -keyout other.key -out other.crt 2>/dev/null
cat other.key other.crt >other.pem
printf '[relay]\nlisten = 127.0.0.1:0\nstate = %s\nclient_ca = %s\n' "$work/mutual" "$PWD/ca.pem" >mutual.ini
start_relay mutual.ini
ask /v1/epochs >answer
[ "$(head -n 1 answer)" = 403 ] || fail 'nobody is served without a certificate'
ask /v1/epochs client.pem >answer
[ "$(head -n 1 answer)" = 200 ] || fail 'a certificate of this authority is good'
ask /v1/epochs other.pem >answer
[ "$(head -n 1 answer)" = 403 ] || fail 'a certificate of another authority is not'

step 'senders and receivers show the certificate that is kept for this relay, and no other'
expect 0 keygen -o emma.id
expect 0 encrypt -s alice.id -r emma.id.card one.png -o mutual.mv
expect 14 send mutual.mv --to "$url" -r emma.id.card -s alice.id
says 'this relay asks for a client certificate'
says "certificates/${url##*#}.pem"
mkdir -p "$MEDVEIL_HOME/certificates"
kept="$MEDVEIL_HOME/certificates/${url##*#}.pem"
cp client.pem "$kept"
chmod 644 "$kept"
expect 14 receive --from "$url" -i emma.id -o mutual
says 'chmod 600'
chmod 600 "$kept"
expect 0 send mutual.mv --to "$url" -r emma.id.card -s alice.id
expect 0 receive --from "$url" -i emma.id -o mutual
same mutual.mv "$(echo mutual/*.mv)"
cp other.pem "$kept"
expect 14 receive --from "$url" -i emma.id -o mutual
echo nonsense >"$kept"
expect 1 receive --from "$url" -i emma.id -o mutual
says 'hold a key and its certificate?'
mv "$kept" "$MEDVEIL_HOME/certificates/another.pem"
expect 14 receive --from "$url" -i emma.id -o mutual
says 'this relay asks for a client certificate'
stop_relay
