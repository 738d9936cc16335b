#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks running relays for everything that docs/formats/openapi.json promises.

Every path, method and status in the file is asked for at least once; every answer must be one that
the file lists, with the content type and the JSON schema given there.
"""
import hashlib
import http.client
import json
import os
import re
import ssl
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import mailbox  # noqa: E402

MEDVEIL = os.environ["MEDVEIL"]
with open(os.path.join(ROOT, "docs", "formats", "openapi.json"), encoding="utf-8") as f:
    API = json.load(f)
BLOCK = 65536
seen = set()
wrong = []


def blake(data):
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def resolve(node):
    while "$ref" in node:
        target = API
        for part in node["$ref"].lstrip("#/").split("/"):
            target = target[part]
        node = target
    return node


def check_schema(value, schema, where):
    """The part of JSON Schema that the file uses; anything else in it is an error here."""
    schema = resolve(schema)
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    kind = kinds[schema["type"]]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        wrong.append(f"{where}: {value!r} is no {schema['type']}")
        return
    for key, limit in schema.items():
        if key == "minimum" and value < limit or key == "maximum" and value > limit:
            wrong.append(f"{where}: {value} is beyond {key} {limit}")
        elif key == "pattern" and not re.search(limit, value):
            wrong.append(f"{where}: {value!r} is not {limit}")
        elif key == "enum" and value not in limit:
            wrong.append(f"{where}: {value!r} is none of {limit}")
        elif key in ("maxItems", "minItems") and (len(value) - limit) * (1 if key[1] == "a" else -1) > 0:
            wrong.append(f"{where}: {len(value)} items")
        elif key == "items":
            for i, item in enumerate(value):
                check_schema(item, limit, f"{where}[{i}]")
        elif key == "required":
            wrong.extend(f"{where}: {name} is missing" for name in limit if name not in value)
        elif key == "properties":
            for name, item in value.items():
                if name not in limit:
                    wrong.append(f"{where}: {name} is not in the file")
                else:
                    check_schema(item, limit[name], f"{where}.{name}")
        elif key not in ("type", "description", "format", "minimum", "maximum", "pattern", "enum",
                         "maxItems", "minItems"):
            sys.exit(f"openapi.py does not know {key}")


def template_of(target):
    path = target.split("?")[0]
    for template in API["paths"]:
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return template
    return None


class Relay:
    def __init__(self, folder, **settings):
        os.mkdir(folder)
        self.config = os.path.join(folder, "relay.ini")
        address = os.path.join(folder, "address")
        with open(self.config, "w", encoding="ascii") as out:
            out.write(f"[relay]\nlisten = 127.0.0.1:0\nstate = {folder}/state\n")
            out.writelines(f"{key} = {value}\n" for key, value in settings.items())
        self.process = subprocess.Popen([MEDVEIL, "relay", "--quiet", "--config", self.config,
                                         "--address-file", address], stdout=subprocess.DEVNULL)
        for _ in range(300):
            if os.path.exists(address):
                break
            time.sleep(0.1)
        with open(address, encoding="ascii") as f:
            url, key = f.read().strip().split("#")
        self.port = int(url.rsplit(":", 1)[1])
        import base64
        self.key = base64.urlsafe_b64decode(key + "=")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def stop(self):
        self.process.terminate()
        if self.process.wait(30) != 0:
            wrong.append("a relay does not end well")

    def ask(self, method, target, body=None, headers=None, proof=None, length=True):
        """One request; its status, headers and body, checked against the file."""
        headers = dict(headers or {})
        if proof is not None:
            nonce = bytes.fromhex(self.ask("GET", "/v1/challenge")[2]["nonce"])
            owner, epoch = proof
            headers["Authorization"] = owner.proof(epoch, self.key, nonce, method, target)
        c = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=60)
        c.putrequest(method, target, skip_accept_encoding=True)
        if length and (body is not None or method in ("PUT", "POST")):
            headers["Content-Length"] = str(len(body or b""))
        for name, value in headers.items():
            c.putheader(name, value)
        c.endheaders()
        if body:
            c.send(body)
        reply = c.getresponse()
        data = reply.read()
        c.close()
        return reply.status, reply.headers, self.check(method, target, reply, data)

    def check(self, method, target, reply, data):
        template = template_of(target)
        if template is None:
            return data
        operation = API["paths"][template].get(method.lower())
        if operation is None:
            if reply.status not in (404, 405):
                wrong.append(f"{method} {template} is not in the file, but answered {reply.status}")
            return data
        where = f"{method} {template} {reply.status}"
        answer = operation["responses"].get(str(reply.status))
        if answer is None:
            if reply.status not in (403, 429, 500, 503):
                wrong.append(f"{where}: not in the file")
            seen.add((template, method.lower(), "default"))
            answer = operation["responses"]["default"]
        seen.add((template, method.lower(), str(reply.status)))
        content = resolve(answer).get("content", {})
        kind = (reply.headers["Content-Type"] or "").split(";")[0]
        if not content:
            if data:
                wrong.append(f"{where}: a body where none is promised")
            return data
        if kind not in content:
            wrong.append(f"{where}: content type {kind!r}")
            return data
        if kind.endswith("json"):
            value = json.loads(data)
            check_schema(value, content[kind]["schema"], where)
            return value
        return data


def expect(relay, wanted, method, target, **more):
    status, headers, body = relay.ask(method, target, **more)
    if status != wanted:
        wrong.append(f"{method} {target[:60]}: {status} instead of {wanted}: {body!r}")
    return headers, body


def bundle(*files):
    return b"".join(bytes.fromhex(blake(f)) + len(f).to_bytes(4, "little") + f for f in files)


def operators(relay):
    for target in ("/healthz", "/readyz", "/metrics", "/v1/challenge"):
        expect(relay, 200, "GET", target)
    expect(relay, 404, "GET", "/nothing")
    headers, _ = expect(relay, 405, "POST", "/healthz", body=b"x")
    if headers["Allow"] != "GET":
        wrong.append("405 without Allow")


def files(relay, box, owner):
    data = b"sealed bytes"
    target, name = f"{box}/files/{blake(data)}", blake(data)
    expect(relay, 411, "PUT", target, length=False)
    expect(relay, 201, "PUT", target, body=data)
    expect(relay, 200, "PUT", target, body=data)
    expect(relay, 412, "PUT", target, body=data, headers={"If-None-Match": "*"})
    expect(relay, 422, "PUT", target[:-1] + ("0" if target[-1] != "0" else "1"), body=data)
    expect(relay, 413, "PUT", target, body=bytes(1 << 20))
    far = re.sub(r"/mailboxes/\d+/", "/mailboxes/1/", target)
    expect(relay, 422, "PUT", far, body=data)
    expect(relay, 401, "GET", f"{box}/files?after=0")
    _, listing = expect(relay, 200, "GET", f"{box}/files?after=0", proof=owner)
    if [f["file"] for f in listing["files"]] != [name]:
        wrong.append(f"the list is {listing}")
    start = time.time()
    expect(relay, 200, "GET", f"{box}/files?after=1&wait=1", proof=owner)
    if not 0.9 < time.time() - start < 10:
        wrong.append("a list with wait=1 does not wait for a second")
    expect(relay, 401, "GET", target)
    _, got = expect(relay, 200, "GET", target, proof=owner)
    _, rest = expect(relay, 206, "GET", target, proof=owner, headers={"Range": "bytes=7-"})
    if got != data or rest != data[7:]:
        wrong.append("other bytes come back")
    expect(relay, 416, "GET", target, proof=owner, headers={"Range": "bytes=12-"})
    expect(relay, 404, "GET", f"{box}/files/{'0' * 64}", proof=owner)
    expect(relay, 401, "DELETE", target)
    expect(relay, 204, "DELETE", target, proof=owner)
    expect(relay, 404, "DELETE", target, proof=owner)


def receipts(relay, box, owner):
    data = b"another"
    target = f"{box}/files/{blake(data)}"
    expect(relay, 201, "PUT", target, body=data)
    expect(relay, 404, "GET", target + "/receipt")
    expect(relay, 401, "PUT", target + "/receipt", body=b"r")
    expect(relay, 411, "PUT", target + "/receipt", proof=owner)
    expect(relay, 411, "PUT", target + "/receipt", length=False, proof=owner)
    expect(relay, 413, "PUT", target + "/receipt", body=bytes(4097), proof=owner)
    expect(relay, 404, "PUT", f"{box}/files/{'0' * 64}/receipt", body=b"r", proof=owner)
    expect(relay, 201, "PUT", target + "/receipt", body=b"r", proof=owner)
    expect(relay, 200, "PUT", target + "/receipt", body=b"r", proof=owner)
    expect(relay, 409, "PUT", target + "/receipt", body=b"other", proof=owner)
    _, got = expect(relay, 200, "GET", target + "/receipt")
    if got != b"r":
        wrong.append("another receipt comes back")


def offer(relay, box, data, wanted=201, name=None):
    body = json.dumps({"file": name or blake(data), "bytes": len(data)}).encode()
    return expect(relay, wanted, "POST", f"{box}/uploads", body=body)[1]


def parts(relay, box):
    data = bytes(range(256)) * 1024  # four blocks
    expect(relay, 411, "POST", f"{box}/uploads", length=False)
    expect(relay, 400, "POST", f"{box}/uploads", body=b"{}")
    expect(relay, 413, "POST", f"{box}/uploads", body=bytes(5000))
    expect(relay, 422, "POST", re.sub(r"/mailboxes/\d+/", "/mailboxes/1/", box) + "/uploads",
           body=b"{}")
    first = "/v1/uploads/" + offer(relay, box, data)["upload"]
    second = "/v1/uploads/" + offer(relay, box, data)["upload"]
    none = "/v1/uploads/" + "0" * 64
    expect(relay, 411, "PUT", first + "?offset=0", length=False)
    expect(relay, 400, "PUT", first + "?offset=0", body=b"x")
    expect(relay, 416, "PUT", first + f"?offset={4 * BLOCK}", body=b"x")
    expect(relay, 404, "PUT", none + "?offset=0", body=b"x")
    c = http.client.HTTPSConnection("127.0.0.1", relay.port, context=relay.context)
    c.putrequest("PUT", first + "?offset=0")
    c.putheader("Content-Length", str((64 << 20) + BLOCK))
    c.endheaders()
    reply = c.getresponse()
    relay.check("PUT", first + "?offset=0", reply, reply.read())
    c.close()
    expect(relay, 204, "PUT", first + f"?offset={2 * BLOCK}", body=data[2 * BLOCK:])
    expect(relay, 409, "POST", first)
    _, runs = expect(relay, 200, "GET", first)
    if runs != {"bytes": len(data), "have": [[2 * BLOCK, 4 * BLOCK]]}:
        wrong.append(f"the runs are {runs}")
    for upload in (first, second):
        expect(relay, 204, "PUT", upload + "?offset=0", body=data)
    expect(relay, 201, "POST", first)
    expect(relay, 200, "POST", second)
    expect(relay, 404, "POST", first)
    offer(relay, box, data, 200)
    bad = "/v1/uploads/" + offer(relay, box, b"y" * 100, name="1" * 64)["upload"]
    expect(relay, 204, "PUT", bad + "?offset=0", body=b"y" * 100)
    expect(relay, 422, "POST", bad)
    gone = "/v1/uploads/" + offer(relay, box, b"z")["upload"]
    expect(relay, 204, "DELETE", gone)
    expect(relay, 404, "DELETE", gone)
    expect(relay, 404, "GET", gone)


def bundles(relay, box):
    target = f"{box}/bundle"
    expect(relay, 411, "POST", target, length=False)
    expect(relay, 400, "POST", target, body=b"short")
    expect(relay, 400, "POST", target, body=bundle(b"one") + b"x")
    expect(relay, 413, "POST", target, body=None, headers={"Content-Length": str(17 << 20)},
           length=False)
    expect(relay, 422, "POST", re.sub(r"/mailboxes/\d+/", "/mailboxes/1/", target), body=b"x")
    wrong_hash = b"\1" * 32 + (3).to_bytes(4, "little") + b"abc"
    _, got = expect(relay, 200, "POST", target,
                    body=bundle(b"one", b"two", b"one") + wrong_hash + bundle(bytes(200000)))
    if got["results"] != [201, 201, 200, 422, 413]:
        wrong.append(f"the results are {got['results']}")


def streams(relay, box, owner):
    data = b"a live stream"
    target = f"{box}/streams"
    expect(relay, 400, "POST", target, body=b"x")
    expect(relay, 422, "POST", re.sub(r"/mailboxes/\d+/", "/mailboxes/1/", target))
    expect(relay, 401, "GET", target + "?after=0")
    name = expect(relay, 201, "POST", target)[1]["upload"]
    grow, read = f"/v1/streams/{name}", f"{target}/{name}"
    _, listing = expect(relay, 200, "GET", target + "?after=0&wait=1", proof=owner)
    if listing["files"]:
        wrong.append(f"a stream without a byte is listed: {listing}")
    expect(relay, 204, "GET", read + "?offset=0", proof=owner)
    expect(relay, 411, "PUT", grow + "?offset=0", length=False)
    expect(relay, 409, "PUT", grow + "?offset=1", body=b"x")
    expect(relay, 413, "PUT", grow + "?offset=0", body=bytes(300001))
    expect(relay, 404, "PUT", f"/v1/streams/{'0' * 64}?offset=0", body=b"x")
    expect(relay, 204, "PUT", grow + "?offset=0", body=data[:6])
    _, listing = expect(relay, 200, "GET", target + "?after=0&wait=1", proof=owner)
    if [(s["file"], s["bytes"]) for s in listing["files"]] != [(name, 6)]:
        wrong.append(f"the streams are {listing}")
    expect(relay, 204, "PUT", grow + "?offset=2", body=data[2:])
    expect(relay, 401, "GET", read + "?offset=0")
    _, got = expect(relay, 200, "GET", read + "?offset=2", proof=owner)
    if got != data[2:]:
        wrong.append(f"the stream has {got!r}")
    expect(relay, 416, "GET", read + "?offset=14", proof=owner)
    expect(relay, 404, "GET", f"{target}/{'0' * 64}?offset=0", proof=owner)
    _, runs = expect(relay, 200, "GET", grow)
    if runs != {"bytes": len(data), "have": [[0, len(data)]]}:
        wrong.append(f"the runs are {runs}")
    end = json.dumps({"file": blake(data), "bytes": len(data)}).encode()
    expect(relay, 411, "POST", grow, length=False)
    expect(relay, 400, "POST", grow, body=b"{}")
    expect(relay, 413, "POST", grow, body=bytes(5000))
    expect(relay, 409, "POST", grow, body=json.dumps({"file": blake(data), "bytes": 5}).encode())
    expect(relay, 201, "POST", grow, body=end)
    expect(relay, 200, "POST", grow, body=end)
    expect(relay, 404, "GET", grow)
    expect(relay, 404, "DELETE", grow)
    expect(relay, 404, "POST", f"/v1/streams/{'0' * 64}", body=end)
    headers, offer_ = expect(relay, 303, "GET", read + "?offset=13", proof=owner)
    if offer_ != json.loads(end) or headers["Location"] != f"{box}/files/{blake(data)}":
        wrong.append(f"the stream became {offer_} at {headers['Location']}")
    expect(relay, 204, "DELETE", f"{box}/files/{blake(data)}", proof=owner)
    expect(relay, 404, "GET", read + "?offset=13", proof=owner)
    bad = "/v1/streams/" + expect(relay, 201, "POST", target)[1]["upload"]
    expect(relay, 204, "PUT", bad + "?offset=0", body=b"other bytes!!")
    expect(relay, 422, "POST", bad, body=end)
    gone = "/v1/streams/" + expect(relay, 201, "POST", target)[1]["upload"]
    expect(relay, 204, "DELETE", gone)
    expect(relay, 404, "GET", gone)


class Key(mailbox.Owner):
    """A gallery's key: not blinded, of no epoch."""

    def factor(self, epoch):
        return 1


