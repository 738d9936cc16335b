#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two relays on one PostgreSQL and one folder, behind something that hands each connection to one of
them in turns: what is sent to one is received from the other; one is killed in the middle of an upload,
the other in the middle of a download, and the database is restarted meanwhile. Each file arrives
once, unaltered, with its receipt; the relays' audit logs are whole. Needs MEDVEIL_TEST_POSTGRES
(tests/support/with_postgres)."""

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

MEDVEIL = os.path.realpath(os.environ["MEDVEIL"])
PATIENCE_S = 120


def fail(sentence):
    sys.exit(f"NOT TRUE: {sentence}")


def step(sentence):
    print(f"- {sentence}", flush=True)


def until(what, sentence):
    end = time.monotonic() + PATIENCE_S
    while not what():
        if time.monotonic() > end:
            fail(sentence)
        time.sleep(0.02)


class Balancer:
    """Each new connection goes to the next relay that takes it."""

    def __init__(self, ports):
        self.ports, self.turn, self.carried = ports, 0, [0] * len(ports)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            client = self.listener.accept()[0]
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def connect(self):
        for _ in self.ports:
            self.turn = (self.turn + 1) % len(self.ports)
            try:
                return self.turn, socket.create_connection(("127.0.0.1", self.ports[self.turn]), timeout=5)
            except OSError:
                pass
        return None, None

    def carry(self, client):
        which, relay = self.connect()
        if relay is None:
            client.close()
            return
        try:
            while True:
                for one in select.select([client, relay], [], [])[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    (relay if one is client else client).sendall(data)
                    self.carried[which] += len(data)
        except OSError:
            pass
        finally:
            client.close()
            relay.close()


class Play:
    def __init__(self):
        self.work = tempfile.mkdtemp(prefix="medveil-relays-")
        self.ports, self.relays, self.running = [0, 0], [None, None], []

    def path(self, name):
        return os.path.join(self.work, name)

    def spawn(self, *arguments, log):
        with open(self.path(log), "ab") as out:
            p = subprocess.Popen([MEDVEIL, *arguments], cwd=self.work, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                 env=dict(os.environ, MEDVEIL_HOME=self.path("home")))
        self.running.append(p)
        return p

    def medveil(self, *arguments):
        p = self.spawn(*arguments, log="said")
        if p.wait(PATIENCE_S) != 0:
            fail(f"medveil {' '.join(arguments)} ends with 0, not {p.returncode}: {self.text('said')[-500:]}")

    def text(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as f:
            return f.read()

    def start(self, which):
        with open(self.path(f"{which}.ini"), "w", encoding="ascii") as f:
            f.write(f"[relay]\nlisten = 127.0.0.1:{self.ports[which]}\nstate = {self.path('state')}\n"
                    f"postgres = {os.environ['MEDVEIL_TEST_POSTGRES']}\n")
        address = f"{which}.address"
        if os.path.exists(self.path(address)):
            os.remove(self.path(address))
        self.relays[which] = self.spawn("relay", "--config", f"{which}.ini", "--address-file", address,
                                        log=f"relay-{which}")
        until(lambda: os.path.exists(self.path(address)), "each relay says its address")
        self.address = self.text(address).strip()
        self.ports[which] = int(re.search(r":(\d+)#", self.address)[1])

    def kill(self, which):
        self.relays[which].send_signal(signal.SIGKILL)
        self.relays[which].wait()

    def prepare(self):
        for who in ("alice", "bob"):
            self.medveil("keygen", "-o", who + ".id")
        for n in range(8):
            self.medveil("phantom", "--size", "64x64", "--seed", str(n + 1), "-o", f"{n}.png")
            self.seal(f"{n}.png", f"{n}.mv")
        side = 5000
        head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({side}, {side}), }}"
        head += " " * (63 - (10 + len(head)) % 64) + "\n"
        with open(self.path("large.npy"), "wb") as f:
            f.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + os.urandom(side * side))
        self.seal("large.npy", "large.mv", "--no-features", "--no-embedding")

    def seal(self, source, target, *more):
        self.medveil("encrypt", *more, "-s", "alice.id", "-r", "bob.id.card", source, "-o", target)

    def send(self, *names, more=()):
        return self.spawn("send", *names, "--to", self.url, "-r", "bob.id.card", "-s", "alice.id", "--wait", *more,
                          log="sender")

    def arrived(self, *names):
        inbox = {}
        for name in os.listdir(self.path("inbox")):
            if name.endswith(".mv"):
                with open(self.path(f"inbox/{name}"), "rb") as f:
                    inbox[f.read()] = name
        for name in names:
            with open(self.path(name), "rb") as f:
                if f.read() not in inbox:
                    fail(f"{name} is in the inbox, unaltered")
        if len(inbox) != len(names) or len(os.listdir(self.path("inbox"))) != len(names):
            fail("nothing else is in the inbox")

    def ends(self, sender, count):
        if sender.wait(PATIENCE_S) != 0:
            fail(f"the sender ends with 0: {self.text('sender')[-500:]}")
        if self.text("sender").count("bit-identical") != count:
            fail(f"each file has its receipt: {self.text('sender')[-500:]}")

    def both(self, watcher):
        small = [f"{n}.mv" for n in range(8)]
        step("what is sent to one relay is received from the other, with receipts")
        self.url = self.address.replace(f":{self.ports[1]}#", f":{self.ports[0]}#")
        self.ends(self.send(*small), 8)
        self.arrived(*small)
        watcher.terminate()
        watcher.wait()

        self.url = self.address.replace(f":{self.ports[1]}#", f":{self.balancer.port}#")
        step("one relay is killed in the middle of an upload: the other goes on with it")
        sender = self.send("large.mv", more=("--limit-rate", "6M"))
        before = sum(self.balancer.carried)
        until(lambda: sum(self.balancer.carried) > before + 8e6, "a third of it is under way")
        self.kill(0)
        until(lambda: sum(self.balancer.carried) > before + 14e6, "the other relay takes more of it")
        subprocess.run([os.environ["MEDVEIL_TEST_POSTGRES_RESTART"]], check=True, stdout=subprocess.DEVNULL)
        until(lambda: "sent large.mv" in self.text("sender"), "it is sent")
        self.start(0)

        step("the other is killed in the middle of the download")
        before = sum(self.balancer.carried)
        receiver = self.spawn("receive", "--watch", "inbox", "--from", self.url, "-i", "bob.id", "--limit-rate", "6M",
                              log="receiver")
        until(lambda: sum(self.balancer.carried) > before + 8e6, "a third of it is under way")
        self.kill(1)
        self.ends(sender, 9)
        self.arrived(*small, "large.mv")
        self.start(1)
        receiver.terminate()
        receiver.wait()
        total = sum(self.balancer.carried)
        size = os.path.getsize(self.path("large.mv"))
        print(f"  {total / 1e6:.1f} MB in all for {size / 1e6:.1f} MB there and back")
        if total > 3 * size:
            fail("what had arrived is not sent again")

    def play(self):
        self.prepare()
        self.start(0)
        self.start(1)
        self.balancer = Balancer(self.ports)
        watcher = self.spawn("receive", "--watch", "inbox", "--from", self.address, "-i", "bob.id", log="receiver")
        self.both(watcher)
        step("both end with 0, and their audit logs are whole")
        for p in self.relays:
            p.terminate()
            if p.wait(PATIENCE_S) != 0:
                fail("a relay that is asked to stop ends with 0")
        logs = [name for name in os.listdir(self.path("state")) if name.startswith("audit")]
        if len(logs) != 2:
            fail(f"each relay has its own audit log: {logs}")
        for name in logs:
            self.medveil("audit", "verify", "state/" + name)
        stored = sum(self.text("state/" + name).count('"stored"') for name in logs)
        received = sum(self.text("state/" + name).count('"received"') for name in logs)
        if (stored, received) != (9, 9):
            fail(f"nine files were stored once and received once, by the logs: {stored}, {received}")


def main():
    if "MEDVEIL_TEST_POSTGRES" not in os.environ:
        sys.exit("relays.py: run it by tests/support/with_postgres")
    play = Play()
    try:
        play.play()
    finally:
        for p in play.running:
            if p.poll() is None:
                p.kill()
                p.wait()
        shutil.rmtree(play.work)


main()
