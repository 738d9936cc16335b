#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test_he_dump: every operation of slot sets and packed ones, dumped by our code and decrypted by the twin.

usage: test_he_dump HE_DUMP SOURCE_ROOT
The twin shares nothing with the C code: big integers, no transform. A changed value must be noticed by
both, and a broken file must end with exit code 2.
"""

import os
import subprocess
import sys
import tempfile

SETS = {"bfv": ["score4096", "private8192"], "ckks": ["real8192", "deep8192"]}
OPS = ["fresh", "public", "add", "mul", "rotate", "rescale"]
PACKED = ["pack4096", "pack2048", "pack1024"]
REFUSED = [("bfv", "pack4096", "mul"), ("bfv", "add4096", "fresh"), ("bfv", "real8192", "fresh"),
           ("ckks", "score4096", "fresh"), ("ckks", "pack4096", "fresh"), ("bfv", "pack512", "fresh")]


def check_with_c(he_dump, text):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
        f.write(text)
        f.flush()
        run = subprocess.run([he_dump, "--check", f.name], capture_output=True, text=True)
    return run.returncode, run.stdout.strip()


def dump(he_dump, scheme, name, op, check=True):
    command = [he_dump, "--scheme", scheme, "--set", name, "--op", op, "--seed", "7"]
    return subprocess.run(command, capture_output=True, text=True, check=check)


def main():
    he_dump, root = sys.argv[1:3]
    sys.path.insert(0, os.path.join(root, "tools", "reference"))
    import he
    faults = []
    cases = [("bfv", name, op) for name in PACKED for op in OPS[:3]]
    for scheme, sets in SETS.items():
        for number, name in enumerate(sets):
            cases += [(scheme, name, op) for op in (OPS if number == 0 else ["mul"])]
    for scheme, name, op in cases:
        text = dump(he_dump, scheme, name, op).stdout
        if not he.check_dump(text, 4):
            faults.append(f"the twin disagrees on {name} {op}")
        if check_with_c(he_dump, text) != (0, "agree"):
            faults.append(f"he_dump disagrees with itself on {name} {op}")
    for scheme, name, op in REFUSED:
        run = dump(he_dump, scheme, name, op, check=False)
        if run.returncode != 2 or run.stdout or run.stderr.count("\n") != 1:
            faults.append(f"{scheme} {name} {op} is not refused with one sentence")
    head, _, tail = text.partition("expect 64 ")
    wrong = head + "expect 64 7.5 " + tail.split(" ", 1)[1]
    if he.check_dump(wrong, 4) or check_with_c(he_dump, wrong) != (1, "WRONG"):
        faults.append("a changed value is not noticed")
    first, second = text.split("primes ", 1)[1].split()[1:3]
    repeated = text.replace(f" {first} {second}", f" {first} {first}", 1)
    for broken in ("", "hedump 2\n", text[:len(text) // 2], text.replace("poly 0 0 ", "poly 0 0 -"),
                   text.replace("scheme ckks\n", ""), repeated):
        if check_with_c(he_dump, broken)[0] != 2:
            faults.append(f"a broken dump of {len(broken)} characters is not refused")
    print("\n".join(faults) or "he_dump: every dump agrees with the twin")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
