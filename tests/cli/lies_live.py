#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A relay that lies about live streams, galleries and receipts: a real one, behind a front that holds
its TLS key and alters what it answers. No frame is shown that was not sent, twice or out of its place;
no rows are taken for right that are not; nothing counts as delivered; every command ends by itself, or
at an interrupt, with a sentence. With MEDVEIL_TEST_POSTGRES (tests/support/with_postgres) the relay's
database is that server.
"""
import http.client
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = os.path.dirname(os.path.abspath(__file__))
MEDVEIL = os.path.realpath(os.environ["MEDVEIL"])
PATIENCE_S = 60
FRAME = 64 * 48
FRAMES = 24
HOP = {"connection", "content-length", "date", "transfer-encoding", "host", "expect"}


def fail(sentence):
    sys.exit(f"NOT TRUE: {sentence}")


class Front(ThreadingHTTPServer):
    """lie(front, method, target, status, body) -> (status, body), of an answer of the relay."""
    daemon_threads = True

    def __init__(self, relay_port, pem):
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(pem)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.relay_port, self.lie, self.lies, self.now = relay_port, None, 0, True
        self.hasty = False  # asks the relay without patience, since nobody gets its answer
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A client that was told a lie hangs up."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        relay = http.client.HTTPSConnection("127.0.0.1", self.server.relay_port, context=self.server.context)
        path = re.sub(r"&wait=\d+", "", self.path) if self.server.hasty else self.path
        relay.putrequest(self.command, path, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP:
                relay.putheader(name, value)
        if length or self.command in ("PUT", "POST"):
            relay.putheader("Content-Length", str(length))
        relay.endheaders()
        relay.send(body)
        reply = relay.getresponse()
        status, data = reply.status, reply.read()
        relay.close()
        lie = self.server.lie
        if lie is not None:
            changed = lie(self.server, self.command, self.path, status, data)
            self.server.lies += changed != (status, data)
            status, data = changed
        self.send_response_only(status)
        for name, value in reply.getheaders():
            if name.lower() not in HOP:
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data if status != 204 else b"")

    do_GET = do_PUT = do_POST = do_DELETE = answer


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 16]) + data[at + 1:]


# ---- lies about streams: of what they hold, once some of it was given honestly

def of_stream(change):
    last = [b""]

    def lie(front, method, target, status, data):
        if method != "GET" or "/streams/" not in target or "offset=" not in target or status != 200:
            return status, data
        if not front.now:
            last[0] = data
            return status, data
        return change(status, data, last[0])
    return lie


class Play:
    def __init__(self, work):
        self.work = work
        self.relay = self.front = None
        os.environ["MEDVEIL_HOME"] = os.path.join(work, "home")

    def path(self, name):
        return os.path.join(self.work, name)

    def run(self, *arguments, codes=(0,), stdin=subprocess.DEVNULL):
        done = subprocess.run([MEDVEIL, *arguments], cwd=self.work, capture_output=True, stdin=stdin,
                              timeout=PATIENCE_S, check=False)
        text = done.stderr.decode(errors="replace")
        if done.returncode not in codes:
            fail(f"medveil {' '.join(arguments)} ends with {codes}, not {done.returncode}: {text}")
        if done.returncode != 0 and not re.match(r"medveil: .*[^.]$", text.splitlines()[0]):
            fail(f"medveil {' '.join(arguments)} says why it failed: {text}")
        return done.stdout, text

    def start(self):
        with open(self.path("relay.ini"), "w", encoding="ascii") as f:
            f.write(f"[relay]\nlisten = 127.0.0.1:0\nstate = {self.path('state')}\n")
            if "MEDVEIL_TEST_POSTGRES" in os.environ:
                f.write(f"postgres = {os.environ['MEDVEIL_TEST_POSTGRES']}\n")
        log = open(self.path("relay.log"), "wb")
        self.relay = subprocess.Popen([MEDVEIL, "relay", "--config", "relay.ini", "--address-file", "address"],
                                      cwd=self.work, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        end = time.monotonic() + PATIENCE_S
        while not os.path.exists(self.path("address")):
            if time.monotonic() > end:
                fail("the relay says its address")
            time.sleep(0.05)
        with open(self.path("address"), encoding="ascii") as f:
            self.honest = f.read().strip()
        port = int(re.search(r":(\d+)#", self.honest)[1])
        self.front = Front(port, self.path("state/tls.pem"))
        self.lying = self.honest.replace(f":{port}#", f":{self.front.server_address[1]}#")
        for name in ("alice", "bob"):
            self.run("keygen", "-o", name + ".id")
        self.frames = bytes((x * x // 5 + 3 * y + 7 * n) & 255
                            for n in range(FRAMES) for y in range(48) for x in range(64))

    # ---- streams

    def stream(self, name, lie, codes, interrupt=False, lies=True):
        """Sent honestly, watched through the front."""
        print(f"- a stream of which the relay {name}", flush=True)
        self.front.lie, self.front.lies, self.front.now = lie, 0, False
        with open(self.path("seen"), "wb") as seen, open(self.path("watcher"), "wb") as said:
            watcher = subprocess.Popen([MEDVEIL, "live", "receive", "--from", self.lying, "-i", "bob.id", "-o", "-",
                                        "--within", "30"], cwd=self.work, stdout=seen, stderr=said,
                                       stdin=subprocess.DEVNULL)
        sender = subprocess.Popen([MEDVEIL, "live", "send", "-", "--size", "64x48", "--embed-every", "0", "--to",
                                   self.honest, "-r", "bob.id.card", "-s", "alice.id"], cwd=self.work,
                                  stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for n in range(FRAMES):
            sender.stdin.write(self.frames[n * FRAME:(n + 1) * FRAME])
            sender.stdin.flush()
            self.until(lambda: n > 2 or os.path.getsize(self.path("seen")) >= (n + 1) * FRAME, "frames are seen")
            self.front.now = n >= 2
            time.sleep(0.01)
        sender.communicate(timeout=PATIENCE_S)
        if sender.returncode != 0:
            fail("the sender, who talks to an honest relay, ends with 0")
        if interrupt:
            self.until(lambda: self.front.lies > 0, "the lie is told")
            watcher.send_signal(signal.SIGTERM)
        try:
            code = watcher.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            watcher.kill()
            fail("the watcher ends")
        with open(self.path("watcher"), encoding="utf-8", errors="replace") as f:
            said = f.read()
        with open(self.path("seen"), "rb") as f:
            shown = f.read()
        if (self.front.lies != 0) != lies:
            fail("the lie was told")
        if code not in codes:
            fail(f"the watcher ends with one of {codes}, not {code}: {said}")
        if shown != self.frames[:len(shown)] or len(shown) % FRAME or len(shown) < 3 * FRAME:
            fail("what is shown are the first frames as they were sent")
        if code != 0 and len(shown) == len(self.frames) and "signed to the end" in said:
            fail("what was lied about is not called whole")
        self.front.lie = None
        self.undelivered(code == 0)

    def undelivered(self, whole):
        """What was not shown to its end has no receipt; the file is there for an honest receiver."""
        status = self.run("queue", "status", "--all")[0].decode()
        if not whole and "bit-identical" in status:
            fail(f"nothing counts as delivered: {status}")
        self.run("receive", "--from", self.honest, "-i", "bob.id", "-o", "inbox")
        self.run("queue", "run", "--wait")
        self.run("queue", "cancel", "--all")
        shutil.rmtree(self.path("home/queue"))

    def until(self, what, sentence):
        end = time.monotonic() + PATIENCE_S
        while not what():
            if time.monotonic() > end:
                fail(sentence)
            time.sleep(0.01)

    def streams(self):
        same = lambda change: of_stream(lambda status, data, last: (status, change(data, last)))  # noqa: E731
        self.stream("flips a bit", same(lambda d, _: flip(d, len(d) // 2)), (13,))
        self.stream("repeats a piece", same(lambda d, last: last), (13, 15))
        self.stream("drops the beginning of a piece", same(lambda d, _: d[len(d) // 2:]), (13, 15))
        self.stream("changes the order", same(lambda d, _: d[len(d) // 2:] + d[:len(d) // 2]), (13,))
        self.stream("adds noise", same(lambda d, _: d + os.urandom(512)), (13,))
        self.stream("says that it was shorter", of_stream(lambda *_: (303, b'{"file":"%s","bytes":1}' % (b"0" * 64))), (13,))
        self.stream("says that it is gone", of_stream(lambda *_: (404, b'{"title":"there is no such stream","status":404}')), (10, 15))
        self.stream("holds back the rest", of_stream(lambda *_: (204, b"")), (130,), interrupt=True)
        self.another_stream()

    def another_stream(self):
        """An old stream of the same sender, for the same reader, in place of the new one."""
        kept, listing, end = [], [], []

        def keep(front, method, target, status, data):
            if method == "GET" and "/streams" in target and status in (200, 303):
                into = listing if "offset=" not in target else kept if status == 200 else end
                into.append(data)
            return status, data + b""
        self.stream("is honest", keep, (0,), lies=False)
        old = b"".join(kept)
        self.old_stream(listing[-1], old, end[-1])

        def instead(status, data, _):
            return status, (old + data[::-1])[:len(data)]
        self.stream("goes on with an older one", of_stream(instead), (13, 15))

    def old_stream(self, listing, old, end):
        """All of it, as if it went on now."""
        print("- a relay that offers a stream anew that was watched before", flush=True)

        def again(front, method, target, status, data):
            at = re.search(r"/streams/\w+\?offset=(\d+)", target)
            if at is not None:
                at = int(at[1])
                return (200, old[at:at + 5000]) if at < len(old) else (303, end)
            return (200, listing) if "/streams?" in target else (status, data)
        self.front.lie, self.front.hasty = again, True
        shown, said = self.run("live", "receive", "--from", self.lying, "-i", "bob.id", "-o", "-", "--within", "30",
                               codes=(13,))
        self.front.lie, self.front.hasty = None, False
        if shown or "offers an old stream as a live one" not in said:
            fail(f"no frame of it is shown, and it is said: {said}")

    def lost_reply(self):
        """The sender never hears that its stream has begun, and begins another; both are there."""
        print("- a relay whose answer to the beginning of a stream is lost", flush=True)
        told = []

        def lose(front, method, target, status, data):
            if method == "POST" and target.endswith("/streams") and status == 201 and not told:
                told.append(target)
                return 503, b'{"title":"busy","status":503}'
            return status, data
        self.front.lie = lose
        sender = subprocess.Popen([MEDVEIL, "live", "send", "-", "--size", "64x48", "--embed-every", "0", "--to",
                                   self.lying, "-r", "bob.id.card", "-s", "alice.id", "--wait"], cwd=self.work,
                                  stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        sender.stdin.write(self.frames[:FRAME])
        sender.stdin.flush()
        self.until(lambda: told, "the answer is lost")
        with open(self.path("seen"), "wb") as seen:
            watcher = subprocess.Popen([MEDVEIL, "live", "receive", "--from", self.honest, "-i", "bob.id", "-o", "-",
                                        "--within", "30"], cwd=self.work, stdout=seen, stderr=subprocess.DEVNULL,
                                       stdin=subprocess.DEVNULL)
        said = sender.communicate(self.frames[FRAME:], timeout=PATIENCE_S)[1].decode()
        if watcher.wait(PATIENCE_S) != 0 or f"{FRAMES}/{FRAMES} bit-identical" not in said:
            fail(f"the stream is watched to its end: {said}")
        with open(self.path("seen"), "rb") as f:
            if f.read() != self.frames:
                fail("all frames are seen")
        self.front.lie = None

    # ---- receipts

    def receipts(self):
        print("- a relay that drops the receipt of a stream", flush=True)
        self.front.lie = lambda front, method, target, status, data: (
            (201, b"") if method == "PUT" and target.endswith("/receipt") else
            (404, b'{"title":"no receipt","status":404}') if target.endswith("/receipt") else (status, data))
        with open(self.path("frames"), "wb") as f:
            f.write(self.frames)
        with open(self.path("frames"), "rb") as f:
            self.run("live", "send", "-", "--size", "64x48", "--embed-every", "0", "--to", self.lying, "-r",
                     "bob.id.card", "-s", "alice.id", stdin=f)
        self.run("receive", "--from", self.lying, "-i", "bob.id", "-o", "inbox")
        if "no receipt yet" not in self.run("queue", "status")[0].decode():
            fail("without the receipt nothing counts as delivered")
        self.front.lie = None
        self.run("queue", "cancel", "--all")

    # ---- galleries

    def galleries(self):
        self.run("collection", "new", "-i", "alice.id", "-o", "ward.mv")
        for n in (1, 2, 3):
            self.run("phantom", "--seed", str(n), "-o", f"p{n}.png")
        who = ("-i", "alice.id", "--collection", "ward.mv")
        self.run("gallery", "new", *who, "--relay", self.honest)
        self.run("gallery", "add", *who, "--relay", self.honest, "p1.png", "p2.png")
        kept = {}

        def search(change):
            def lie(front, method, target, status, data):
                if method == "POST" and target.endswith("/search") and status == 200:
                    return status, change(data)
                return status, data
            return lie

        def ask(name, lie):
            """Refused, or what a lie changed was noise that decryption takes away."""
            print(f"- a gallery of which the relay {name}", flush=True)
            self.front.lie, self.front.lies, self.front.now = lie, 0, True
            out, said = self.run("search", "p1.png", *who, "--relay", self.lying, codes=(0, 1, 10, 13, 15))
            if not self.front.lies:
                fail("the lie was told")
            if out not in (b"", honest):
                fail(f"no row is named, or the right ones: {out!r}")
            self.front.lie = None
            return said if not out else ""

        def records(change):
            def lie(front, method, target, status, data):
                if method == "GET" and "/records" in target and status == 200:
                    return status, change(data)
                return status, data
            return lie
        def refused(name, lie):
            if not ask(name, lie):
                fail(f"the search is refused when the relay {name}")

        honest = self.run("search", "p1.png", *who, "--relay", self.honest)[0]
        self.front.lie = search(lambda d: kept.setdefault("answer", d))  # of another picture
        self.run("search", "p3.png", *who, "--relay", self.lying)
        changed = [ask("flips a bit of the answer", search(lambda d, at=at: flip(d, len(d) * at // 9)))
                   for at in range(9)]
        if not any(changed):
            fail("a changed answer is found out")
        refused("cuts the answer short", search(lambda d: d[:len(d) // 2]))
        refused("gives the answer to an earlier question", search(lambda d: kept["answer"]))
        refused("answers nothing", search(lambda d: b""))
        refused("adds to the answer", search(lambda d: d + d))
        refused("flips a bit of the list of rows", records(lambda d: flip(d, len(d) // 2)))
        refused("cuts the list of rows short", records(lambda d: d[:-1]))
        refused("shows no rows", records(lambda d: b""))
        if self.run("search", "p1.png", *who, "--relay", self.honest)[0] != honest:
            fail("after all lies an honest answer is what it was")


def main():
    play = Play(tempfile.mkdtemp(prefix="medveil-lies-"))
    try:
        play.start()
        play.streams()
        play.lost_reply()
        play.receipts()
        play.galleries()
    finally:
        if play.relay is not None:
            play.relay.kill()
            play.relay.wait()
        shutil.rmtree(play.work)


main()
