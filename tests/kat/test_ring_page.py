#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ring's vectors printed in docs/formats/he.md, computed here from their definitions with plain
integers and complex numbers. argument: the source folder; --print: print the lines of the page"""

import cmath
import os
import sys

N = 16


def smallest_root(q):
    return next(x for x in range(2, q) if pow(x, N, q) == q - 1)


def bit_reverse(k):
    return int(format(k, "04b")[::-1], 2)


def transform():
    q = 97
    a = [k * k + 3 * k + 1 for k in range(N)]
    psi = smallest_root(q)
    return [sum(a[i] * pow(psi, (2 * bit_reverse(k) + 1) * i, q) for i in range(N)) % q
            for k in range(N)]


def bfv_slots():
    """The polynomial modulo t = 97 whose slots are 1, 2, .., 16."""
    t = 97
    psi = smallest_root(t)
    point = [pow(psi, pow(3, j, 2 * N), t) for j in range(N // 2)]
    point += [pow(x, -1, t) for x in point]
    # m_k = 1/N sum of value * point^-k, because the points are all odd powers of psi
    return [sum((j + 1) * pow(point[j], -k, t) for j in range(N)) * pow(N, -1, t) % t
            for k in range(N)]


def ckks_slots():
    """The polynomial whose slots are 2^20 ((j + 1) + i (j^2 - 3)) / 8, rounded."""
    coefficient = []
    for k in range(N):
        total = 0
        for j in range(N // 2):
            zeta = cmath.exp(1j * cmath.pi * (pow(3, j, 2 * N) * k % (2 * N)) / N)
            total += 2 * (complex(j + 1, j * j - 3) / 8 * zeta.conjugate()).real
        coefficient.append(round(total / N * 2 ** 20))
    return coefficient


def rotation():
    """0 .. 15 under X -> X^3, modulo 97."""
    out = [0] * N
    for k in range(N):
        e = 3 * k % (2 * N)
        out[e % N] = k if e < N else -k % 97
    return out


def division():
    """Numbers modulo 17 * 97 * 113 divided by 113 to nearest: their residues modulo 17 and 97."""
    numbers = [0, 56, 57, -56, -57, 1000, -1000, 93168]
    quotient = [(2 * x + 113) // 226 for x in numbers]
    return [r % 17 for r in quotient] + [r % 97 for r in quotient]


LINES = [transform(), bfv_slots(), ckks_slots(), rotation(), division()]


def main():
    if "--print" in sys.argv:
        for line in LINES:
            print(" ".join(map(str, line)))
        return
    with open(os.path.join(sys.argv[1], "docs", "formats", "he.md"), encoding="utf-8") as f:
        page = f.read()
    missing = [line for line in LINES if f"| {' '.join(map(str, line))} |" not in page]
    if missing:
        sys.exit(f"not in docs/formats/he.md: {missing}")
    print("all vectors of the ring in docs/formats/he.md agree")


main()
