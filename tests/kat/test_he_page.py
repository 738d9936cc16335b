#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The vectors printed in docs/formats/he.md are those of tools/reference/he.py, which opens its own
objects. argument: the source folder"""

import contextlib
import io
import os
import re
import sys

sys.dont_write_bytecode = True
ROOT = sys.argv[1]
sys.path.insert(0, os.path.join(ROOT, "tools", "reference"))
import he  # noqa: E402


def main():
    with open(os.path.join(ROOT, "docs", "formats", "he.md"), encoding="utf-8") as f:
        page = f.read()
    flat = page.replace("`", " ").replace(",", "").replace("41 0c 0f", "410c0f")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        he.print_vectors()
    missing = []
    for line in printed.getvalue().splitlines():
        for word in line.split()[1:]:
            parts = re.findall(".{1,32}", word) if len(word) > 64 else [word]
            missing += [part for part in parts if part not in flat]
    if missing:
        sys.exit(f"not in docs/formats/he.md: {' '.join(missing)}")
    key, mask, error = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
    features = [1, 2, 3, 4, 255, 6]
    whole = he.encrypt(key, "pack4096", 8, 1, features, mask, error)
    if he.unpack_features(key, whole) != features:
        sys.exit("he.py does not open what it made")
    for wrong in (whole[:-1], whole + b"\0", whole[:48] + b"\xff" * 13):
        try:
            he.unpack_features(key, wrong)
        except he.FormatError:
            continue
        sys.exit("he.py opens a damaged object")
    print("all vectors of docs/formats/he.md agree")


main()