def medveil(work, *arguments):
    subprocess.run([MEDVEIL, *arguments], cwd=work, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, env=dict(os.environ, MEDVEIL_HOME=work + "/home"))


def vectors(path, rows):
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 128), }" % rows
    head += " " * (-(10 + len(head) + 1) % 64) + "\n"
    with open(path, "wb") as out:
        out.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
        out.write(struct.pack(f"<{128 * rows}f", *[(7 * i % 31) - 15 for i in range(128 * rows)]))


def material(work):
    """Messages that the program makes, from the folder of a gallery and from its files."""
    vectors(work + "/v.npy", 1)
    vectors(work + "/w.npy", 2)
    holder = ("--vectors", "-i", "a.id", "--collection", "c.mv")
    medveil(work, "keygen", "-o", "a.id")
    medveil(work, "collection", "new", "-i", "a.id", "-o", "c.mv")
    made = {}
    medveil(work, "gallery", "new", *holder, "--gallery", "packed")
    medveil(work, "gallery", "add", *holder, "--gallery", "packed", "v.npy")
    with open(work + "/packed/group-00000000.mvsr", "rb") as f:
        made["packed"] = f.read()
    with open(work + "/packed/keys.mvsr", "rb") as f:
        made["keys"] = f.read()
    os.mkdir(work + "/models")
    for name, more in (("open", ()), ("hidden", ("--private",))):
        medveil(work, "model", "export-head", "--vectors", "--weights", "w.npy", "--class", "a",
                "--class", "b", *more, "-o", f"models/{name}.mvc")
        medveil(work, "classify", "query", *holder, *more, "v.npy", "-o", name + ".query")
        with open(f"{work}/{name}.query", "rb") as f:
            made[name] = f.read()
        with open(f"{work}/models/{name}.mvc", "rb") as f:
            made[name + " hash"] = blake(f.read())
    medveil(work, "classify", "key", *holder, "-o", "mask")
    with open(work + "/mask", "rb") as f:
        made["mask"] = f.read()
    return made


