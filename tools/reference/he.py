#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""he.py: features under BFV and CKKS in plain Python, written from docs/formats/he.md alone.

    unpack_features(collection_key, ciphertext) -> list of the summed features

Slow and clear: big integers, polynomial products by a textbook transform. Standard library only.
As a program: he.py COLLECTION_KEY_HEX FILE prints set, shape and features;
he.py --vectors prints the test vectors of docs/formats/he.md;
he.py --check DUMP decrypts a ciphertext given as text (tests/kat/README.md) with big integers.
"""

import cmath
import hashlib
import math
import struct
import sys

# id: name, N, primes
SETS = {1: ("pack4096", 4096, [1125899906826241]),
        2: ("add4096", 4096, [4398046486529, 2199023190017]),
        3: ("pack2048", 2048, [1125899906826241]),
        4: ("pack1024", 1024, [67104769]),
        11: ("upload4096", 4096, [137438822401, 137438773249])}
FRESH, SUM, SLOTS = 1, 2, 7
SYMMETRIC, PUBLIC = 0, 1
MASK, ERROR, SECRET = 1, 2, 3


class FormatError(ValueError):
    """The bytes are not a ciphertext of this format."""


# The stream -----------------------------------------------------------------------------------

def _quarter(x, a, b, c, d):
    for left, right, turn, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[left] = (x[left] + x[right]) & 0xffffffff
        v = x[turn] ^ x[left]
        x[turn] = (v << by | v >> (32 - by)) & 0xffffffff


def _chacha20_block(key, nonce, counter):
    start = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, *struct.unpack("<8I", key), counter,
             *struct.unpack("<3I", nonce)]
    x = list(start)
    for _ in range(10):
        for a, b, c, d in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                           (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            _quarter(x, a, b, c, d)
    return struct.pack("<16I", *((u + v) & 0xffffffff for u, v in zip(x, start)))


def stream_words(seed, domain, poly, limb):
    """The key stream of one nonce as an endless sequence of 64-bit words."""
    nonce, counter = struct.pack("<3I", domain, poly, limb), 0
    while True:
        yield from struct.unpack("<8Q", _chacha20_block(seed, nonce, counter))
        counter += 1


def expand_uniform(seed, poly, limb, q, count):
    """c1 of one limb: words cut to the length of q, those not below q left out."""
    mask, out, words = (1 << q.bit_length()) - 1, [], stream_words(seed, MASK, poly, limb)
    while len(out) < count:
        value = next(words) & mask
        if value < q:
            out.append(value)
    return out


def expand_error(seed, poly, count):
    """e: ones among bits 0..20 minus ones among bits 21..41."""
    words = stream_words(seed, ERROR, poly, 0)
    return [(w & 0x1fffff).bit_count() - (w >> 21 & 0x1fffff).bit_count()
            for w, _ in zip(words, range(count))]


def expand_secret(collection_key, name, n):
    """s: a third each of -1, 0, 1."""
    seed = hashlib.blake2b(b"medveil he secret v0 " + name.encode(), key=collection_key,
                           digest_size=32).digest()
    words = stream_words(seed, SECRET, 0, 0)
    return [(3 * next(words) >> 64) - 1 for _ in range(n)]


# The ring ---------------------------------------------------------------------------------------

def _bit_reverse(k, bits):
    return int(format(k, f"0{bits}b")[::-1], 2)


def smallest_root(n, q):
    """psi: the smallest number of order 2N modulo q."""
    g = 2
    while pow(g, (q - 1) // 2, q) != q - 1:
        g += 1
    root = pow(g, (q - 1) // (2 * n), q)
    square, power, least = root * root % q, root, root
    for _ in range(n - 1):
        power = power * square % q
        least = min(least, power)
    return least


class Ring:
    """Polynomials modulo X^N + 1 and q, with the transform out[k] = a(psi^(2 bitrev(k) + 1))."""

    def __init__(self, n, q):
        self.n, self.q, self.bits = n, q, n.bit_length() - 1
        psi = smallest_root(n, q)
        power = [1]
        for _ in range(2 * n - 1):
            power.append(power[-1] * psi % q)
        reverse = [_bit_reverse(k, self.bits) for k in range(n)]
        self.root = [power[r] for r in reverse]
        self.inverse_root = [power[-r % (2 * n)] for r in reverse]

    def forward(self, a):
        a, q, blocks, half = list(a), self.q, 1, self.n // 2
        while half:
            for i in range(blocks):
                w = self.root[blocks + i]
                for j in range(2 * half * i, 2 * half * i + half):
                    u, v = a[j], a[j + half] * w % q
                    a[j], a[j + half] = (u + v) % q, (u - v) % q
            blocks, half = 2 * blocks, half // 2
        return a

    def inverse(self, a):
        a, q, blocks, half = list(a), self.q, self.n // 2, 1
        while blocks:
            for i in range(blocks):
                w = self.inverse_root[blocks + i]
                for j in range(2 * half * i, 2 * half * i + half):
                    u, v = a[j], a[j + half]
                    a[j], a[j + half] = (u + v) % q, (u - v) * w % q
            blocks, half = blocks // 2, 2 * half
        scale = pow(self.n, -1, q)
        return [x * scale % q for x in a]


# The object -------------------------------------------------------------------------------------

def _read_row(data, at, count, q):
    """count residues of q.bit_length() bits each; (values, position behind the row)."""
    bits = q.bit_length()
    end = at + (count * bits + 7) // 8
    number = int.from_bytes(data[at:end], "little")
    values = []
    for start in range(0, count * bits, 64 * bits):  # 64 values are a whole number of bytes
        part = int.from_bytes(data[at + start // 8:min(end, at + start // 8 + 8 * bits)], "little")
        for k in range(min(64, count - start // bits)):
            values.append(part >> (k * bits) & ((1 << bits) - 1))
    if end > len(data) or number >> (count * bits) or max(values) >= q:
        raise FormatError("a residue is out of range")
    return values, end


def read_header(data):
    """dict of set, shape and what follows from them."""
    if len(data) < 16 or data[:5] != b"MVHE\0" or data[10] > PUBLIC or data[11] != 0:
        raise FormatError("not a ciphertext of version 0")
    kind, set_id, bits, sums, summed, form = data[5:11]
    count = struct.unpack("<I", data[12:16])[0]
    if set_id not in SETS or kind not in (FRESH, SUM):
        raise FormatError("unknown set or kind")
    if not (1 <= bits <= 24 and 1 <= sums <= 64 and count >= 1):
        raise FormatError("the shape is out of range")
    if not (summed == 1 if kind == FRESH else 2 <= summed <= sums):
        raise FormatError("the number of summands is out of range")
    name, n, primes = SETS[set_id]
    modulus = 1
    for q in primes:
        modulus *= q
    factor = 43 * sums + 1 if form == SYMMETRIC else sums * (85 * n + 43)
    log_t = (modulus // factor).bit_length() - 1
    width = bits + (sums - 1).bit_length()
    per = log_t // width
    if per < 1:
        raise FormatError("the set cannot hold this shape")
    return {"name": name, "n": n, "primes": primes, "modulus": modulus, "kind": kind, "form": form,
            "bits": bits, "sums": sums, "summed": summed, "count": count, "log_t": log_t, "width": width,
            "per": per, "coeffs": -(-count // per)}


def _compose(residues, primes, modulus):
    """The number below the modulus with these residues."""
    total = 0
    for r, q in zip(residues, primes):
        rest = modulus // q
        total += r * pow(rest, -1, q) % q * rest
    return total % modulus


def _polynomial(h, secret, rings, c0, c1):
    """Coefficients of c0 + c1 s modulo Q, as many as c0 has."""
    columns = []
    for i, ring in enumerate(rings):
        product = ring.inverse([x * y % ring.q for x, y in zip(c1[i], secret[i])])
        columns.append([(x + y) % ring.q for x, y in zip(c0[i], product)])
    return [_compose(residues, h["primes"], h["modulus"]) for residues in zip(*columns)]


def decrypt(secret_coefficients, data):
    """(header, features) of a fresh ciphertext or a sum, with the secret polynomial given."""
    h = read_header(data)
    n, primes = h["n"], h["primes"]
    rings = [Ring(n, q) for q in primes]
    secret = [ring.forward([x % ring.q for x in secret_coefficients]) for ring in rings]
    at, seed = 16, None
    if h["kind"] == FRESH and h["form"] == SYMMETRIC:
        seed, at = data[16:48], 48
    features = []
    for poly, start in enumerate(range(0, h["coeffs"], n)):
        used = min(n, h["coeffs"] - start)
        c0, c1 = [], []
        for q in primes:
            row, at = _read_row(data, at, used, q)
            c0.append(row)
        for i, q in enumerate(primes):
            if seed is not None:
                c1.append(expand_uniform(seed, poly, i, q, n))
            else:
                row, at = _read_row(data, at, n, q)
                c1.append(row)
        for x in _polynomial(h, secret, rings, c0, c1):
            m = ((x << h["log_t"] + 1) + h["modulus"]) // (2 * h["modulus"]) % (1 << h["log_t"])
            for k in range(h["per"]):
                features.append(m >> (k * h["width"]) & ((1 << h["width"]) - 1))
    if at != len(data):
        raise FormatError("the length is wrong")
    return h, features[:h["count"]]


def unpack_features(collection_key, ciphertext):
    """The features, or their sums, of a ciphertext that has been authenticated."""
    if len(ciphertext) > 5 and ciphertext[5] == SLOTS:
        return slot_features(collection_key, ciphertext)
    h = read_header(ciphertext)
    return decrypt(expand_secret(collection_key, h["name"], h["n"]), ciphertext)[1]


def public_encrypt(public_rows, name, bits, sums, features, secret_seed):
    """The public form, from one secret seed: u, e0 and e1 of each polynomial. For test vectors."""
    head = header_bytes(name, FRESH, bits, sums, 1, len(features), PUBLIC)
    h = read_header(head)
    n, out = h["n"], head
    encoded = [encode(h, features[at:at + h["per"]]) for at in range(0, len(features), h["per"])]
    for poly, start in enumerate(range(0, len(encoded), n)):
        part = encoded[start:start + n]
        words = stream_words(secret_seed, SECRET, poly, 0)
        u = [(3 * next(words) >> 64) - 1 for _ in range(n)]
        e0 = expand_error(secret_seed, 2 * poly, len(part))
        e1 = expand_error(secret_seed, 2 * poly + 1, n)
        rows0, rows1 = b"", b""
        for (b, a), q in zip(public_rows, h["primes"]):
            ring = Ring(n, q)
            v = ring.forward([x % q for x in u])
            bu = ring.inverse([x * y % q for x, y in zip(b, v)])
            rows0 += _write_row([(m + e + x) % q for m, e, x in zip(part, e0, bu)], q)
            f = ring.forward([x % q for x in e1])
            rows1 += _write_row([(x * y + e) % q for x, y, e in zip(a, v, f)], q)
        out += rows0 + rows1
    return out


def pack_public_key(collection_key, name, mask_seed, error_seed):
    """(bytes, [(b, a) of each prime, transformed]) of the public key of a pack set."""
    set_id, (_, n, primes) = next((i, s) for i, s in SETS.items() if s[0] == name)
    secret, error = expand_secret(collection_key, name, n), expand_error(error_seed, 0, n)
    rows = []
    for i, q in enumerate(primes):
        ring = Ring(n, q)
        a = expand_uniform(mask_seed, 0, i, q, n)
        s, e = ring.forward([x % q for x in secret]), ring.forward([x % q for x in error])
        rows.append(([(x - y * z) % q for x, y, z in zip(e, a, s)], a))
    head = b"MVHE" + bytes([0, PUBLIC_KEY, set_id, 0, 0, 0, 1]) + bytes(21) + mask_seed
    return head + b"".join(_write_row(b, q) for (b, _), q in zip(rows, primes)), rows


# Making objects, for test vectors only: a seed must never be used twice --------------------------

def search_upload(public_rows, values, secret_seed):
    """The body of an upload (docs/formats/search.md): 128 small integers, one secret seed."""
    _, n, primes = SETS[11]
    modulus, t = primes[0] * primes[1], 147457
    message = [0] * n
    for k, v in enumerate(values):
        message[2 * k] = (modulus * (v % t) + t // 2) // t
    words = stream_words(secret_seed, SECRET, 0, 0)
    u = [(3 * next(words) >> 64) - 1 for _ in range(n)]
    errors = [expand_error(secret_seed, p, n) for p in range(2)]
    halves = [b"", b""]
    for (b, a), q in zip(public_rows, primes):
        ring = Ring(n, q)
        v = ring.forward([x % q for x in u])
        for p, half in enumerate((b, a)):
            row = ring.inverse([x * y % q for x, y in zip(half, v)])
            row = [(x + e + (m if p == 0 else 0)) % q for x, e, m in zip(row, errors[p], message)]
            halves[p] += _write_row(row[::2] if p == 0 else row, q)
    return halves[0] + halves[1]


def _write_row(values, q):
    bits, number = q.bit_length(), 0
    for k, v in enumerate(values):
        number |= v << (k * bits)
    return number.to_bytes((len(values) * bits + 7) // 8, "little")


def header_bytes(name, kind, bits, sums, summed, count, form=SYMMETRIC):
    set_id = next(i for i, s in SETS.items() if s[0] == name)
    return b"MVHE" + bytes([0, kind, set_id, bits, sums, summed, form, 0]) + struct.pack("<I", count)


def encode(h, fields):
    """floor(Q m / t + 1/2) of the fields of one coefficient."""
    m = sum(f << (k * h["width"]) for k, f in enumerate(fields))
    return (h["modulus"] * m * 2 + (1 << h["log_t"])) >> (h["log_t"] + 1)


def encrypt(collection_key, name, bits, sums, features, mask_seed, error_seed):
    """A fresh ciphertext with given seeds."""
    head = header_bytes(name, FRESH, bits, sums, 1, len(features))
    h = read_header(head)
    n, secret, out = h["n"], expand_secret(collection_key, name, h["n"]), head + mask_seed
    encoded = [encode(h, features[at:at + h["per"]]) for at in range(0, len(features), h["per"])]
    for poly, start in enumerate(range(0, len(encoded), n)):
        part = encoded[start:start + n]
        error = expand_error(error_seed, poly, len(part))
        for i, q in enumerate(h["primes"]):
            ring = Ring(n, q)
            c1 = expand_uniform(mask_seed, poly, i, q, n)
            s = ring.forward([x % q for x in secret])
            product = ring.inverse([x * y % q for x, y in zip(c1, s)])
            out += _write_row([(m + e - x) % q for m, e, x in zip(part, error, product)], q)
    return out


# Slots: ciphers, replies and keys ---------------------------------------------------------------

# name: id, N, primes (the last one is special), t or None, log2 of the scale or None
SLOT_SETS = {
    "score4096": (5, 4096, [134176769, 268361729, 268369921], 40961, None),
    "score4096w": (6, 4096, [34359697409, 34359451649, 68719403009], 114689, None),
    "private8192": (7, 8192, [36028797018652673, 36028797017571329, 36028797017456641],
                    1073692673, None),
    "real8192": (8, 8192, [562949952847873, 1099511480321, 562949952798721], None, 40),
    "deep8192": (9, 8192, [562949952847873, 274877562881, 274877202433, 274877153281,
                           562949952798721], None, 38)}
CIPHER, REPLY, PUBLIC_KEY, EVALUATION_KEY = 3, 4, 5, 6


def _steps(x):
    return math.ceil(math.log2(x) * 256)


def slot_header(kind, name, polys=0, limbs=0, power=0, seeded=0, cut=(0, 0), galois=0, noise=None,
                bound=None):
    return (b"MVHE" + bytes([0, kind, SLOT_SETS[name][0], polys, limbs, power, seeded, *cut, 0, 0, 0])
            + struct.pack("<Iii", galois, 0 if noise is None else _steps(noise),
                          0 if bound is None else _steps(bound)) + bytes(4))


def slot_order(n):
    """Index, in the transform, of slot j: the value at psi^(3^j), second half psi^(-3^j)."""
    bits, order = n.bit_length() - 1, [0] * n
    for j in range(n // 2):
        e = pow(3, j, 2 * n)
        order[j] = _bit_reverse((e - 1) // 2, bits)
        order[n // 2 + j] = _bit_reverse((2 * n - e - 1) // 2, bits)
    return order


def bfv_message(name, values):
    """Coefficients modulo t of a row of slots."""
    _, n, _, t, _ = SLOT_SETS[name]
    place, order = [0] * n, slot_order(n)
    for j, v in enumerate(values):
        place[order[j]] = v % t
    return Ring(n, t).inverse(place)


def slot_encrypt(collection_key, name, message, mask_seed, error_seed, bound=None):
    """(bytes, rows of c0, rows of c1): message holds coefficients, modulo t or already scaled."""
    _, n, primes, t, _ = SLOT_SETS[name]
    data, secret = primes[:-1], expand_secret(collection_key, name, n)
    modulus, error = math.prod(data), expand_error(error_seed, 0, n)
    scaled = message if t is None else [(modulus * m + t // 2) // t for m in message]
    c0, c1 = [], []
    for i, q in enumerate(data):
        ring = Ring(n, q)
        s = ring.forward([x % q for x in secret])
        c1.append(expand_uniform(mask_seed, 0, i, q, n))
        x = ring.forward([(m + e) % q for m, e in zip(scaled, error)])
        c0.append([(a - b * k) % q for a, b, k in zip(x, c1[i], s)])
    head = slot_header(CIPHER, name, 2, len(data), 1, 1, noise=10.5 + 1 / 12, bound=bound)
    return head + mask_seed + b"".join(map(_write_row, c0, data)), c0, c1


# Features in slots ------------------------------------------------------------------------------

def _dft(x):
    """sum of x[k] exp(2 pi i j k / n) for each j."""
    n = len(x)
    if n == 1:
        return list(x)
    even, odd = _dft(x[::2]), _dft(x[1::2])
    turned = [cmath.exp(2j * math.pi * k / n) * v for k, v in enumerate(odd)]
    return [a + b for a, b in zip(even, turned)] + [a - b for a, b in zip(even, turned)]


def _ckks_slots(coefficients, scale):
    """m(zeta^(3^j)) / scale, zeta = exp(i pi / N), j < N/2."""
    n = len(coefficients)
    turned = [c * cmath.exp(1j * math.pi * k / n) for k, c in enumerate(coefficients)]
    values = _dft(turned)  # place r holds m(zeta^(2 r + 1))
    return [values[(pow(3, j, 2 * n) - 1) // 2].real / scale for j in range(n // 2)]


def _open_cipher(name, secret, rings, data, seeded):
    """Coefficients of c0 + c1 s modulo Q of one fresh cipher, without its header."""
    _, n, primes, _, _ = SLOT_SETS[name]
    primes, seed, at, rows = primes[:-1], data[:32], 32 if seeded else 0, []
    for _ in range(1 if seeded else 2):
        rows.append([])
        for q in primes:
            row, at = _read_row(data, at, n, q)
            rows[-1].append(row)
    if seeded:
        rows.append([expand_uniform(seed, 0, i, q, n) for i, q in enumerate(primes)])
    columns = [ring.inverse([(x + y * z) % ring.q for x, y, z in zip(rows[0][i], rows[1][i], s)])
               for i, (ring, s) in enumerate(zip(rings, secret))]
    return [_compose(r, primes, math.prod(primes)) for r in zip(*columns)]


def slot_features(collection_key, data):
    """The features of an object of kind 7."""
    if len(data) < 16 or data[:6] != b"MVHE\0\7" or data[9] != 1 or data[10] > PUBLIC or data[11]:
        raise FormatError("not features in slots")
    set_id, bits, sums, _, form = data[6:11]
    count = struct.unpack("<I", data[12:16])[0]
    name = next((k for k, s in SLOT_SETS.items() if s[0] == set_id), None)
    if name is None or not (1 <= bits <= 16 and 1 <= sums <= 64 and count >= 1):
        raise FormatError("unknown set, or the shape is out of range")
    _, n, primes, t, scale = SLOT_SETS[name]
    if t is not None and ((1 << bits) - 1) * sums >= t:
        raise FormatError("the set cannot hold this shape")
    rows = sum((n * q.bit_length() + 7) // 8 for q in primes[:-1])
    size = 32 + (32 + rows if form == SYMMETRIC else 2 * rows)
    per = n // 2 if t is None else n
    if len(data) != 16 + size * -(-count // per):
        raise FormatError("the length is wrong")
    rings = [Ring(n, q) for q in primes[:-1]]
    secret = [r.forward([x % r.q for x in expand_secret(collection_key, name, n)]) for r in rings]
    modulus, features = math.prod(primes[:-1]), []
    head = b"MVHE" + bytes([0, CIPHER, set_id, 2, len(rings), 1, 1 - form])
    for at in range(16, len(data), size):
        if data[at:at + 11] != head:
            raise FormatError("not a fresh cipher of this set and form")
        x = _open_cipher(name, secret, rings, data[at + 32:at + size], form == SYMMETRIC)
        if t is None:
            features += map(round, _ckks_slots([c - modulus if 2 * c > modulus else c for c in x],
                                               2.0 ** scale))
        else:
            m = Ring(n, t).forward([(2 * t * c + modulus) // (2 * modulus) % t for c in x])
            features += [m[k] for k in slot_order(n)]
    return features[:count]


def _key_sample(name, hidden, secret, mask_seed, error_seed, poly):
    """Rows of b = e - a s' in evaluation form, with P hidden added in limb `poly`."""
    _, n, primes, _, _ = SLOT_SETS[name]
    error, rows = expand_error(error_seed, poly, n), []
    for i, q in enumerate(primes):
        ring = Ring(n, q)
        a = expand_uniform(mask_seed, poly, i, q, n)
        s, e = ring.forward([x % q for x in secret]), ring.forward([x % q for x in error])
        b = [(x - y * z) % q for x, y, z in zip(e, a, s)]
        if hidden is not None and i == poly:
            b = [(x + primes[-1] * y) % q for x, y in zip(b, hidden(ring))]
        rows.append(_write_row(b, q))
    return b"".join(rows)


