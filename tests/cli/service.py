#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a relay owes to those who run it, by command: /readyz says what is wrong and when it is right
again, nothing stays longer than retention_days, a client that asks too often waits and gets there,
senders and receivers keep to --limit-rate, and nobody expired or revoked is served. With
MEDVEIL_TEST_POSTGRES (tests/support/with_postgres) the relay's database is that server."""

import glob
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time

MEDVEIL = os.path.realpath(os.environ["MEDVEIL"])
POSTGRES = os.environ.get("MEDVEIL_TEST_POSTGRES")
PATIENCE_S = 60
DAY_S = 86400


def fail(sentence):
    sys.exit(f"NOT TRUE: {sentence}")


def step(sentence):
    print(f"- {sentence}", flush=True)


class Line:
    """One connection that stays open from request to request."""

    def __init__(self, port, certificate=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if certificate is not None:
            context.load_cert_chain(certificate)
        self.http = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=PATIENCE_S)

    def get(self, target):
        self.http.request("GET", target)
        reply = self.http.getresponse()
        return reply.status, reply.read().decode(), reply.headers

    def ready(self):
        status, body, _ = self.get("/readyz")
        return status, "" if status == 200 else json.loads(body)["title"]


class Service:
    def __init__(self):
        self.work = tempfile.mkdtemp(prefix="medveil-service-")
        self.relay, self.port = None, 0
        self.said = ""

    def path(self, name):
        return os.path.join(self.work, name)

    def medveil(self, *arguments, code=0):
        env = dict(os.environ, MEDVEIL_HOME=self.path("home"))
        done = subprocess.run([MEDVEIL, *arguments], cwd=self.work, capture_output=True, text=True,
                              timeout=PATIENCE_S, stdin=subprocess.DEVNULL, env=env, check=False)
        self.said = done.stderr
        if done.returncode != code:
            fail(f"medveil {' '.join(arguments)} ends with {code}, not {done.returncode}: {done.stderr}")
        return done.stdout

    def configure(self, *lines):
        with open(self.path("relay.ini"), "w", encoding="ascii") as f:
            print("[relay]", f"listen = 127.0.0.1:{self.port}", f"state = {self.path('state')}", *lines, sep="\n", file=f)
            if POSTGRES:
                print(f"postgres = {POSTGRES}", file=f)

    def start(self, *lines):
        self.configure(*lines)
        if os.path.exists(self.path("address")):
            os.remove(self.path("address"))
        with open(self.path("relay.log"), "ab") as log:
            self.relay = subprocess.Popen([MEDVEIL, "relay", "--config", "relay.ini", "--address-file", "address"],
                                          cwd=self.work, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                          preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
        end = time.monotonic() + PATIENCE_S
        while not os.path.exists(self.path("address")):
            if time.monotonic() > end or self.relay.poll() is not None:
                fail("the relay says its address")
            time.sleep(0.02)
        with open(self.path("address"), encoding="ascii") as f:
            self.url = f.read().strip()
        self.port = int(re.search(r":(\d+)#", self.url)[1])

    def stop(self):
        self.relay.send_signal(signal.SIGTERM)
        if self.relay.wait(PATIENCE_S) != 0:
            fail("a relay that is asked to stop ends with 0")

    def number(self, name):
        return float(re.search(rf"^{re.escape(name)} (\S+)", Line(self.port).get("/metrics")[1], re.M)[1])

    def send(self, *more, code=0):
        return self.medveil("send", *more, "--to", self.url, "-r", "bob.id.card", "-s", "alice.id", code=code)

    def receive(self, into, *more, code=0):
        return self.medveil("receive", "--from", self.url, "-i", "bob.id", "-o", into, *more, code=code)

    def prepare(self):
        for who in ("alice", "bob", "carol"):
            self.medveil("keygen", "-o", who + ".id")
        for n in range(1, 5):
            self.medveil("phantom", "--size", "64x64", "--seed", str(n), "-o", f"{n}.png")
            self.medveil("encrypt", "-s", "alice.id", "-r", "bob.id.card", f"{n}.png", "-o", f"{n}.mv")
        noise = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000, 1000), }"
        noise += b" " * (63 - (10 + len(noise)) % 64) + b"\n"
        with open(self.path("noise.npy"), "wb") as f:
            f.write(b"\x93NUMPY\x01\x00" + len(noise).to_bytes(2, "little") + noise + os.urandom(1000000))
        self.medveil("encrypt", "--no-features", "--no-embedding", "-s", "alice.id", "-r", "bob.id.card",
                     "noise.npy", "-o", "noise.mv")


