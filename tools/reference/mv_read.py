#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mv_read.py: opens a .mv of format 0, written from docs/formats alone.

    mv_read.py -i IDENTITY FILE [-o ORIGINAL] [--no-features]

prints one JSON object (sender, description, features) and writes the original's bytes. It shares no
code with medveil: hashlib, python3-nacl for X25519, Ed25519 and ChaCha20-Poly1305, he.py beside it
for the features. Slow; for checking the format, not for use.
"""

import argparse
import hashlib
import json
import struct
import sys

from nacl import bindings, exceptions, signing

import he

MAGIC = b"medveil\x1a"
HEADER, WRAP, COMMITMENT, DIRECTORY, RECORD, TAG = 20, 112, 32, 128, 65536, 16
META, FEATURES, EXACT, SIGNATURE, PADDING = 1, 2, 4, 5, 255
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
        self.seal_secret = derive(seed, "medveil 0 identity seal")
        self.seal_public = bindings.crypto_scalarmult_base(self.seal_secret)


def read_identity(text):
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    require(len(lines) == 1, "not an identity")
    secret = bech32m_decode("mvid-secret-0-", lines[0])
    require(len(secret) == 36, "not an identity")
    return Identity(secret[4:])


def verify(public, message, signature):
    try:
        signing.VerifyKey(public).verify(message, signature)
    except exceptions.BadSignatureError:
        raise Refused("not authentic") from None


def check_card(card):
    fields = cbor_decode(card)
    require(list(fields) == [1, 2, 3, 4, 5] and fields[1] == 0, "not a card")
    require([len(fields[k]) for k in (3, 4, 5)] == [32, 32, 64], "not a card")
    verify(fields[4], labelled_hash("medveil 0 card", card[:-64]), fields[5])
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
        ephemeral = wrap[:32]
        try:
            shared = bindings.crypto_scalarmult(identity.seal_secret, ephemeral)
        except exceptions.RuntimeError:  # an all-zero result
            continue
        key = derive(shared, "medveil 0 wrap", ephemeral, identity.seal_public)
        keys = aead_open(key, bytes(12), wrap[32:])
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


def read_directory(plain):
    slots = [struct.unpack_from("<QQ", plain, 16 * i) for i in range(8)]
    used = [slot for slot in slots if slot[0] != 0]
    require(slots == used + [(0, 0)] * (8 - len(used)), "directory")
    kinds = [kind for kind, _ in used]
    require(kinds == sorted(set(kinds)) and {META, SIGNATURE} <= set(kinds) <=
            {META, FEATURES, EXACT, SIGNATURE}, "directory")
    return used


def read_header(data):
    require(data[:8] == MAGIC, "not a medveil envelope")
    require(len(data) >= HEADER, "too short")
    version, count, body_length = struct.unpack_from("<HHQ", data, 8)
    require(version == 0 and 1 <= count <= 64, "not of format 0")
    require(body_length == padded_length(body_length), "length")
    require(len(data) == HEADER + WRAP * count + COMMITMENT + body_length, "length")
    return count, body_length


def check_signature(section, head_hash, directory, plains):
    fields = cbor_decode(section)
    if fields == {1: 0}:
        return None
    require(list(fields) == [1, 2, 3] and fields[1] == 1, "signature section")
    card = check_card(fields[2])
    message = labelled_hash("medveil 0 sender", head_hash, directory, *[blake2b(p) for p in plains])
    verify(card[4], message, fields[3])
    return bech32m_encode("mv", blake2b(fields[2]))


def open_envelope(data, identity):
    """-> sender (mv1... or None), {kind: plaintext}, collection key; all of it authenticated."""
    count, body_length = read_header(data)
    envelope_key, collection_key = open_wraps(data, count, identity)
    bound = HEADER + WRAP * count
    commitment = derive(envelope_key, "medveil 0 commitment", collection_key, data[:bound])
    require(commitment == data[bound:bound + COMMITMENT], "not authentic")
    at = bound + COMMITMENT
    head_hash = labelled_hash("medveil 0 head", data[:at])

    def section_key(kind):
        return derive(envelope_key, "medveil 0 section", bytes([kind]), head_hash)

    directory = open_stream(section_key(0), DIRECTORY, data[at:])
    at += stream_length(DIRECTORY)
    used = read_directory(directory)
    filled = stream_length(DIRECTORY) + sum(stream_length(length) for _, length in used)
    require(padded_length(filled) == body_length, "directory")
    sections = {}
    for kind, length in used:
        sections[kind] = open_stream(section_key(kind), length, data[at:at + stream_length(length)])
        at += stream_length(length)
    rest = len(data) - at
    stream = bindings.crypto_aead_chacha20poly1305_ietf_encrypt(bytes(rest), None, bytes(12),
                                                                section_key(PADDING))[:rest]
    require(stream == data[at:], "not authentic")
    signed = [sections[kind] for kind, _ in used if kind != SIGNATURE]
    sender = check_signature(sections[SIGNATURE], head_hash, directory, signed)
    return sender, sections, collection_key


def read_meta(sections):
    fields = cbor_decode(sections[META])
    name = fields.get(1)
    require(isinstance(name, str) and len(name.encode()) < 256 and name not in (".", ".."), "file name")
    require(not any(c in "/\\" or c < " " or "\x7f" <= c <= "\x9f" for c in name), "file name")
    require(fields.get(2) in (0, 1) and (fields[2] == 1) == (EXACT in sections) == (3 in fields), "meta")
    require(set(fields) <= {1, 2, 3, 4}, "meta")
    meta = {"file_name": name, "exact_kept": fields[2] == 1, "image": None}
    if EXACT in sections:
        require(hashlib.sha256(sections[EXACT]).digest() == fields[3], "not authentic")
        meta["exact_sha256"] = fields[3].hex()
    if 4 in fields:
        code = fields[4]
        require(list(code) == list(range(1, 20)) and code[5] in TYPES, "meta")
        image = dict(zip(CODE_NAMES, code.values()))
        image["type"], image["model_hash"] = TYPES[code[5]], code[12].hex()
        meta["image"] = image
    return meta


def read_features(sections, collection_key, image):
    features = he.unpack_features(collection_key, sections[FEATURES])
    count = image["frames"] * image["feature_height"] * image["feature_width"] * image["feature_channels"]
    require(len(features) == count and max(features) < 1 << image["feature_bits"], "features")
    return features


def main():
    parser = argparse.ArgumentParser(description="open a .mv of format 0")
    parser.add_argument("-i", "--identity", required=True)
    parser.add_argument("-o", "--original", help="where to write the original's bytes")
    parser.add_argument("--no-features", action="store_true")
    parser.add_argument("file")
    args = parser.parse_args()
    with open(args.identity, encoding="utf-8") as text, open(args.file, "rb") as sealed:
        sender, sections, collection_key = open_envelope(sealed.read(), read_identity(text.read()))
    result = {"sender": sender, **read_meta(sections)}
    if FEATURES in sections and not args.no_features:
        result["features"] = read_features(sections, collection_key, result["image"])
    print(json.dumps(result))
    if args.original and EXACT in sections:
        with open(args.original, "wb") as out:
            out.write(sections[EXACT])


if __name__ == "__main__":
    try:
        main()
    except (Refused, he.FormatError, OSError) as why:
        sys.exit(f"mv_read.py: {why}")
