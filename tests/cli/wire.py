#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What somebody on the wire sees, from a tap on the cable: TLS 1.3 and how many bytes; no route, no
mailbox, no name of a file, no proof, no certificate. Older TLS is refused by the relay."""
import hashlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
import cable  # noqa: E402

MEDVEIL = os.path.realpath(os.environ["MEDVEIL"])


def fail(sentence):
    sys.exit(f"NOT TRUE: {sentence}")


def medveil(work, *arguments):
    done = subprocess.run([MEDVEIL, *arguments], cwd=work, capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, check=False,
                          env=dict(os.environ, MEDVEIL_HOME=os.path.join(work, "home")))
    if done.returncode != 0:
        fail(f"medveil {arguments[0]} works: {done.stderr}")
    return done.stderr


def start_relay(work):
    address = os.path.join(work, "address")
    with open(os.path.join(work, "relay.ini"), "w", encoding="ascii") as f:
        f.write(f"[relay]\nlisten = 127.0.0.1:0\nstate = {work}/state\n")
    log = open(os.path.join(work, "log"), "wb")
    relay = subprocess.Popen([MEDVEIL, "relay", "--config", "relay.ini", "--address-file", address], cwd=work,
                             stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    log.close()
    end = time.monotonic() + 60
    while not os.path.exists(address):
        if time.monotonic() > end:
            fail("the relay says its address")
        time.sleep(0.05)
    with open(address, encoding="ascii") as f:
        return relay, f.read().strip()


def transfer(work, url):
    """Two files in a bundle, one in parts, a live stream, receipts; the bytes of all files."""
    for who in ("alice", "bob"):
        medveil(work, "keygen", "-o", who + ".id")
    medveil(work, "phantom", "--size", "64x64", "-o", "doe.png")
    with open(os.path.join(work, "noise.npy"), "wb") as f:
        head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (2200, 2200), }".ljust(117) + b"\n"
        f.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + os.urandom(2200 * 2200))
    names = []
    for image in ("doe.png", "doe.png", "noise.npy"):
        names.append(f"{len(names)}.mv")
        medveil(work, "encrypt", "--no-features", "--no-embedding", "-s", "alice.id", "-r", "bob.id.card", image,
                "-o", names[-1])
    medveil(work, "send", *names, "--to", url, "-r", "bob.id.card", "-s", "alice.id")
    medveil(work, "receive", "--from", url, "-i", "bob.id", "-o", "inbox")
    if "1/1 bit-identical" not in medveil(work, "queue", "run", "--wait"):
        fail("all of it arrives")
    medveil(work, "phantom", "--size", "64x64", "--depth", "6", "-o", "cine.npy")
    medveil(work, "live", "send", "cine.npy", "--to", url, "-r", "bob.id.card", "-s", "alice.id")
    medveil(work, "receive", "--from", url, "-i", "bob.id", "-o", "inbox")
    files = []
    for name in os.listdir(os.path.join(work, "inbox")):
        with open(os.path.join(work, "inbox", name), "rb") as f:
            files.append(f.read())
    if len(files) != 4:
        fail("four files arrive")
    return files


def secrets(work, files):
    """What the relay knows, or the sealed files hold, and nobody else should see go by."""
    words = [b"/v1/epochs", b"HTTP/1.1", b"mailboxes", b"Medveil ", b"Authorization", b"medveil", b"doe.png",
             b"/bundle", b"/streams"]
    for data in files:
        name = hashlib.blake2b(data, digest_size=32)
        words += [name.hexdigest().encode(), name.digest(), data[:16], data[len(data) // 2:len(data) // 2 + 16]]
    with open(os.path.join(work, "state", "tls.pem"), encoding="ascii") as f:
        certificate = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", f.read(), re.S)[0]
    words.append(ssl.PEM_cert_to_DER_cert(certificate)[-40:])
    return words


def old_versions(port):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        taken = True
        try:
            with context.wrap_socket(socket.create_connection(("127.0.0.1", port))):
                pass
        except (ssl.SSLError, OSError):
            taken = False
        if taken != (version == ssl.TLSVersion.TLSv1_3):
            fail(f"the relay takes TLS 1.3 and nothing older ({version.name})")


def main():
    work = tempfile.mkdtemp(prefix="medveil-wire-")
    relay, url = start_relay(work)
    try:
        tap = []
        port = int(re.search(r":(\d+)#", url)[1])
        line = cable.Cable(port, tap=tap)
        files = transfer(work, url.replace(f":{port}#", f":{line.port}#"))
        both = [b"".join(piece for upwards, piece in tap if upwards == way) for way in (True, False)]
        if sum(map(len, both)) < 2 * sum(map(len, files)):
            fail("the tap sees the files go up and down")
        for word in secrets(work, files):
            if any(word in seen for seen in both):
                fail(f"nobody on the wire sees {word!r}")
        # each connection begins with a hello of the client, answered by one that chose TLS 1.3
        if b"\x00\x2b\x00\x02\x03\x04" not in both[1]:
            fail("TLS 1.3 is what is spoken")
        old_versions(port)
        print(f"{sum(map(len, both))} bytes went by, of {sum(map(len, files))} bytes of files there and back")
        relay.terminate()
        if relay.wait(30) != 0:
            fail("the relay ends with 0")
    finally:
        if relay.poll() is None:
            relay.kill()
            relay.wait()
        shutil.rmtree(work)


main()
