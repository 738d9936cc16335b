#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mv_read.py: opens a .mv of format 1, written from docs/formats alone.

    mv_read.py -i IDENTITY FILE [-o FOLDER] [--no-features] [--collection FILE]

prints one JSON object (sender, members, features) and writes each original into the folder, under
its number; one that travels coded as NUMBER.coded, since this reader has no JPEG-LS. It shares no code with medveil: hashlib, python3-nacl for X25519, Ed25519 and
ChaCha20-Poly1305, mlkem.py and he.py beside it. Slow; for checking the format, not for use.
"""

import argparse
import base64
import hashlib
import json
import os
import struct
import sys

from nacl import bindings, exceptions, signing

import he
import mlkem

MAGIC = b"medveil\x1a"
HEADER, WRAP, CIPHER, COMMITMENT, START, RECORD, TAG = 20, 1200, 1120, 32, 16, 65536, 16
MEMBERS_MAX, MANIFEST_MAX, SEAL_MAX, LENGTH_MAX = 4096, 1 << 22, 1696, 1 << 40
TYPES = {1: "u8", 2: "u16", 3: "i16", 4: "u32", 5: "i32", 6: "f32", 7: "f64", 8: "i8"}
CODE_NAMES = ["width", "height", "depth", "channels", "type", "bits", "slope", "intercept", "spacing_mm",
              "range_lo", "range_hi", "model_hash", "model_name", "frame_slices", "feature_bits", "frames",
              "feature_height", "feature_width", "feature_channels"]


class Refused(Exception):
    """The file, the identity or the card is not right."""


def require(condition, sentence):
    if not condition:
        raise Refused(sentence)


# Hashes ---------------------------------------------------------------------------------------

def derive(key, label, *parts):
    return hashlib.blake2b(label.encode() + b"\0" + b"".join(parts), digest_size=32, key=key).digest()


def labelled_hash(label, *parts):
    return derive(b"", label, *parts)


def blake2b(data):
    return hashlib.blake2b(data, digest_size=32).digest()


# Bech32m --------------------------------------------------------------------------------------

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def _polymod(values):
    total = 1
    for value in values:
        top, total = total >> 25, (total & 0x1ffffff) << 5 ^ value
        for i, part in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
            total ^= part if top >> i & 1 else 0
    return total


def _expand(prefix):
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def bech32m_decode(prefix, line):
    require(line in (line.lower(), line.upper()) and len(line) <= 90, "mixed case or too long")
    line = line.lower()
    require(line.startswith(prefix + "1"), "another prefix")
    try:
        values = [ALPHABET.index(c) for c in line[len(prefix) + 1:]]
    except ValueError:
        raise Refused("a wrong character") from None
    require(len(values) >= 6 and _polymod(_expand(prefix) + values) == 0x2bc830a3, "wrong checksum")
    bits = "".join(f"{v:05b}" for v in values[:-6])
    whole = len(bits) // 8 * 8
    require(len(bits) - whole < 5 and "1" not in bits[whole:], "spare bits")
    return bytes(int(bits[i:i + 8], 2) for i in range(0, whole, 8))


def bech32m_encode(prefix, data):
    bits = "".join(f"{b:08b}" for b in data)
    bits += "0" * (-len(bits) % 5)
    values = [int(bits[i:i + 5], 2) for i in range(0, len(bits), 5)]
    check = _polymod(_expand(prefix) + values + [0] * 6) ^ 0x2bc830a3
    values += [check >> 5 * (5 - i) & 31 for i in range(6)]
    return prefix + "1" + "".join(ALPHABET[v] for v in values)


# CBOR -----------------------------------------------------------------------------------------

def _cbor_head(data, at):
    require(at < len(data), "CBOR ends early")
    major, low = data[at] >> 5, data[at] & 31
    if low < 24:
        return major, low, at + 1
    require(low <= 27, "CBOR head")
    size = 1 << (low - 24)
    require(at + 1 + size <= len(data), "CBOR ends early")
    value = int.from_bytes(data[at + 1:at + 1 + size], "big")
    require(value >= (24, 1 << 8, 1 << 16, 1 << 32)[low - 24], "CBOR number longer than needed")
    return major, value, at + 1 + size


def _cbor_item(data, at):
    if at < len(data) and data[at] == 0xfb:
        require(at + 9 <= len(data), "CBOR ends early")
        return struct.unpack(">d", data[at + 1:at + 9])[0], at + 9
    major, value, at = _cbor_head(data, at)
    if major == 0:
        return value, at
    if major in (2, 3):
        require(at + value <= len(data), "CBOR ends early")
        raw = data[at:at + value]
        return (bytes(raw) if major == 2 else raw.decode("utf-8")), at + value
    require(major in (4, 5), "CBOR type")
    items, last = ([] if major == 4 else {}), -1
    for _ in range(value):
        if major == 5:
            key, at = _cbor_item(data, at)
            require(isinstance(key, int) and key > last, "CBOR keys not ascending")
            items[key], at = _cbor_item(data, at)
            last = key
        else:
            item, at = _cbor_item(data, at)
            items.append(item)
    return items, at


def cbor_decode(data):
    item, at = _cbor_item(data, 0)
    require(at == len(data), "bytes after the CBOR")
    return item


# Identity and card ----------------------------------------------------------------------------

class Identity:
    def __init__(self, seed):
        self.seal = mlkem.XWing(derive(seed, "medveil 1 identity seal"))


def read_identity(text):
    begin, end = "-----BEGIN MEDVEIL IDENTITY-----", "-----END MEDVEIL IDENTITY-----"
    require(text.count(begin) == 1 and end in text, "not an identity")
    body = text.split(begin)[1].split(end)[0]
    fields = cbor_decode(base64.b64decode("".join(body.split()), validate=True))
    require(fields.get(1) == 1, "not an identity of version 1")
    require(list(fields) == [1, 2, 3], "the identity is locked with a passphrase")
    identity = Identity(fields[3])
    require(identity.seal.public == check_card(fields[2])[4], "seed and card do not match")
    return identity


def verify(public, message, signature):
    try:
        signing.VerifyKey(public).verify(message, signature)
    except exceptions.BadSignatureError:
        raise Refused("not authentic") from None


def check_card(card):
    fields = cbor_decode(card)
    require({1, 2, 4, 5, 7} <= set(fields) <= {1, 2, 3, 4, 5, 6, 7} and fields[1] == 1, "not a card")
    require([len(fields[k]) for k in (4, 5, 7)] == [1216, 32, 64], "not a card")
    verify(fields[5], labelled_hash("medveil 1 card", card[:-64]), fields[7])
    return fields


# Envelope -------------------------------------------------------------------------------------

def padded_length(length):
    if length < 2:
        return length
    e = length.bit_length() - 1
    s = e.bit_length()  # floor(log2 e) + 1
    step = 1 << max(e - s, 0)
    return (length + step - 1) // step * step


def aead_open(key, nonce, box):
    try:
        return bindings.crypto_aead_chacha20poly1305_ietf_decrypt(bytes(box), None, nonce, key)
    except exceptions.CryptoError:
        return None


def open_wraps(data, count, identity):
    for i in range(count):
        wrap = data[HEADER + WRAP * i:HEADER + WRAP * (i + 1)]
        cipher = wrap[:CIPHER]
        shared = identity.seal.decapsulate(cipher)
        key = derive(shared, "medveil 1 wrap", cipher, identity.seal.public)
        keys = aead_open(key, bytes(12), wrap[CIPHER:])
        if keys is not None:
            return keys[:32], keys[32:]
    raise Refused("wrong key")


def stream_length(length):
    return length + TAG * max(1, -(-length // RECORD))


def open_stream(key, length, box):
    plain, count = b"", max(1, -(-length // RECORD))
    for i in range(count):
        size = min(RECORD, length - i * RECORD) + TAG
        nonce = struct.pack("<QB3x", i, i == count - 1)
        piece = aead_open(key, nonce, box[:size])
        require(piece is not None, "not authentic")
        plain, box = plain + piece, box[size:]
    return plain


def read_header(data):
    require(data[:8] == MAGIC, "not a medveil envelope")
    require(len(data) >= HEADER, "too short")
    version, count, body_length = struct.unpack_from("<HHQ", data, 8)
    require(version == 1 and 1 <= count <= 64, "not of format 1")
    require(body_length == padded_length(body_length) and body_length <= LENGTH_MAX, "length")
    require(len(data) == HEADER + WRAP * count + COMMITMENT + body_length, "length")
    return count, body_length


def check_seal(seal, head_hash, hashes):
    fields = cbor_decode(seal)
    body_hash = labelled_hash("medveil 1 body", *hashes)
    require(fields.get(2) == body_hash, "not authentic")
    if list(fields) == [1, 2] and fields[1] == 0:
        return None
    require(list(fields) == [1, 2, 3, 4] and fields[1] == 1, "seal")
    card = check_card(fields[3])
    verify(card[5], labelled_hash("medveil 1 sender", head_hash, body_hash), fields[4])
    return bech32m_encode("mv", blake2b(fields[3]))


class Body:
    """Sections in order: where each lies, its key, its plaintext and the hash of its sealed bytes."""

    def __init__(self, data, at, envelope_key, head_hash):
        self.data, self.at, self.key, self.head_hash = data, at, envelope_key, head_hash
        self.hashes = []

    def next(self, length):
        box = self.data[self.at:self.at + stream_length(length)]
        require(len(box) == stream_length(length), "lengths")
        number = struct.pack("<Q", len(self.hashes))
        plain = open_stream(derive(self.key, "medveil 1 section", number, self.head_hash), length, box)
        self.hashes.append(hashlib.sha256(box).digest())
        self.at += len(box)
        return plain

    def check_padding(self):
        rest = len(self.data) - self.at
        key = derive(self.key, "medveil 1 padding", self.head_hash)
        stream = bindings.crypto_aead_chacha20poly1305_ietf_encrypt(bytes(rest), None, bytes(12), key)
        require(stream[:rest] == self.data[self.at:], "not authentic")


def read_code(code):
    require(list(code) == list(range(1, 20)) and code[5] in TYPES, "description")
    image = dict(zip(CODE_NAMES, code.values()))
    image["type"], image["model_hash"] = TYPES[code[5]], code[12].hex()
    return image


def feature_count(image):
    return image["frames"] * image["feature_height"] * image["feature_width"] * image["feature_channels"]


def read_member(fields):
    name = fields.get(1)
    require(isinstance(name, str) and len(name.encode()) < 1024, "file name")
    parts = name.split("/") if name else []
    require(all(0 < len(p.encode()) < 256 and p not in (".", "..") for p in parts), "file name")
    require(not any(c == "\\" or c < " " or "\x7f" <= c <= "\x9f" for c in name), "file name")
    require(set(fields) <= {1, 2, 3, 4, 5, 6} and (2 in fields or 3 in fields), "manifest")
    coding = fields.get(6, {1: 0, 2: fields.get(2, 0)})
    require(6 not in fields or (2 in fields and coding.get(1, 0) > 0), "manifest")
    require(list(coding) in ([1, 2], [1, 2, 3]) and coding.get(3, 1) > 0, "manifest")
    require(coding[2] <= LENGTH_MAX, "length")
    further = fields.get(5, {})
    require((5 in fields) == (0 < len(further) <= 4) and 0 not in further, "manifest")
    require(all(length <= LENGTH_MAX for length in further.values()), "length")
    require(all(fields.get(k, 0) <= LENGTH_MAX for k in (2, 3)), "length")
    image = read_code(fields[4]) if 4 in fields else None
    require((3 in fields) == (image is not None and feature_count(image) != 0), "manifest")
    return {"file_name": name, "exact_kept": 2 in fields, "exact_len": fields.get(2, 0),
            "coding": coding[1], "coded_len": coding[2], "max_error": coding.get(3, 0),
            "ciphertext_len": fields.get(3, 0), "image": image, "further": further}


def read_manifest(plain):
    fields = cbor_decode(plain)
    require(1 in fields and set(fields) <= {1, 2, 3, 4}, "manifest")
    members = [read_member(m) for m in fields[1]]
    require(len(members) <= MEMBERS_MAX and (len(members) == 0) == (3 in fields), "manifest")
    names = [m["file_name"] for m in members]
    require(len(names) < 2 or ("" not in names and len(set(names)) == len(names)), "names")
    folders = {"/".join(n.split("/")[:i]) for n in names for i in range(1, n.count("/") + 1)}
    require(not folders & set(names), "names")
    manifest = {"members": members, "archive": None, "collection": None, "sealed_for": None}
    if 2 in fields:
        require(len(fields[2]) == 32, "archive")
        manifest["archive"] = bech32m_encode("mv", fields[2])
    if 3 in fields:
        require(list(fields[3]) == [1, 2] and fields[3][1] > 0 and fields[3][2], "collection")
        for card in fields[3][2]:
            check_card(card)
        manifest["collection"] = {"generation": fields[3][1], "holders":
                                  [bech32m_encode("mv", blake2b(card)) for card in fields[3][2]]}
    if 4 in fields:
        require(len(fields[4]) == 32 and members, "sealed for")
        manifest["sealed_for"] = fields[4].hex()
    return manifest


def read_embedding(section, collection_key):
    """128 values of -127 .. 127, after the 32 bytes of the head's hash."""
    require(section[32:40] == b"MVHE\0\1\1\x08" and section[40:42] == b"\1\1", "embedding")
    values = [v - 128 for v in he.unpack_features(collection_key, section[32:])]
    require(len(values) == 128 and any(values) and all(-127 <= v <= 127 for v in values), "embedding")
    require(sum(v * v for v in values) <= 68464, "embedding")
    return {"head_hash": section[:32].hex(), "values": values}