def kind(message, number, drop=0):
    """A stored group as another message: the kind, and without its count of rows."""
    return message[:5] + bytes([number]) + message[6:56] + message[56 + drop:]


def refused(relay, method, target, me, body, most, bad=True):
    """What every request with a body is refused for."""
    expect(relay, 411, method, target, length=False)
    if most < 1 << 20:
        expect(relay, 413, method, target, body=bytes(most + 1))
    else:  # the relay does not wait for it
        expect(relay, 413, method, target, headers={"Content-Length": str(most + 1)}, length=False)
    expect(relay, 401, method, target, body=b"x")
    if bad:
        expect(relay, 400, method, target, body=body, proof=me)


def galleries(relay, made):
    me, sender, stranger = ((Key(bytes([n] * 32)), 0) for n in (1, 2, 3))
    g, none = (f"/v1/galleries/{k[0].public.hex()}" for k in (me, stranger))
    box = f"/v1/mailboxes/0/{me[0].public.hex()}"
    upload, group = kind(made["packed"][:56], 3) + bytes(56832), kind(made["packed"], 4)
    query = kind(made["packed"], 5, 4)
    one = (1).to_bytes(4, "little")
    other = group[:8] + bytes(16) + group[24:]
    keys = sender[0].public + made["keys"]
    refused(relay, "PUT", g + "/keys", me, keys[:-1], len(keys))
    expect(relay, 201, "PUT", g + "/keys", body=keys, proof=me)
    refused(relay, "PUT", g + "/mask", me, b"x", len(made["mask"]))
    row = g + "/rows/" + "1" * 64
    refused(relay, "PUT", row, sender, b"x", len(upload))
    expect(relay, 404, "PUT", none + "/rows/" + "1" * 64, body=upload, proof=stranger)
    expect(relay, 401, "PUT", row, body=upload, proof=stranger)
    expect(relay, 404, "POST", g + "/search", body=query, proof=me)
    expect(relay, 201, "PUT", row, body=upload, proof=sender)
    expect(relay, 200, "PUT", row, body=upload, proof=sender)
    expect(relay, 409, "PUT", g + "/rows/" + "2" * 64, body=upload[:8] + bytes(16) + upload[24:],
           proof=sender)
    target = g + "/groups"
    refused(relay, "POST", target, me, b"xxxx", 4 + 64 * 32 + len(group))
    expect(relay, 401, "POST", target, body=b"x", proof=sender)
    expect(relay, 404, "POST", none + "/groups", body=one + bytes([9] * 32) + group, proof=stranger)
    expect(relay, 201, "POST", target, body=one + bytes([9] * 32) + group, proof=me)
    expect(relay, 200, "POST", target, body=one + bytes([9] * 32) + group, proof=me)
    expect(relay, 409, "POST", target, body=one + bytes([8] * 32) + other, proof=me)
    refused(relay, "POST", g + "/search", me, b"x", len(query))
    _, reply = expect(relay, 200, "POST", g + "/search", body=query, proof=me)
    if len(reply) != 64 + 50208:
        wrong.append(f"a reply has {len(reply)} bytes")
    expect(relay, 409, "POST", g + "/search", body=query[:8] + bytes(16) + query[24:], proof=me)
    expect(relay, 401, "GET", g + "/records?after=0")
    expect(relay, 404, "GET", none + "/records?after=0", proof=stranger)
    _, records = expect(relay, 200, "GET", g + "/records?after=0", proof=me)
    if len(records) % 48 or records[16:48] != bytes([17] * 32):
        wrong.append("the records are not those of the rows")
    expect(relay, 401, "GET", g + "/parts/0")
    expect(relay, 200, "GET", g + "/parts/0", proof=me)
    expect(relay, 404, "GET", g + "/parts/2", proof=me)
    expect(relay, 401, "DELETE", row, proof=sender)
    expect(relay, 204, "DELETE", row, proof=me)
    expect(relay, 404, "DELETE", row, proof=me)
    repack(relay, g, box, me, stranger, one + bytes([9] * 32) + group, len(records) // 48 + 1)
    for _ in range(8):
        relay.ask("POST", g + "/search", body=query, proof=me)
    expect(relay, 403, "POST", g + "/search", body=query, proof=me)
    classify(relay, g, me, made)


def repack(relay, g, box, me, stranger, groups, count):
    target, name = g + "/repack", bytes.fromhex(blake(groups))
    refused(relay, "POST", target, me, b"x", 40)
    body = count.to_bytes(8, "little") + name
    expect(relay, 404, "POST", target, body=body, proof=me)
    expect(relay, 401, "PUT", f"{box}/files/{name.hex()}", body=groups, proof=stranger)
    expect(relay, 201, "PUT", f"{box}/files/{name.hex()}", body=groups, proof=me)
    expect(relay, 409, "POST", target, body=bytes(8) + name, proof=me)
    expect(relay, 204, "POST", target, body=body, proof=me)
    _, records = expect(relay, 200, "GET", g + "/records?after=0", proof=me)
    if len(records) != 48:
        wrong.append("a repacked gallery has other rows")


def classify(relay, g, me, made):
    _, models = expect(relay, 200, "GET", "/v1/models")
    if sorted(m["name"] for m in models["models"]) != ["hidden", "open"]:
        wrong.append(f"the models are {models}")
    public, hidden = (g + "/classify/" + made[name + " hash"] for name in ("open", "hidden"))
    refused(relay, "POST", public, me, b"x", len(made["hidden"]))
    expect(relay, 404, "POST", g + "/classify/" + "0" * 64, body=b"x", proof=me)
    expect(relay, 200, "POST", public, body=made["open"], proof=me)
    expect(relay, 409, "POST", public, proof=me,
           body=made["open"][:24] + bytes(32) + made["open"][56:])
    expect(relay, 424, "POST", hidden, body=made["hidden"], proof=me)
    expect(relay, 201, "PUT", g + "/mask", body=made["mask"], proof=me)
    expect(relay, 200, "POST", hidden, body=made["hidden"], proof=me)
    expect(relay, 403, "POST", hidden, body=made["hidden"], proof=me)


def main():
    owner = mailbox.Owner(bytes([9] * 32))
    relays = []
    with tempfile.TemporaryDirectory() as work:
        try:
            a = Relay(work + "/a", max_file_bytes=300000, mailbox_quota_bytes=1 << 20)
            relays.append(a)
            operators(a)
            epoch = a.ask("GET", "/v1/epochs")[2]["epoch"]
            me = (owner, epoch)
            box = f"/v1/mailboxes/{epoch}/{owner.tag(epoch).hex()}"
            files(a, box, me)
            receipts(a, box, me)
            parts(a, box)
            e = Relay(work + "/e", max_file_bytes=300000)
            relays.append(e)
            streams(e, box, me)
            tight = Relay(work + "/f", max_file_bytes=5 << 20, mailbox_quota_bytes=(5 << 20))
            relays.append(tight)
            grow = "/v1/streams/" + expect(tight, 201, "POST", box + "/streams")[1]["upload"]
            for i in range(5):
                expect(tight, 204, "PUT", grow + f"?offset={i * 800000}", body=bytes(800000))
            expect(tight, 507, "PUT", grow + "?offset=4000000", body=bytes(800000))
            small = Relay(work + "/g", max_file_bytes=1 << 20, mailbox_quota_bytes=1 << 20)
            relays.append(small)
            expect(small, 507, "POST", box + "/streams")
            bundles_box = f"/v1/mailboxes/{epoch}/{'a' * 64}"
            offer(a, box, bytes(300001), 413)
            full = f"/v1/mailboxes/{epoch}/{'b' * 64}"
            for i in range(4):
                data = bytes([i]) * 250000
                expect(a, 201, "PUT", f"{full}/files/{blake(data)}", body=data)
            data = b"!" * 250000
            expect(a, 507, "PUT", f"{full}/files/{blake(data)}", body=data)
            offer(a, full, data, 507)
            b = Relay(work + "/b", anonymous_send="no", metrics_from="192.0.2.1",
                      max_file_bytes=100000)
            relays.append(b)
            bundles(b_open(work, relays), bundles_box)
            expect(b, 404, "GET", "/metrics")
            for method, end in (("PUT", "/files/" + blake(b"x")), ("POST", "/uploads"),
                                ("POST", "/bundle")):
                expect(b, 401, method, box + end, body=b"x")
            expect(b, 401, "POST", box + "/streams")
            expect(b, 201, "PUT", f"{box}/files/{blake(b'x')}", body=b"x", proof=me)
            c = Relay(work + "/c", requests_per_minute=3)
            relays.append(c)
            limited(c, box)
            made = material(work)
            g = Relay(work + "/galleries", models=work + "/models", searches_per_key=8,
                      private_queries_per_key=1)
            relays.append(g)
            galleries(g, made)
            off = Relay(work + "/off", galleries="no")
            relays.append(off)
            expect(off, 403, "PUT", f"/v1/galleries/{'0' * 64}/keys", body=b"x")
            expect(off, 403, "PUT", f"/v1/mailboxes/0/{'0' * 64}/files/{blake(b'x')}", body=b"x")
        finally:
            for relay in relays:
                relay.stop()
    everything = {(path, method, status) for path, item in API["paths"].items()
                  for method, operation in item.items() for status in operation["responses"]
                  if status != "default"}
    wrong.extend(f"never seen: {' '.join(s)}" for s in sorted(everything - seen))
    print(f"{len(everything)} answers promised, {len(everything & seen)} seen, {len(wrong)} wrong")
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


def b_open(work, relays):
    """For bundles: anybody may send, files are small."""
    relay = Relay(work + "/d", max_file_bytes=100000)
    relays.append(relay)
    return relay


def limited(relay, box):
    """The fourth request within a minute is refused; one more of each operation shows default."""
    for _ in range(3):
        expect(relay, 200, "GET", "/healthz")
    headers, _ = expect(relay, 429, "GET", "/healthz")
    if int(headers["Retry-After"]) not in range(1, 61):
        wrong.append("429 without a useful Retry-After")
    expect(relay, 429, "PUT", f"{box}/files/{blake(b'x')}", body=b"x")


main()
