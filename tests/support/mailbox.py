# SPDX-License-Identifier: Apache-2.0
"""mailbox.py: mailbox tags and proofs of docs/formats/wire.md, from that page alone, in plain Python.

For tests: slow, and in no way constant time.
"""
import hashlib
import hmac
import struct

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = (-121665 * pow(121666, P - 2, P)) % P


def add(a, b):
    """Of points (X, Y, Z, T), x = X/Z, y = Y/Z, T = XY/Z, on the twisted Edwards curve."""
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    u, v = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = v - u, d - c, d + c, v + u
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(k, point):
    result = (0, 1, 1, 0)
    while k:
        if k & 1:
            result = add(result, point)
        point = add(point, point)
        k >>= 1
    return result


def encode(point):
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def base_point():
    y = 4 * pow(5, P - 2, P) % P
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    x = P - x if x & 1 else x
    return x, y, 1, x * y % P


B = base_point()


def number(data):
    return int.from_bytes(data, "little")


class Owner:
    """Who holds an Ed25519 seed; seal is the other key on the card, 1216 bytes."""

    def __init__(self, seed, seal=bytes(1216)):
        digest = hashlib.sha512(seed).digest()
        self.scalar = number(digest[:32]) & ((1 << 254) - 8) | 1 << 254
        self.prefix = digest[32:]
        self.point = multiply(self.scalar, B)
        self.public = encode(self.point)
        self.secret = hashlib.blake2b(b"medveil mailbox secret 1" + self.public + seal,
                                      digest_size=32).digest()
        self.tags = {}

    def factor(self, epoch):
        wide = hmac.new(self.secret, b"medveil mailbox epoch 1" + struct.pack("<I", epoch),
                        hashlib.sha512).digest()
        return number(wide) % L

    def tag(self, epoch):
        if epoch not in self.tags:
            self.tags[epoch] = encode(multiply(self.factor(epoch), self.point))
        return self.tags[epoch]

    def sign(self, epoch, message):
        tag = self.tag(epoch)
        prefix = hmac.new(self.prefix, b"medveil mailbox sign 1" + tag, hashlib.sha512).digest()
        r = number(hashlib.sha512(prefix + message).digest()) % L
        first = encode(multiply(r, B))
        k = number(hashlib.sha512(first + tag + message).digest()) % L
        last = (r + k * (self.factor(epoch) * self.scalar % L)) % L
        return first + last.to_bytes(32, "little")

    def proof(self, epoch, relay_key, nonce, method, target):
        message = (b"medveil relay request 1" + relay_key + nonce
                   + f"{method} {target}".encode("ascii"))
        return f"Medveil {self.tag(epoch).hex()}.{nonce.hex()}.{self.sign(epoch, message).hex()}"