STRIP_SAMPLES_MAX = 1 << 20
BAND_PIXELS, BANDS_MAX = 65536, 16


def describe_stream(kind, stream, pixels, rows):
    """What the stream of a strip is; its samples are not decoded here."""
    if kind == 1:
        require(stream[:3] == b"\xff\xd8\xff", "coding")
        return {"kind": "JPEG-LS"}
    require(kind == 2, "coding")
    bands, at = max(1, min(pixels // BAND_PIXELS, BANDS_MAX, rows)), 1
    for _ in range(bands):
        at += 4 + struct.unpack_from("<I", stream, at)[0]
    require(at == len(stream), "coding")
    return {"kind": "pixel coder", "max_error": stream[0], "bands": bands}


def describe_coding(coded, member):
    """What a coded original says of itself; formats/mv.md, "Coded originals"."""
    coding = member["coding"]
    if coding not in (1, 2):
        return {"not_decoded": "a coding of a later program"}
    before, width, height, frames, channels, size, big = struct.unpack_from("<QIIIBBB", coded)
    require(before + frames * width * height * channels * size <= member["exact_len"], "coding")
    rows = height if coding == 1 else min(height, STRIP_SAMPLES_MAX // (width * channels))
    at, strips = 24 + before, []
    for top in [y for _ in range(frames) for y in range(0, height, rows)]:
        kind = 1 if coding == 1 else coded[at]
        at += coding - 1
        length, lowest, span = struct.unpack_from("<IHH", coded, at)
        here = min(rows, height - top)
        stream = coded[at + 8:at + 8 + length]
        strips.append({"rows": here, "bytes": length, "lowest": lowest, "range": span}
                      | describe_stream(kind, stream, width * here, here))
        at += 8 + length
    after = member["exact_len"] - before - frames * width * height * channels * size
    require(at + after + 32 == len(coded), "coding")
    return {"strips": strips, "width": width, "height": height, "channels": channels,
            "sample_bytes": size, "big_endian": big == 1, "bytes_before": before,
            "bytes_after": after, "sha256": coded[-32:].hex()}


def read_features(ciphertext, collection_key, image):
    features = he.unpack_features(collection_key, ciphertext)
    require(len(features) == feature_count(image) and max(features) < 1 << image["feature_bits"], "features")
    return features


def open_envelope(data, identity):
    """-> result (sender, manifest), [(ciphertext, original, embedding)], collection key; all of it
    authenticated."""
    count, body_length = read_header(data)
    envelope_key, collection_key = open_wraps(data, count, identity)
    bound = HEADER + WRAP * count
    commitment = derive(envelope_key, "medveil 1 commitment", collection_key, data[:bound])
    require(commitment == data[bound:bound + COMMITMENT], "not authentic")
    head = data[:bound + COMMITMENT]
    head_hash = labelled_hash("medveil 1 head", head)
    body = Body(data, len(head), envelope_key, head_hash)
    manifest_length, seal_length = struct.unpack("<QQ", body.next(START))
    require(0 < manifest_length <= MANIFEST_MAX and 0 < seal_length <= SEAL_MAX, "lengths")
    manifest = read_manifest(body.next(manifest_length))
    contents = []
    for member in manifest["members"]:
        ciphertext = body.next(member["ciphertext_len"]) if member["ciphertext_len"] else None
        further = {kind: body.next(length) for kind, length in member["further"].items()}
        exact = body.next(member["coded_len"]) if member["exact_kept"] else None
        contents.append((ciphertext, exact, further.get(1)))
    hashes = list(body.hashes)
    seal = body.next(seal_length)
    require(padded_length(body.at - len(head)) == body_length, "lengths")
    sender = check_seal(seal, head_hash, hashes)
    body.check_padding()
    return {"sender": sender, **manifest}, contents, collection_key


def main():
    parser = argparse.ArgumentParser(description="open a .mv of format 1")
    parser.add_argument("-i", "--identity", required=True)
    parser.add_argument("-o", "--output", help="folder for the originals: 0, 1, ..")
    parser.add_argument("--no-features", action="store_true")
    parser.add_argument("--collection", help="opens features that an outside sender sealed for it")
    parser.add_argument("file")
    args = parser.parse_args()
    with open(args.identity, encoding="utf-8") as text, open(args.file, "rb") as sealed:
        identity = read_identity(text.read())
        result, contents, key = open_envelope(sealed.read(), identity)
    closed = result["sealed_for"] is not None
    if closed and args.collection:
        with open(args.collection, "rb") as file:
            collection, _, key = open_envelope(file.read(), identity)
        require(collection["collection"] is not None, "not a collection")
        require(derive(key, "medveil 1 collection id").hex() == result["sealed_for"], "wrong key")
        closed = False
    for i, (member, (ciphertext, exact, embedding)) in enumerate(zip(result["members"], contents)):
        if ciphertext is not None and not args.no_features and not closed:
            member["features"] = read_features(ciphertext, key, member["image"])
        if embedding is not None and not closed:
            member["embedding"] = read_embedding(embedding, key)
        if exact is not None and args.output:
            name = str(i) if member["coding"] == 0 else f"{i}.coded"
            with open(os.path.join(args.output, name), "wb") as out:
                out.write(exact)
        if member["coding"] != 0:
            member["coded"] = describe_coding(exact, member)
    print(json.dumps(result))


if __name__ == "__main__":
    try:
        main()
    except (Refused, he.FormatError, OSError) as why:
        sys.exit(f"mv_read.py: {why}")
