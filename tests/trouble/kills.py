#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sender, relay and receiver are killed (SIGKILL) at random moments while files go from one to the
other. However often: each file ends in the hands of its recipient exactly once and unaltered, and the
sender ends with a receipt for each; the relay's audit log is a whole chain. Meanwhile somebody takes
the files out of the inbox, as a program that imports them would. With MEDVEIL_TEST_POSTGRES
(tests/support/with_postgres) the relay's database is that server, which is restarted now and then too.
The seed is printed; --seed repeats a run as far as timing allows."""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PATIENCE_S = 120


def fail(sentence):
    sys.exit(f"NOT TRUE: {sentence}")


class Party:
    """A process that is started again whenever it was killed."""

    def __init__(self, run, name, arguments, ready=lambda: True):
        self.run, self.name, self.arguments, self.ready = run, name, arguments, ready
        self.process, self.kills = None, 0

    def start(self):
        log = open(os.path.join(self.run.work, self.name + ".log"), "ab")
        self.process = subprocess.Popen([self.run.medveil, *self.arguments], cwd=self.run.work,
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        env=self.run.env(self.name))
        log.close()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.kills += 1

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


class Run:
    def __init__(self, medveil, kills, seed):
        self.medveil, self.kills, self.random = medveil, kills, random.Random(seed)
        self.work = tempfile.mkdtemp(prefix="medveil-kills-")
        self.sent, self.taken = {}, {}
        self.postgres_restarts = 0

    def env(self, who):
        return {**os.environ, "MEDVEIL_HOME": os.path.join(self.work, "home-" + who)}

    def call(self, *arguments, who="sender"):
        done = subprocess.run([self.medveil, *arguments], cwd=self.work, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env=self.env(who))
        if done.returncode != 0:
            fail(f"medveil {' '.join(arguments)} works: {done.stderr}")
        return done.stdout

    def path(self, name):
        return os.path.join(self.work, name)

    def prepare(self):
        for name in ("alice", "bob"):
            self.call("keygen", "-o", name + ".id")
        self.configure(0)
        self.start_relay()
        self.configure(self.address().split("#")[0].rsplit(":", 1)[1])

    def configure(self, port):
        postgres = os.environ.get("MEDVEIL_TEST_POSTGRES")
        with open(self.path("relay.ini"), "w") as f:
            f.write(f"[relay]\nlisten = 127.0.0.1:{port}\nstate = {self.path('state')}\n")
            f.write(f"postgres = {postgres}\n" if postgres else "")

    def restart_postgres(self):
        """One kill in eight: every connection of the relay breaks, and for a moment none comes about."""
        script = os.environ.get("MEDVEIL_TEST_POSTGRES_RESTART")
        if script and self.random.random() < 0.125:
            subprocess.run([script], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            self.postgres_restarts += 1

    def start_relay(self):
        self.relay = Party(self, "relay", ["relay", "--config", "relay.ini", "--address-file", "address"])
        self.relay.start()
        until = time.monotonic() + PATIENCE_S
        while not os.path.exists(self.path("address")):
            if time.monotonic() > until:
                fail("the relay starts")
            time.sleep(0.05)

    def address(self):
        with open(self.path("address")) as f:
            return f.read().strip()

    def new_batch(self, number):
        """Small files for bundles, one for a single request, one that goes in parts."""
        names = []
        for i, side in enumerate([32] * 8 + [700, 2300]):
            image, sealed = f"b{number}-{i}.npy", f"b{number}-{i}.mv"
            self.noise(image, side)
            self.call("encrypt", "-s", "alice.id", "-r", "bob.id.card", image, "-o", sealed)
            os.unlink(self.path(image))
            with open(self.path(sealed), "rb") as f:
                self.sent[hashlib.sha256(f.read()).hexdigest()] = sealed
            names.append(sealed)
        return names

    def noise(self, name, side):
        head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({side}, {side}), }}"
        head += " " * (63 - (10 + len(head)) % 64) + "\n"
        with open(self.path(name), "wb") as f:
            f.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() +
                    self.random.randbytes(side * side))

    def take(self):
        """What a program does that imports from the inbox and moves files away."""
        inbox = self.path("inbox")
        for name in os.listdir(inbox) if os.path.isdir(inbox) else []:
            if not name.endswith(".mv"):
                continue
            with open(os.path.join(inbox, name), "rb") as f:
                digest = hashlib.sha256(f.read()).hexdigest()
            os.unlink(os.path.join(inbox, name))
            if digest not in self.sent:
                fail("only what was sent is in the inbox, unaltered")
            self.taken[digest] = self.taken.get(digest, 0) + 1
            if self.taken[digest] != 1:
                fail(f"{self.sent[digest]} arrives once")

    def trouble(self, sender, parties):
        """Kills until the batch is delivered or all kills are done."""
        while sender.process.poll() is None:
            time.sleep(self.random.uniform(0, 0.5))
            self.take()
            party = self.random.choice(parties)
            if party.process.poll() is None and party.kills < self.kills:
                party.kill()
                self.restart_postgres()
            for p in parties:
                if p.process.poll() is not None and (p is not sender or p.process.returncode < 0):
                    p.start()

    def batch(self, number):
        names = self.new_batch(number)
        url = self.address()
        sender = Party(self, "sender", ["send", *names, "--to", url, "-r", "bob.id.card", "-s", "alice.id",
                                        "--wait", "--limit-rate", "6M"])
        receiver = Party(self, "receiver", ["receive", "--watch", "inbox", "--from", url, "-i", "bob.id"])
        sender.kills, receiver.kills = self.sender_kills, self.receiver_kills
        sender.start()
        receiver.start()
        started = time.monotonic()
        while sender.process.poll() is None:
            self.trouble(sender, [sender, self.relay, receiver])
            if time.monotonic() - started > PATIENCE_S + self.kills:
                fail("a batch is delivered in time")
        if sender.process.returncode != 0:
            fail(f"the sender ends with 0, not {sender.process.returncode}")
        receiver.stop()
        self.take()
        self.sender_kills, self.receiver_kills = sender.kills, receiver.kills

    def check(self):
        if set(self.taken) != set(self.sent):
            fail(f"nothing is lost: {len(self.sent) - len(self.taken)} of {len(self.sent)} files are")
        items = [json.loads(line) for line in self.call("queue", "status", "--all", "--json").splitlines()]
        if len(items) != len(self.sent):
            fail("every file is in the queue's list once")
        for item in items:
            receipt = item["receipt"]
            if item["state"] != "delivered" or receipt["identical"] != receipt["members"]:
                fail(f"{item['file']} ends with a receipt")
        left = os.listdir(self.path("home-sender/queue"))
        if any(name.endswith((".mv", ".new")) for name in left):
            fail("what was delivered is not kept")

    def go(self):
        self.sender_kills = self.receiver_kills = 0
        self.prepare()
        number = 0
        while min(self.sender_kills, self.receiver_kills, self.relay.kills) < self.kills:
            self.batch(number)
            number += 1
        self.check()
        self.relay.stop()
        self.call("audit", "verify", "state/audit.log")
        return (f"{len(self.sent)} files delivered once each, unaltered, with receipts; killed: sender "
                f"{self.sender_kills}, relay {self.relay.kills}, receiver {self.receiver_kills} times; "
                f"PostgreSQL restarted {self.postgres_restarts} times")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=6, help="of each party")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    run = Run(os.environ["MEDVEIL"], arguments.kills, arguments.seed)
    try:
        print(run.go())
    except SystemExit:
        for name in ("sender", "relay", "receiver"):
            log = run.path(name + ".log")
            if os.path.exists(log):
                with open(log, errors="replace") as f:
                    print(f"--- {name}\n{f.read()[-3000:]}", file=sys.stderr)
        raise
    finally:
        run.relay.stop()
        shutil.rmtree(run.work)


main()
