#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Connections that are half open or deliberately slow. A relay ends those that bring nothing, in the
TLS handshake, in the head or in the body of a request, and those that do not take what they asked for,
after its idle timeout; meanwhile and afterwards others are served, and nothing of them is left behind.
A client gives up a relay that never shakes hands.
"""
import base64
import hashlib
import http.client
import os
import re
import select
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
import mailbox  # noqa: E402

MEDVEIL = os.path.realpath(os.environ["MEDVEIL"])
IDLE_S = 2
EACH = 25  # connections of each kind
LATE_S = 20  # for a busy machine
MEMORY = 200e6 if "ASAN_OPTIONS" not in os.environ else 1e9  # the sanitizer's own memory


def fail(sentence):
    sys.exit(f"NOT TRUE: {sentence}")


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


class Relay:
    def __init__(self, work):
        config, address = os.path.join(work, "relay.ini"), os.path.join(work, "address")
        with open(config, "w", encoding="ascii") as f:
            f.write(f"[relay]\nlisten = 127.0.0.1:0\nstate = {work}/state\nidle_timeout_s = {IDLE_S}\n"
                    f"connections_per_client = {8 * EACH + 20}\n")
        self.process = subprocess.Popen([MEDVEIL, "relay", "--quiet", "--config", config, "--address-file", address],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while not os.path.exists(address):
            if time.monotonic() > end:
                fail("the relay says its address")
            time.sleep(0.05)
        with open(address, encoding="ascii") as f:
            self.url = f.read().strip()
        self.port = int(re.search(r":(\d+)#", self.url)[1])
        self.key = base64.urlsafe_b64decode(self.url.split("#")[1] + "=")

    def ask(self, method, target, body=None, headers=None):
        c = http.client.HTTPSConnection("127.0.0.1", self.port, context=context(), timeout=30)
        c.request(method, target, body=body, headers=headers or {})
        reply = c.getresponse()
        data = reply.read()
        c.close()
        return reply.status, data

    def number(self, name):
        return int(re.search(rf"^{name} (\d+)", self.ask("GET", "/metrics")[1].decode(), re.M)[1])

    def files_open(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def box(self):
        owner = mailbox.Owner(b"\7" * 32)
        epoch = int(re.search(rb'"epoch":(\d+)', self.ask("GET", "/v1/epochs")[1])[1])
        return owner, epoch, f"/v1/mailboxes/{epoch}/{owner.tag(epoch).hex()}/files/"

    def upload(self):
        """The head of a request that the relay is willing to take."""
        target = self.box()[2] + "0" * 64
        return f"PUT {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".encode()

    def download(self):
        """A whole request for 32 MB that wait in a mailbox."""
        owner, epoch, box = self.box()
        body = os.urandom(1 << 20) * 32
        target = box + hashlib.blake2b(body, digest_size=32).hexdigest()
        if self.ask("PUT", target, body)[0] != 201:
            fail("a large file is stored")
        nonce = bytes.fromhex(re.search(rb'"nonce":"(\w+)"', self.ask("GET", "/v1/challenge")[1])[1].decode())
        proof = owner.proof(epoch, self.key, nonce, "GET", target)
        return f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: {proof}\r\n\r\n".encode()


class Line:
    """One slow connection: what it sends at once, what it sends byte by byte, whether it reads."""

    def __init__(self, relay, at_once=b"", then=b"", tls=True, reads=True):
        self.socket = socket.create_connection(("127.0.0.1", relay.port))
        self.then, self.reads, self.began = then, reads, time.monotonic()
        if tls:
            self.socket = context().wrap_socket(self.socket)
        self.socket.sendall(at_once)
        self.socket.setblocking(False)
        self.ended = None

    def look(self):
        if self.ended is not None:
            return
        try:
            if self.then:
                self.socket.send(self.then[:1])
                self.then = self.then[1:]
            if self.reads and self.socket.recv(4096) == b"":
                raise ConnectionError
            if not self.reads and select.select([], [], [self.socket], 0)[2]:
                raise ConnectionError
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            pass
        except (OSError, ssl.SSLError):
            self.ended = time.monotonic() - self.began


def hello():
    """The first flight of a handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    made = context().wrap_bio(incoming, outgoing, server_hostname="x")
    try:
        made.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def slow_lines(relay):
    first = hello()
    head = b"GET /v1/epochs HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 4000
    put = f"PUT /v1/mailboxes/1/{'0' * 64}/files/{'0' * 64} HTTP/1.1\r\nHost: x\r\n".encode()
    body = relay.upload() + b"x" * 1000
    return {
        "that say nothing at all": lambda: Line(relay, tls=False),
        "that stop within the handshake": lambda: Line(relay, at_once=first[:100], tls=False),
        "whose handshake trickles": lambda: Line(relay, then=first * 50, tls=False),
        "that shake hands and say nothing": lambda: Line(relay),
        "that stop within the head": lambda: Line(relay, at_once=put),
        "whose head trickles": lambda: Line(relay, at_once=head[:40], then=head[40:]),
        "that stop within the body": lambda: Line(relay, at_once=body),
    }