def expect_ready(line, status, title=""):
    found = line.ready()
    if found != (status, title):
        fail(f"/readyz answers {status} {title}, not {found}")


def obstacles(s):
    step("/readyz says when the store is away, and when it is back")
    s.start()
    line = Line(s.port)
    expect_ready(line, 200)
    os.rmdir(s.path("state/incoming"))
    expect_ready(line, 503, "the folder of the store cannot be written")
    if line.get("/healthz")[0] != 200:
        fail("/healthz speaks of the process alone")
    s.stop()
    s.start()
    line = Line(s.port)
    expect_ready(line, 200)

    step("/readyz says when the disk is full, and when it is not any more")
    # a limit on the size of files stands in for the disk, so that this runs everywhere
    prlimit = ["prlimit", "--pid", str(s.relay.pid)]
    subprocess.run(prlimit + ["--fsize=500000:"], check=True)
    expect_ready(line, 503, "the disk is full")
    subprocess.run(prlimit + ["--fsize=unlimited"], check=True)
    expect_ready(line, 200)
    if [name for name in os.listdir(s.path("state/incoming")) if name.startswith("t-")]:
        fail("nothing is left of the attempts")

    if POSTGRES:
        step("/readyz says when the database is away, and when it is back")
        control = os.environ["MEDVEIL_TEST_POSTGRES_RESTART"]
        subprocess.run([control, "stop"], check=True)
        expect_ready(line, 503, "the database does not answer")
        subprocess.run([control, "start"], check=True, stdout=subprocess.DEVNULL)
        expect_ready(line, 200)
    s.stop()


