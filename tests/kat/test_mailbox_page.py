#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The test vector printed in docs/formats/wire.md, computed again without our library."""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import mailbox  # noqa: E402

EPOCH = 2951
owner = mailbox.Owner(bytes([7] * 32), bytes(i & 255 for i in range(1216)))
target = f"/v1/mailboxes/{EPOCH}/{owner.tag(EPOCH).hex()}/files?after=0"
proof = owner.proof(EPOCH, bytes(range(32)), bytes(range(32, 64)), "GET", target)
signature = proof.split(".")[2]
wanted = {
    "public key": owner.public.hex(),
    "mailbox secret": owner.secret.hex(),
    "h": owner.factor(EPOCH).to_bytes(32, "little").hex(),
    "tag": owner.tag(EPOCH).hex(),
    "signature": signature[:64],
    "signature, second half": signature[64:],
}
with open(os.path.join(ROOT, "docs", "formats", "wire.md"), encoding="utf-8") as f:
    page = f.read()
missing = [name for name, value in wanted.items() if f"`{value}`" not in page]
for name in missing:
    print(f"docs/formats/wire.md does not print the {name} {wanted[name]}")
sys.exit(1 if missing else 0)
