# SPDX-License-Identifier: Apache-2.0
"""mlkem.py: ML-KEM-768 [FIPS203] and X-Wing, written from the standards for the reference reader.

Small and slow, and not constant-time: for checking the format, never for keys that matter.
"""

import hashlib

from nacl import bindings, exceptions

Q, N, K, ETA, DU, DV = 3329, 256, 3, 2, 10, 4
PUBLIC, CIPHER = 384 * K + 32, 32 * (DU * K + DV)
LABEL = b"\\.//^\\"


def _reverse7(i):
    return int(format(i, "07b")[::-1], 2)


ZETA = [pow(17, _reverse7(i), Q) for i in range(128)]
GAMMA = [pow(17, 2 * _reverse7(i) + 1, Q) for i in range(128)]


def _ntt(f):
    f, i, length = list(f), 1, 128
    while length >= 2:
        for start in range(0, N, 2 * length):
            zeta, i = ZETA[i], i + 1
            for j in range(start, start + length):
                t = zeta * f[j + length] % Q
                f[j], f[j + length] = (f[j] + t) % Q, (f[j] - t) % Q
        length //= 2
    return f


def _inverse_ntt(f):
    f, i, length = list(f), 127, 2
    while length <= 128:
        for start in range(0, N, 2 * length):
            zeta, i = ZETA[i], i - 1
            for j in range(start, start + length):
                t = f[j]
                f[j], f[j + length] = (t + f[j + length]) % Q, zeta * (f[j + length] - t) % Q
        length *= 2
    return [x * 3303 % Q for x in f]


def _multiply(a, b):
    out = []
    for i in range(128):
        (a0, a1), (b0, b1) = a[2 * i:2 * i + 2], b[2 * i:2 * i + 2]
        out += [(a0 * b0 + a1 * b1 * GAMMA[i]) % Q, (a0 * b1 + a1 * b0) % Q]
    return out


def _add(a, b):
    return [(x + y) % Q for x, y in zip(a, b)]


def _dot(a, b):
    total = [0] * N
    for x, y in zip(a, b):
        total = _add(total, _multiply(x, y))
    return total


def _encode(f, d):
    number = sum(x << (d * i) for i, x in enumerate(f))
    return number.to_bytes(32 * d, "little")


def _decode(data, d):
    number = int.from_bytes(data, "little")
    return [number >> (d * i) & ((1 << d) - 1) for i in range(N)]


def _compress(f, d):
    return [((x << (d + 1)) + Q) // (2 * Q) % (1 << d) for x in f]


def _decompress(f, d):
    return [(2 * Q * x + (1 << d)) >> (d + 1) for x in f]


def _sample_ntt(seed):
    stream, out, at = hashlib.shake_128(seed).digest(168 * 16), [], 0
    while len(out) < N:
        a, b, c = stream[at:at + 3]
        at += 3
        out += [x for x in (a + 256 * (b % 16), b // 16 + 16 * c) if x < Q]
    return out[:N]


def _sample_cbd(seed, counter):
    bits = int.from_bytes(hashlib.shake_256(seed + bytes([counter])).digest(64 * ETA), "little")
    pair = [(bits >> (2 * i) & 3).bit_count() for i in range(2 * N)]
    return [(pair[2 * i] - pair[2 * i + 1]) % Q for i in range(N)]


def _matrix(rho):
    return [[_sample_ntt(rho + bytes([j, i])) for j in range(K)] for i in range(K)]


def _pke_encrypt(public, message, coins):
    t = [_decode(public[384 * i:384 * i + 384], 12) for i in range(K)]
    matrix = _matrix(public[384 * K:])
    y = [_ntt(_sample_cbd(coins, i)) for i in range(K)]
    e1 = [_sample_cbd(coins, K + i) for i in range(K)]
    u = [_add(_inverse_ntt(_dot([row[i] for row in matrix], y)), e1[i]) for i in range(K)]
    mu = _decompress(_decode(message, 1), 1)
    v = _add(_add(_inverse_ntt(_dot(t, y)), _sample_cbd(coins, 2 * K)), mu)
    return b"".join(_encode(_compress(x, DU), DU) for x in u) + _encode(_compress(v, DV), DV)


def keygen(d, z):
    """(public key, what decapsulation needs) from the two seeds of 32 bytes."""
    seeds = hashlib.sha3_512(d + bytes([K])).digest()
    rho, sigma = seeds[:32], seeds[32:]
    s = [_ntt(_sample_cbd(sigma, i)) for i in range(K)]
    e = [_ntt(_sample_cbd(sigma, K + i)) for i in range(K)]
    t = [_add(_dot(row, s), e[i]) for i, row in enumerate(_matrix(rho))]
    public = b"".join(_encode(x, 12) for x in t) + rho
    return public, (s, public, z)


def decapsulate(secret, cipher):
    """The shared key; a pseudorandom one when the ciphertext was not made for this secret."""
    s, public, z = secret
    u = [_decompress(_decode(cipher[320 * i:320 * i + 320], DU), DU) for i in range(K)]
    v = _decompress(_decode(cipher[320 * K:], DV), DV)
    product = _inverse_ntt(_dot(s, [_ntt(x) for x in u]))
    message = _encode(_compress([(x - y) % Q for x, y in zip(v, product)], 1), 1)
    both = hashlib.sha3_512(message + hashlib.sha3_256(public).digest()).digest()
    if _pke_encrypt(public, message, both[32:]) == cipher:
        return both[:32]
    return hashlib.shake_256(z + cipher).digest(32)


class XWing:
    """What follows from a seed of 32 bytes."""

    def __init__(self, seed):
        expanded = hashlib.shake_256(seed).digest(96)
        public, self.mlkem = keygen(expanded[:32], expanded[32:64])
        self.x25519 = expanded[64:]
        self.x25519_public = bindings.crypto_scalarmult_base(self.x25519)
        self.public = public + self.x25519_public

    def decapsulate(self, cipher):
        """The shared key; a pseudorandom one when the ciphertext was not made for this secret."""
        inner, ephemeral = cipher[:CIPHER], cipher[CIPHER:]
        try:
            shared = bindings.crypto_scalarmult(self.x25519, ephemeral)
        except exceptions.RuntimeError:  # a point of small order
            shared = bytes(32)
        both = decapsulate(self.mlkem, inner) + shared
        return hashlib.sha3_256(both + ephemeral + self.x25519_public + LABEL).digest()
