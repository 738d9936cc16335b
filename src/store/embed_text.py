# SPDX-License-Identifier: Apache-2.0
"""embed_text.py: a text file as a C string in a header: embed_text.py IN OUT NAME."""
import sys

text = open(sys.argv[1], encoding="utf-8").read().splitlines()
with open(sys.argv[2], "w", encoding="utf-8") as out:
    out.write(f"static const char {sys.argv[3]}[] =\n")
    for line in text:
        escaped = line.replace("\\", "\\\\").replace('"', '\\"')
        out.write(f'    "{escaped}\\n"\n')
    out.write("    ;\n")