def attack(relay):
    step("half-open and slow connections end after the idle timeout, and others are served meanwhile")
    before = relay.files_open()
    kinds = {name: [make() for _ in range(EACH)] for name, make in slow_lines(relay).items()}
    deadline = time.monotonic() + IDLE_S + LATE_S
    worst = 0
    while any(line.ended is None for lines in kinds.values() for line in lines):
        if time.monotonic() > deadline:
            left = [name for name, lines in kinds.items() if any(line.ended is None for line in lines)]
            fail(f"the relay ends connections {', '.join(left)}")
        for lines in kinds.values():
            for line in lines:
                line.look()
        start = time.monotonic()
        if relay.ask("GET", "/v1/epochs")[0] != 200:
            fail("others are served meanwhile")
        worst = max(worst, time.monotonic() - start)
        time.sleep(0.1)
    for name, lines in kinds.items():
        if min(line.ended for line in lines) < IDLE_S * 0.5:
            fail(f"connections {name} have their time")
        print(f"  {EACH} {name}: ended after {max(line.ended for line in lines):.1f} s")
    print(f"  meanwhile an answer came in at most {worst:.2f} s")
    settle(relay, before)


def settle(relay, before):
    """Nothing is left of those that were ended."""
    end = time.monotonic() + LATE_S
    while relay.number("medveil_relay_connections") > 1 or relay.files_open() > before + 8:
        if time.monotonic() > end:
            fail(f"{relay.files_open()} files are open where there were {before}")
        time.sleep(0.2)
    if relay.number("process_resident_memory_bytes") > MEMORY:
        fail("the relay stays under 200 MB")


def no_readers(relay):
    step("who asks for a large file and takes nothing of it is hung up on")
    before = relay.files_open()
    head = relay.download()
    lines = [Line(relay, at_once=head, reads=False) for _ in range(EACH)]
    time.sleep(0.5)
    if relay.number("medveil_relay_connections") < EACH:
        fail("those who do not read have their time")
    settle(relay, before)
    for line in lines:
        line.socket.close()


def trickling_bodies(relay, work):
    step("bodies that trickle in may go on, but take neither memory nor the turn of others")
    head, lines, stop = relay.upload(), [], threading.Event()

    def trickle():
        while not stop.wait(0.1):
            for line in list(lines):
                line.look()
    thread = threading.Thread(target=trickle, daemon=True)
    thread.start()
    for _ in range(4 * EACH):
        lines.append(Line(relay, at_once=head, then=b"x" * 99999))
    try:
        start = time.monotonic()
        medveil(work, "send", "one.mv", "--to", relay.url, "-r", "bob.id.card", "-s", "alice.id")
        medveil(work, "receive", "--from", relay.url, "-i", "bob.id", "-o", "inbox")
        said = medveil(work, "queue", "run", "--wait")
        if "1/1 bit-identical" not in said:
            fail(f"others get their receipts: {said}")
        print(f"  there, back and the receipt in {time.monotonic() - start:.1f} s")
        while time.monotonic() - start < 2 * IDLE_S:
            time.sleep(0.1)
        if any(line.ended is not None for line in lines):
            fail("an upload is not broken off for being slow")
        if relay.number("process_resident_memory_bytes") > MEMORY:
            fail("the relay stays under 200 MB")
    finally:
        stop.set()
        thread.join()
    for line in lines:
        line.socket.close()


def medveil(work, *arguments, code=0):
    env = dict(os.environ, MEDVEIL_HOME=os.path.join(work, "home"))
    done = subprocess.run([MEDVEIL, *arguments], cwd=work, capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, env=env, check=False)
    if done.returncode != code:
        fail(f"medveil {arguments[0]} ends with {code}, not {done.returncode}: {done.stderr}")
    return done.stderr


class NeverShakesHands:
    """A relay that takes connections and says nothing; a client asks it in the background."""

    def __init__(self, work):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(16)
        port = self.listener.getsockname()[1]
        with open(os.path.join(work, "address"), encoding="ascii") as f:
            url = re.sub(r":\d+#", f":{port}#", f.read().strip())
        env = dict(os.environ, MEDVEIL_HOME=os.path.join(work, "home-patient"))
        self.began = time.monotonic()
        self.client = subprocess.Popen([MEDVEIL, "receive", "--from", url, "-i", "bob.id", "-o", "none"], cwd=work,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       env=env, text=True)

    def ends(self):
        step("a client gives up a relay that never shakes hands, and says so")
        try:
            said = self.client.communicate(timeout=90)[1]
        except subprocess.TimeoutExpired:
            self.client.kill()
            fail("the client ends by itself")
        if self.client.returncode == 0 or "does not answer in time" not in said:
            fail(f"the client ends with {self.client.returncode} and says why: {said}")
        print(f"  after {time.monotonic() - self.began:.0f} s: {said.splitlines()[0]}")
        self.listener.close()


def step(name):
    print(f"- {name}", flush=True)


def main():
    work = tempfile.mkdtemp(prefix="medveil-slow-")
    relay = Relay(work)
    try:
        for who in ("alice", "bob"):
            medveil(work, "keygen", "-o", who + ".id")
        medveil(work, "phantom", "--size", "64x64", "-o", "one.png")
        medveil(work, "encrypt", "-s", "alice.id", "-r", "bob.id.card", "one.png", "-o", "one.mv")
        patient = NeverShakesHands(work)
        attack(relay)
        no_readers(relay)
        trickling_bodies(relay, work)
        patient.ends()
        relay.process.terminate()
        if relay.process.wait(30) != 0:
            fail("the relay ends with 0")
    finally:
        if relay.process.poll() is None:
            relay.process.kill()
            relay.process.wait()
        shutil.rmtree(work)


main()