def public_key(collection_key, name, mask_seed, error_seed):
    secret = expand_secret(collection_key, name, SLOT_SETS[name][1])
    return (slot_header(PUBLIC_KEY, name, seeded=1) + mask_seed
            + _key_sample(name, None, secret, mask_seed, error_seed, 0))


def evaluation_key(collection_key, name, galois, mask_seed, error_seed):
    """galois 1: relinearising; else for X -> X^galois."""
    _, n, primes, _, _ = SLOT_SETS[name]
    secret = expand_secret(collection_key, name, n)
    turned = [0] * n
    for j, x in enumerate(secret):
        k = j * pow(galois, -1, 2 * n) % (2 * n)
        turned[k % n] = x if k < n else -x

    def hidden(ring):
        s = ring.forward([x % ring.q for x in secret])
        return [x * x for x in s] if galois == 1 else s

    samples = (_key_sample(name, hidden, turned, mask_seed, error_seed, d)
               for d in range(len(primes) - 1))
    return slot_header(EVALUATION_KEY, name, seeded=1, galois=galois) + mask_seed + b"".join(samples)


def bfv_reply(name, c0, c1, noise):
    """The reply of a cipher with two data primes: one is dropped, then low bits."""
    _, n, (q0, q1, _), t, _ = SLOT_SETS[name]
    polys = []
    for rows in (c0, c1):
        a, b = Ring(n, q0).inverse(rows[0]), Ring(n, q1).inverse(rows[1])
        inverse = pow(q1, -1, q0)
        polys.append([(x - (y - q1 if 2 * y > q1 else y)) * inverse % q0 for x, y in zip(a, b)])
    noise = noise / (q1 * q1) + (1 + 0.85 * n) / 12
    allowed = (q0 / (2 * t) / 14.1 * 2 ** -(2 ** -20)) ** 2
    room, cut = (allowed - noise) * 0.9 / 2, [0, 0]
    while 0.85 * n * 4 ** (cut[1] + 1) / 12 <= room:
        cut[1] += 1
    while 4 ** (cut[0] + 1) / 12 <= room:
        cut[0] += 1
    noise += (4 ** cut[0] + 0.85 * n * 4 ** cut[1]) / 12
    out = slot_header(REPLY, name, 2, 1, 1, cut=cut, noise=noise)
    for poly, low in zip(polys, cut):
        bits, number = q0.bit_length() - low, 0
        for k, v in enumerate(poly):
            number |= (v >> low) << (k * bits)
        out += number.to_bytes((n * bits + 7) // 8, "little")
    return out


# Ciphertexts as text (tests/kat/README.md), checked with big integers and nothing of the above --------

def read_dump(text):
    """dict of a dump: key -> numbers; polys[j][i] coefficients."""
    words = (w for line in text.splitlines() for w in line.split("#")[0].split())
    d = {"polys": {}, "gen": 3, "tol": 1e-3}
    for key in words:
        if key == "end":
            return d
        if key == "primes":
            d[key] = [int(next(words)) for _ in range(int(next(words)))]
        elif key == "sk":
            d[key] = [int(next(words)) for _ in range(d["n"])]
        elif key == "poly":
            j, i = int(next(words)), int(next(words))
            d["polys"].setdefault(j, {})[i] = [int(next(words)) for _ in range(d["n"])]
        elif key == "expect":
            d[key] = [float(x) if "." in x or "e" in x else int(x)
                      for x in (next(words) for _ in range(int(next(words))))]
        elif key == "scale":
            word = next(words)
            d[key] = 2.0 ** int(word[2:]) if word.startswith("2^") else float(word)
        elif key == "tol":
            d[key] = float(next(words))
        elif key == "scheme":
            d[key] = next(words)
        else:
            d[key] = int(next(words))
    raise FormatError("the dump has no end")


def _times_secret(a, s, modulus):
    """a s modulo X^N + 1 and the modulus: both as one large number each, s in two halves."""
    n, size = len(a), (modulus.bit_length() + len(a).bit_length() + 8) // 8
    big = int.from_bytes(b"".join(x.to_bytes(size, "little") for x in a), "little")

    def product(half):
        other = int.from_bytes(b"".join(x.to_bytes(size, "little") for x in half), "little")
        data = (big * other).to_bytes(2 * n * size, "little")
        return [int.from_bytes(data[k * size:(k + 1) * size], "little") for k in range(2 * n)]

    plus, minus = product([int(x > 0) for x in s]), product([int(x < 0) for x in s])
    whole = [p - m for p, m in zip(plus, minus)]
    return [(whole[k] - whole[k + n]) % modulus for k in range(n)]


def _bfv_values(d, x, modulus, count):
    n, t = d["n"], d["t"]
    m = [(2 * t * c + modulus) // (2 * modulus) % t for c in x]
    if t % (2 * n) != 1:
        return m[:count]
    root = smallest_root(n, t)
    values = []
    for j in range(count):
        exponent = pow(d["gen"], j % (n // 2), 2 * n)
        z = pow(root, exponent if j < n // 2 else 2 * n - exponent, t)
        value = 0
        for c in reversed(m):
            value = (value * z + c) % t
        values.append(value)
    return values


def _ckks_values(d, x, modulus, count):
    n = d["n"]
    m = [(c - modulus if 2 * c > modulus else c) / d["scale"] for c in x]
    values = []
    for j in range(count):
        exponent = pow(d["gen"], j, 2 * n)
        values.append(math.fsum(c * math.cos(math.pi * (exponent * k % (2 * n)) / n)
                                for k, c in enumerate(m)))
    return values


def check_dump(text, count=16):
    """Whether the first values of a dump are what it expects."""
    d = read_dump(text)
    modulus = math.prod(d["primes"])
    polys = [[_compose(r, d["primes"], modulus)
              for r in zip(*(d["polys"][j][i] for i in range(len(d["primes"]))))]
             for j in range(d["ct"])]
    x = polys[-1]
    for lower in reversed(polys[:-1]):
        x = [(a + b) % modulus for a, b in zip(_times_secret(x, d["sk"], modulus), lower)]
    count = min(count, len(d["expect"]))
    if d["scheme"] == "bfv":
        return _bfv_values(d, x, modulus, count) == [e % d["t"] for e in d["expect"][:count]]
    got = _ckks_values(d, x, modulus, count)
    return all(abs(g - e) <= d["tol"] for g, e in zip(got, d["expect"]))


def print_vectors():
    key, mask, error = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
    q = SETS[1][2][0]
    words = stream_words(mask, MASK, 0, 0)
    print("stream       ", *(f"{next(words):016x}" for _ in range(3)))
    print("uniform 0 0  ", *expand_uniform(mask, 0, 0, q, 3))
    print("uniform 2 1  ", *expand_uniform(mask, 2, 1, q, 3))
    print("binomial 0   ", *expand_error(error, 0, 16))
    print("ternary      ", *expand_secret(key, "pack4096", 16))
    for name, n, primes in SETS.values():
        print("psi", name.ljust(9), *(smallest_root(n, q) for q in primes))
    for name, (_, n, primes, _, _) in SLOT_SETS.items():
        print("psi", name.ljust(9), *(smallest_root(n, q) for q in primes))
    print("row          ", _write_row([1, 2, 3, 30], 31).hex())
    h = read_header(header_bytes("pack4096", FRESH, 8, 1, 1, 5))
    print("encode       ", h["log_t"], h["per"], encode(h, [1, 2, 3, 4, 255]))
    print("small        ", encrypt(key, "pack4096", 8, 1, [1, 2, 3, 4, 255, 6], mask, error).hex())
    features = [(i * i + 3 * i + 1) % 256 for i in range(37632)]
    for name, sums in (("pack4096", 1), ("add4096", 4)):
        whole = encrypt(key, name, 8, sums, features, mask, error)
        print("large        ", name, len(whole), hashlib.blake2b(whole, digest_size=32).hexdigest())
    public, rows = pack_public_key(key, "pack4096", mask, error)
    print("pack-public  ", len(public), hashlib.blake2b(public, digest_size=32).hexdigest())
    print("header       ", public[:32].hex())
    whole = public_encrypt(rows, "pack4096", 8, 1, [1, 2, 3, 4, 255, 6], error)
    print("pack-pk      ", len(whole), hashlib.blake2b(whole, digest_size=32).hexdigest())
    print("header       ", whole[:16].hex(), "c0", whole[16:29].hex())
    public, rows = pack_public_key(key, "upload4096", mask, error)
    print("upload-public", len(public), hashlib.blake2b(public, digest_size=32).hexdigest())
    whole = search_upload(rows, [k % 17 - 8 for k in range(128)], error)
    print("upload       ", len(whole), hashlib.blake2b(whole, digest_size=32).hexdigest())
    small = [1, 2, 3, 4, 255, 6]
    slots = (b"MVHE" + bytes([0, SLOTS, 5, 8, 1, 1, SYMMETRIC, 0]) + struct.pack("<I", len(small))
             + slot_encrypt(key, "score4096", bfv_message("score4096", small), mask, error)[0])
    if slot_features(key, slots) != small:
        sys.exit("he.py does not open what it made")
    print("slot-features", len(slots), hashlib.blake2b(slots, digest_size=32).hexdigest())
    print("header       ", slots[:16].hex())
    values = [(i * i + 3 * i + 1) % 40961 for i in range(4096)]
    slots = bfv_message("score4096", values)
    print("slot-order   ", *slot_order(4096)[:4], *slot_order(4096)[2048:2052])
    print("message      ", *slots[:4])
    cipher, c0, c1 = slot_encrypt(key, "score4096", slots, mask, error)
    real = [1 << 39] + [0] * 8191
    for what, data in (
            ("bfv-cipher", cipher), ("bfv-reply", bfv_reply("score4096", c0, c1, 10.5 + 1 / 12)),
            ("ckks-cipher", slot_encrypt(key, "real8192", real, mask, error, bound=1)[0]),
            ("public-key", public_key(key, "score4096", mask, error)),
            ("relin-key", evaluation_key(key, "score4096", 1, mask, error)),
            ("rotation-key", evaluation_key(key, "score4096", 3, mask, error))):
        print(what.ljust(13), len(data), hashlib.blake2b(data, digest_size=32).hexdigest())
        print("header       ", data[:32].hex())


def main():
    if sys.argv[1:] == ["--vectors"]:
        print_vectors()
        return
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        with open(sys.argv[2], encoding="ascii") as f:
            agree = check_dump(f.read())
        print("agree" if agree else "WRONG")
        sys.exit(0 if agree else 1)
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[2], "rb") as f:
        data = f.read()
    h = read_header(data)
    print(f"# {h['name']}: {h['count']} features of {h['bits']} bits, {h['summed']} summed")
    print(*unpack_features(bytes.fromhex(sys.argv[1]), data), sep="\n")


if __name__ == "__main__":
    main()
