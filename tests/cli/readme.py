#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The commands that README.md prints, taken from that page and typed as printed: the first encrypted
image, and the story of two terminals, with the network unplugged in the middle, each side killed and
started again, and what is left sent by the queue. A command added to the page that is not run here,
nor named below with a reason, is a failure.
"""
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import cable  # noqa: E402

MEDVEIL = os.path.realpath(os.environ["MEDVEIL"])
NOT_RUN = {"make demo": "builds the tree; what it starts is run by tests/cli/demo.sh",
           "make check": "is what runs this test"}
PASSPHRASE = "blue giraffe"
PATIENCE_S = 60
IMAGES = 30


def fail(sentence):
    sys.exit(f"NOT TRUE: {sentence}")


def step(name):
    print(f"- {name}", flush=True)


class Page:
    def __init__(self):
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
            self.text = f.read()
        self.left = [line for block in re.findall(r"^```\n(.*?)^```", self.text, re.M | re.S)
                     for line in block.splitlines() if re.match(r"(build/medveil|medveil|make|cmp) ", line)]
        for line in NOT_RUN:
            self.left = [c for c in self.left if strip(c) != line]

    def blocks(self, heading):
        section = re.search(rf"^## {heading}\n(.*?)^## ", self.text, re.M | re.S)[1]
        return [b.splitlines() for b in re.findall(r"^```\n(.*?)^```", section, re.M | re.S)]

    def command(self, line):
        """Without its comment; it counts as run."""
        self.left = [c for c in self.left if c != line]
        return strip(line)

    def mentions(self, command):
        if f"`{command}`" not in self.text:
            fail(f"README.md still names {command}")
        return command


def strip(line):
    return re.sub(r"\s+#.*$", "", line)


class Terminal:
    """One line typed at a shell on a terminal of its own; prompts are answered."""

    def __init__(self, line, folder, answers=0, **env):
        self.line, self.shown, self.code, self.answers = line, b"", None, answers
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve("/bin/sh", ["sh", "-c", line], {**os.environ, **env})
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while True:
            try:
                piece = os.read(self.fd, 4096)
            except OSError:
                break
            if not piece:
                break
            self.shown += piece
            if piece.rstrip().endswith(b":") and self.answers:
                self.answers -= 1
                os.write(self.fd, PASSPHRASE.encode() + b"\n")
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def text(self):
        """What stays to be read: progress lines overwrite themselves."""
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown.decode(errors="replace"))
        lines = [re.split(r"\r+", line.rstrip("\r"))[-1] for line in plain.split("\n")]
        return "\n".join(line.rstrip() for line in lines if line.strip())

    def wait(self, what, seconds=PATIENCE_S):
        end = time.monotonic() + seconds
        while not what():
            if time.monotonic() > end:
                fail(f"in {seconds} s, `{self.line}` comes to what is waited for; it shows\n{self.text()[-2000:]}")
            time.sleep(0.02)

    def ends(self, code=0):
        self.wait(lambda: self.code is not None)
        self.thread.join()
        if self.code != code:
            fail(f"`{self.line}` ends with {code}, not {self.code}; it shows\n{self.text()}")

    def kill(self):
        os.killpg(self.pid, signal.SIGKILL)
        self.wait(lambda: self.code is not None)


def quiet(folder, *arguments):
    done = subprocess.run([MEDVEIL, *arguments], cwd=folder, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        fail(f"medveil {' '.join(arguments)} works: {done.stderr}")


def noise(path, side):
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({side}, {side}), }}"
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + os.urandom(side * side))


def cine(path, frames):
    """A multi-frame ultrasound object of 224x224; its pixels come back."""
    def element(group, number, vr, value):
        value = value.encode() if isinstance(value, str) else value
        value += b"\0" * (len(value) % 2) if vr in ("UI", "OB") else b" " * (len(value) % 2)
        head = struct.pack("<HH2s", group, number, vr.encode())
        return head + struct.pack(*(("<HI", 0) if vr == "OB" else ("<H",)), len(value)) + value

    kind, name = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.826.0.1.3680043.10.1000.3"
    pixels = bytes((x * x // 9 + 3 * y + 5 * n) & 255 for n in range(frames) for y in range(224) for x in range(224))
    meta = (element(2, 1, "OB", b"\0\1") + element(2, 2, "UI", kind) + element(2, 3, "UI", name) +
            element(2, 0x10, "UI", "1.2.840.10008.1.2.1"))
    data = (element(8, 0x16, "UI", kind) + element(8, 0x18, "UI", name) + element(8, 0x60, "CS", "US") +
            element(0x28, 2, "US", struct.pack("<H", 1)) + element(0x28, 4, "CS", "MONOCHROME2") +
            element(0x28, 8, "IS", str(frames)) + element(0x28, 0x10, "US", struct.pack("<H", 224)) +
            element(0x28, 0x11, "US", struct.pack("<H", 224)) + element(0x28, 0x100, "US", struct.pack("<H", 8)) +
            element(0x28, 0x101, "US", struct.pack("<H", 8)) + element(0x28, 0x102, "US", struct.pack("<H", 7)) +
            element(0x28, 0x103, "US", struct.pack("<H", 0)) + element(0x7fe0, 0x10, "OB", pixels))
    with open(path, "wb") as f:
        f.write(bytes(128) + b"DICM" + element(2, 0, "UL", struct.pack("<I", len(meta))) + meta + data)
    return pixels


def pattern(printed):
    """A printed line, with whatever relay, length and time it is this time."""
    out = re.escape(printed)
    out = out.replace(re.escape("relay.example.org:7462"), r"127\.0\.0\.1:\d+")
    out = re.sub(r"\d{4}\\-\d\d\\-\d\d\\ \d\d:\d\d:\d\d", r"\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d", out)
    return re.sub(r"\\\(\d+\\ bytes", r"\\(\\d+\\ bytes", out)


class Story:
    def __init__(self, work):
        self.work, self.page = work, Page()
        self.bin, self.one, self.two = (os.path.join(work, n) for n in ("bin", "receiver", "sender"))
        for folder in (self.bin, self.one, self.two, os.path.join(work, "first")):
            os.mkdir(folder)
        os.symlink(MEDVEIL, os.path.join(self.bin, "medveil"))
        self.player()
        os.environ["PATH"] = self.bin + ":" + os.environ["PATH"]
        os.environ["MEDVEIL_HOME"] = os.path.join(work, "home")

    def player(self):
        """Stands in for ffplay: keeps the frames that it would show."""
        path = os.path.join(self.bin, "ffplay")
        with open(path, "w", encoding="ascii") as f:
            f.write(f"#!/bin/sh\nexec cat >'{self.work}/shown'\n")
        os.chmod(path, 0o755)

    def first_image(self):
        folder = os.path.join(self.work, "first")
        os.mkdir(os.path.join(folder, "build"))
        os.symlink(MEDVEIL, os.path.join(folder, "build", "medveil"))
        subprocess.run([sys.executable, os.path.join(HERE, "make_image.py"), os.path.join(folder, "scan.png"),
                        "224", "224"], check=True)
        for line in self.page.blocks("The first encrypted image")[0]:
            Terminal(self.page.command(line), folder, answers=2).ends()
        for line in self.page.blocks("What the features are for, and what they are not")[0]:
            Terminal(self.page.command(line), folder, answers=1).ends()
        for folder, names in ((self.one, ["clinic.id"]), (self.two, ["clinic.id.card", "me.id"])):
            for name in names:
                shutil.copy(os.path.join(self.work, "first", name), folder)

    def start_relay(self, rate):
        config, address = os.path.join(self.work, "relay.ini"), os.path.join(self.work, "address")
        with open(config, "w", encoding="ascii") as f:
            f.write(f"[relay]\nlisten = 127.0.0.1:0\nstate = {self.work}/state\n")
        with open(os.path.join(self.work, "relay.log"), "wb") as log:
            self.relay = subprocess.Popen([MEDVEIL, "relay", "--config", config, "--address-file", address],
                                          stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE_S
        while not os.path.exists(address):
            if time.monotonic() > end:
                fail("the relay says its address")
            time.sleep(0.05)
        with open(address, encoding="ascii") as f:
            port, key = re.fullmatch(r"https://127\.0\.0\.1:(\d+)#(.*)", f.read().strip()).groups()
        self.cable = cable.Cable(int(port), rate)
        os.environ["RELAY"] = f"https://127.0.0.1:{self.cable.port}#{key}"

    def study(self, name="study.mv"):
        path = os.path.join(self.two, name)
        images = [f"{name}.{i}.npy" for i in range(IMAGES)]
        for image in images:
            noise(os.path.join(self.two, image), 600)
        quiet(self.two, "encrypt", "--force", "--no-features", "--no-embedding", "-s", "me.id", "-r", "clinic.id.card",
              *images, "-o", name)
        for image in images:
            os.unlink(os.path.join(self.two, image))
        self.size = os.path.getsize(path)

    def type(self, number, line):
        """At terminal 1 (the receiver, who is asked for the passphrase) or 2 (the sender)."""
        folder = self.one if number == 1 else self.two
        return Terminal(line, folder, answers=1 if number == 1 else 0, MEDVEIL_HOME=os.path.join(folder, "home"))

    def arrived(self, count):
        inbox = os.path.join(self.one, "inbox")
        names = [n for n in os.listdir(inbox) if n.endswith(".mv")]
        with open(os.path.join(self.two, "study.mv"), "rb") as f:
            sent = f.read()
        last = max((os.path.join(inbox, n) for n in names), key=os.path.getmtime)
        with open(last, "rb") as f:
            same = f.read() == sent
        if len(names) != count or not same:
            fail(f"{count} files are in the inbox, the last one study.mv byte for byte")

    def two_terminals(self):
        commands, printed = self.page.blocks("Sending")[:2]
        self.receive, self.send = (self.page.command(line) for line in commands)
        receiver, sender = self.type(1, self.receive), self.type(2, self.send)
        sender.wait(lambda: self.cable.up > self.size // 2)
        self.cable.unplug()
        for terminal in (sender, receiver):
            terminal.wait(lambda: "trying until it is back" in terminal.text())
        time.sleep(1)  # nobody is faster with a plug
        self.cable.plug()
        sender.ends()
        lines = [line for line in sender.text().splitlines() if line.startswith("medveil: ")]
        wanted = [pattern(line) for line in printed]
        found = [line for line in lines if any(re.fullmatch(w, line) for w in wanted)]
        if len(found) != len(wanted) or not all(re.fullmatch(w, f) for w, f in zip(wanted, found)):
            fail("the sender says what README.md prints, in that order:\n" + "\n".join(printed + ["--"] + lines))
        self.arrived(1)
        status = self.type(2, self.page.mentions("medveil queue status"))
        status.ends()
        if not re.search(r"study\.mv.*30/30 bit-identical", status.text(), re.S):
            fail(f"the queue keeps showing the receipt:\n{status.text()}")
        return receiver

    def killed(self, receiver):
        """Each side once in the middle; the command is typed again, as printed."""
        self.study()
        before = self.cable.up
        sender = self.type(2, self.send)
        sender.wait(lambda: self.cable.up - before > self.size * 2 // 3)
        sender.kill()
        time.sleep(1)  # as long as a person needs at least
        down = self.cable.down
        sender = self.type(2, self.send)
        sender.wait(lambda: self.cable.down - down > self.size // 2)
        again = self.cable.up - before
        receiver.kill()
        receiver = self.type(1, self.receive)
        sender.ends()
        self.arrived(2)
        moved = self.cable.down - down
        if again > self.size * 1.5 or moved > self.size * 1.7:
            fail(f"both go on where they stopped: {self.size} bytes went as {again} and {moved}")
        return receiver

    def reboot(self, receiver):
        """Nothing but the queue is left of a sender; it is sent all the same."""
        self.study()
        before = self.cable.up
        sender = self.type(2, self.send)
        sender.wait(lambda: self.cable.up - before > self.size // 3)
        sender.kill()
        os.rename(os.path.join(self.two, "study.mv"), os.path.join(self.work, "kept"))
        self.type(2, self.page.mentions("medveil queue run")).ends()
        os.rename(os.path.join(self.work, "kept"), os.path.join(self.two, "study.mv"))
        inbox = os.path.join(self.one, "inbox")
        receiver.wait(lambda: len([n for n in os.listdir(inbox) if n.endswith(".mv")]) == 3)
        self.arrived(3)
        receiver.kill()

    def live(self):
        pixels = cine(os.path.join(self.two, "cine.dcm"), 20)
        self.cable.rate = 0
        watch, send = (self.page.command(line) for line in self.page.blocks("Sending")[2])
        watcher = self.type(1, watch)
        watcher.wait(lambda: "waiting for a stream" in watcher.text())
        sender = self.type(2, send)
        sender.ends()
        watcher.ends()
        with open(os.path.join(self.work, "shown"), "rb") as f:
            if f.read() != pixels:
                fail("the player is given the frames, bit for bit")
        if "20/20 bit-identical" not in sender.text():
            fail(f"the sender of a stream ends with the receipt:\n{sender.text()}")

    def tell(self):
        step("the first encrypted image, and its features, as printed")
        self.first_image()
        step("two terminals: unplugged in the middle and plugged in again, ending with the receipt")
        self.start_relay(9_000_000)
        self.study()
        receiver = self.two_terminals()
        step("each side killed in the middle goes on where it stopped")
        receiver = self.killed(receiver)
        step("what was taken is sent by the queue alone")
        self.reboot(receiver)
        step("a live stream into a player")
        self.live()
        if self.page.left:
            fail("every command of README.md is run here:\n" + "\n".join(self.page.left))
        self.relay.terminate()
        if self.relay.wait(30) != 0:
            fail("the relay ends with 0")


def main():
    work = tempfile.mkdtemp(prefix="medveil-readme-")
    story = Story(work)
    story.relay = None
    try:
        story.tell()
    finally:
        if story.relay is not None and story.relay.poll() is None:
            story.relay.kill()
        shutil.rmtree(work)


main()
