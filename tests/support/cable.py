# SPDX-License-Identifier: Apache-2.0
"""cable.py: a network cable to pull: a TCP proxy on loopback that can be unplugged and plugged in.

Unplugged, open connections break and new ones are refused, as when a machine loses its address.
"""
import select
import socket
import threading
import time

PIECE = 65536


class Cable:
    """to: port of the relay on 127.0.0.1. rate: bytes a second and direction; 0: no limit. tap: a
    list that gets (upwards, bytes) of all that goes by."""

    def __init__(self, to, rate=0, tap=None):
        self.to, self.rate, self.up, self.down, self.tap = to, rate, 0, 0, tap
        self.lock, self.lines, self.listener, self.port = threading.Lock(), set(), None, 0
        self.plug()

    def plug(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)  # a cable holds little
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        with self.lock:
            self.listener = listener
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def unplug(self):
        with self.lock:
            listener, self.listener = self.listener, None
            lines, self.lines = self.lines, set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for line in lines:
            shut(line)

    def accept(self, listener):
        while True:
            try:
                client = listener.accept()[0]
                relay = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            with self.lock:
                if self.listener is not listener:
                    shut(client)
                    shut(relay)
                    return
                self.lines |= {client, relay}
            threading.Thread(target=self.move, args=(client, relay), daemon=True).start()

    def move(self, client, relay):
        other = {client: relay, relay: client}
        try:
            while True:
                for one in select.select(list(other), [], [])[0]:
                    piece = one.recv(PIECE)
                    if not piece:
                        return
                    other[one].sendall(piece)
                    if self.tap is not None:
                        self.tap.append((one is client, piece))
                    self.count(one is client, len(piece))
        except (OSError, ValueError):
            return
        finally:
            with self.lock:
                self.lines -= {client, relay}
            shut(client)
            shut(relay)

    def count(self, up, bytes_moved):
        with self.lock:
            if up:
                self.up += bytes_moved
            else:
                self.down += bytes_moved
            lines = max(1, len(self.lines) // 2)
        if self.rate:
            time.sleep(bytes_moved * lines / self.rate)


def shut(line):
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    line.close()