def hangs_up(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
        return False
    except ConnectionRefusedError:
        return True


def draining(s):
    step("a relay that is told to stop says so, takes no new connections, and finishes what it began")
    s.start()
    line, sender = Line(s.port), Line(s.port)
    expect_ready(line, 200)
    with open(s.path("noise.mv"), "rb") as f:
        body = f.read()
    epoch = json.loads(line.get("/v1/epochs")[1])["epoch"]
    name = hashlib.blake2b(body, digest_size=32).hexdigest()
    sender.http.putrequest("PUT", f"/v1/mailboxes/{epoch}/{'0' * 64}/files/{name}")
    sender.http.putheader("Content-Length", str(len(body)))
    sender.http.endheaders()
    sender.http.send(body[:500000])
    time.sleep(0.2)
    s.relay.send_signal(signal.SIGTERM)
    end = time.monotonic() + PATIENCE_S
    while line.ready() != (503, "the relay is stopping"):
        if time.monotonic() > end:
            fail("a relay that stops is not ready")
        time.sleep(0.02)
    while not hangs_up(s.port):
        if time.monotonic() > end:
            fail("a relay that stops takes no new connections")
        time.sleep(0.02)
    sender.http.send(body[500000:])
    if sender.http.getresponse().status != 201:
        fail("what was on its way is finished")
    if s.relay.wait(PATIENCE_S) != 0:
        fail("a relay that is asked to stop ends with 0")


def serve_for(s, seconds):
    """As if the relay had served so long: its own count of that time goes on by so much."""
    change = f"UPDATE counter SET value = value + {seconds} WHERE name = 'served_s'"
    if POSTGRES:
        psql = sorted(glob.glob("/usr/lib/postgresql/*/bin/psql"))[-1]
        subprocess.run([psql, "-q", "-d", POSTGRES, "-c", change], check=True)
        return
    database = sqlite3.connect(s.path("state/archive.db"))
    with database:
        if database.execute(change).rowcount != 1:
            fail("the store counts the time that it served")
    database.close()


def retention(s):
    step("a file that nobody fetched is gone after retention_days, and not before")
    s.start("retention_days = 3")
    s.send("1.mv")
    stored = s.number("medveil_relay_stored_files")
    s.stop()
    serve_for(s, 2 * DAY_S)
    s.start("retention_days = 3")
    s.send("2.mv")
    if s.number("medveil_relay_stored_files") != stored + 1:
        fail("after two days of three both files are there")
    s.stop()
    serve_for(s, 1 * DAY_S + 60)
    s.start("retention_days = 3")
    end = time.monotonic() + PATIENCE_S
    while s.number("medveil_relay_expired_files_total") == 0:
        if time.monotonic() > end:
            fail("what is older than retention_days expires")
        time.sleep(0.05)
    s.receive("kept")
    names = glob.glob(s.path("kept/*.mv"))
    with open(s.path("2.mv"), "rb") as wanted:
        if len(names) != 1 or open(names[0], "rb").read() != wanted.read():
            fail("the younger file is there, alone")
    s.medveil("queue", "run")
    items = [json.loads(line) for line in s.medveil("queue", "status", "--all", "--json").splitlines()]
    if sorted(item["state"] for item in items) != ["delivered", "sent"]:
        fail(f"what expired does not count as delivered: {items}")
    s.stop()
    with open(s.path("state/audit.log"), encoding="ascii") as f:
        if '"expired"' not in f.read():
            fail("the audit log says that a file expired")
    s.medveil("audit", "verify", "state/audit.log")
    s.medveil("queue", "cancel", *[item["id"] for item in items if item["state"] == "sent"])


def too_often(s):
    step("a client that asks too often is told when to come back; send and receive do, and get through")
    s.start("requests_per_minute = 240")
    line = Line(s.port)
    answers = [line.get("/healthz") for _ in range(300)]
    refused = [a for a in answers if a[0] == 429]
    if len(refused) < 20 or any(not 1 <= int(a[2]["Retry-After"]) <= 2 for a in refused):
        fail("of three hundred requests at once those above 240 are told to come back")
    began = time.monotonic()
    s.send("3.mv")
    s.receive("often")
    s.medveil("queue", "run", "--wait")
    if "1/1 bit-identical" not in s.said or time.monotonic() - began < 1:
        fail(f"the file gets through, at the relay's pace: {s.said}")
    print(f"  there, back and the receipt in {time.monotonic() - began:.1f} s")
    s.stop()


def slow_on_purpose(s):
    step("send and receive keep to --limit-rate")
    s.start()
    size = os.path.getsize(s.path("noise.mv"))
    for name, act in (("send", lambda: s.send("noise.mv", "--limit-rate", "500k")),
                      ("receive", lambda: s.receive("slow", "--limit-rate", "500k"))):
        began = time.monotonic()
        act()
        took = time.monotonic() - began
        if took < 0.8 * (size / 500e3 - 0.25):
            fail(f"medveil {name} moves no more than 500 kB a second: {size} bytes in {took:.2f} s")
        print(f"  {name}: {size / took / 1e3:.0f} kB/s")
    s.send("4.mv", "--limit-rate", "0", code=2)
    s.receive("slow", "--limit-rate", "fast", code=2)
    s.stop()


def certificate(s, name, days):
    run = lambda *words: subprocess.run(["openssl", *words], cwd=s.work, check=True, capture_output=True)  # noqa: E731
    curve = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    if not os.path.exists(s.path("ca.pem")):
        run("req", "-x509", "-newkey", *curve, "-days", "2", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem")
    run("req", "-newkey", *curve, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
        str(days), "-out", f"{name}.crt")
    kept = s.path(f"home/certificates/{s.url.split('#')[1]}.pem")
    os.makedirs(os.path.dirname(kept), exist_ok=True)
    with open(kept, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
        for part in (f"{name}.key", f"{name}.crt"):
            with open(s.path(part), encoding="ascii") as f:
                out.write(f.read())
    return kept


def take_back(s, issuer, *names):
    """A list by this issuer of the certificates of these names."""
    with open(s.path("crl.ini"), "w", encoding="ascii") as f:
        f.write(f"[ca]\ndefault_ca = one\n[one]\ndatabase = {issuer}.index\ndefault_md = sha256\n"
                "default_crl_days = 2\n")
    open(s.path(issuer + ".index"), "w", encoding="ascii").close()
    ca = ["openssl", "ca", "-config", "crl.ini", "-cert", issuer + ".pem", "-keyfile", issuer + ".key"]
    for name in names:
        subprocess.run(ca + ["-revoke", name + ".crt"], cwd=s.work, check=True, capture_output=True)
    subprocess.run(ca + ["-gencrl", "-out", issuer + ".crl"], cwd=s.work, check=True, capture_output=True)


def not_in_force(s):
    step("nothing is sent to somebody whose card is revoked or expired")
    s.start()
    s.medveil("card", "revoke", "-i", "carol.id", "-o", "carol.revoked")
    s.medveil("encrypt", "-s", "alice.id", "-r", "carol.id.card", "1.png", "-o", "carol.mv")
    s.medveil("card", "revoke", "carol.revoked")
    s.medveil("send", "carol.mv", "--to", s.url, "-r", "carol.id.card", "-s", "alice.id", code=14)
    if "revoked" not in s.said:
        fail(f"it is said why: {s.said}")
    if "carol.mv" in s.medveil("queue", "status", "--all"):
        fail("nothing of it is in the queue")
    s.stop()

    step("a relay with client_ca serves a certificate in force, and none that has expired or was taken back")
    certificate(s, "good", 2)
    s.start(f"client_ca = {s.path('ca.pem')}")
    s.send("4.mv")
    certificate(s, "old", 0)  # until the second in which it was made
    time.sleep(1.1)
    s.receive("mutual", code=14)
    if "client certificate" not in s.said:
        fail(f"it is said why: {s.said}")
    lost = certificate(s, "lost", 2)
    s.receive("mutual")
    s.stop()
    take_back(s, "ca", "lost")
    s.start(f"client_ca = {s.path('ca.pem')}", f"client_crl = {s.path('ca.crl')}")
    s.receive("mutual", code=14)
    if "client certificate" not in s.said:
        fail(f"it is said why: {s.said}")
    certificate(s, "good", 2)
    s.receive("mutual")
    os.remove(lost)
    s.stop()

    step("a list of revoked certificates that is none, or that somebody else signed, keeps a relay from starting")
    run = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
           "-subj", "/CN=other", "-keyout", "other.key", "-out", "other.pem"]
    subprocess.run(run, cwd=s.work, check=True, capture_output=True)
    take_back(s, "other")
    for crl, why in ((s.path("other.crl"), "not signed"), (s.path("1.mv"), "no list"), (s.path("none"), "none")):
        s.configure(f"client_ca = {s.path('ca.pem')}", f"client_crl = {crl}")
        s.medveil("relay", "--config", "relay.ini", code=13 if why == "not signed" else 10 if why == "none" else 1)
        if why not in s.said:
            fail(f"it is said why: {s.said}")
    s.configure(f"client_crl = {s.path('ca.crl')}")
    s.medveil("relay", "check-config", "--config", "relay.ini", code=1)
    if "client_ca" not in s.said:
        fail(f"it is said what is missing: {s.said}")


def main():
    s = Service()
    try:
        s.prepare()
        obstacles(s)
        draining(s)
        retention(s)
        too_often(s)
        slow_on_purpose(s)
        not_in_force(s)
    finally:
        if s.relay is not None and s.relay.poll() is None:
            s.relay.kill()
            s.relay.wait()
        shutil.rmtree(s.work)


main()
