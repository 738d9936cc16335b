#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""metrics_reference: PSNR, RMSE and SSIM straight from their definitions, slowly.

It prints the constants of tests/unit/test_metrics.c. Nothing is shared with the C code: SSIM sums
the two-dimensional 11x11 window at every position, with exact summation. The images are integer
formulas that both sides compute.
"""

import math

WINDOW, SIGMA = 11, 1.5


def pair(width, height, channels, depth, bits):
    """Two images as lists of samples, in the order of mv_image; the second is a disturbed first."""
    top = (1 << bits) - 1
    first, second = [], []
    for i in range(depth * height * width * channels):
        x = i // channels % width
        y = i // (channels * width) % height
        wave = (x * x * 3 + y * y * 5 + 37 * (i % channels) + 11 * (i // (channels * width * height)))
        value = wave * 2654435761 // 4096 % (top + 1) if (x // 4 + y // 3) % 3 == 0 else wave * (top // 200) % (top + 1)
        noise = (i * i * 7 + i * 13) % 31 - 15
        first.append(value)
        second.append(min(top, max(0, value + noise * (top // 255))))
    return first, second


def window():
    line = [math.exp(-((i - WINDOW // 2) ** 2) / (2 * SIGMA**2)) for i in range(WINDOW)]
    total = sum(line) ** 2
    return [[a * b / total for b in line] for a in line]


def ssim_plane(a, b, width, height):
    """Mean over all positions of the window inside the plane; a[y][x], b[y][x] in [0, 1]."""
    weight = window()
    c1, c2 = 0.01**2, 0.03**2
    values = []
    for top in range(height - WINDOW + 1):
        for left in range(width - WINDOW + 1):
            taps = [(weight[v][u], a[top + v][left + u], b[top + v][left + u])
                    for v in range(WINDOW) for u in range(WINDOW)]
            mx = math.fsum(w * p for w, p, _ in taps)
            my = math.fsum(w * q for w, _, q in taps)
            vx = math.fsum(w * (p - mx) ** 2 for w, p, _ in taps)
            vy = math.fsum(w * (q - my) ** 2 for w, _, q in taps)
            cov = math.fsum(w * (p - mx) * (q - my) for w, p, q in taps)
            values.append((2 * mx * my + c1) * (2 * cov + c2)
                          / ((mx * mx + my * my + c1) * (vx + vy + c2)))
    return math.fsum(values) / len(values)


def measure(width, height, channels, depth, bits):
    first, second = pair(width, height, channels, depth, bits)
    top = float((1 << bits) - 1)
    mse = math.fsum((p - q) ** 2 for p, q in zip(first, second)) / len(first)
    planes = []
    for z in range(depth):
        for c in range(channels):
            def plane(samples):
                return [[samples[((z * height + y) * width + x) * channels + c] / top
                         for x in range(width)] for y in range(height)]
            planes.append(ssim_plane(plane(first), plane(second), width, height))
    return (10 * math.log10(top * top / mse), math.sqrt(mse) / top,
            math.fsum(planes) / len(planes), max(abs(p - q) for p, q in zip(first, second)))


for shape in ((24, 17, 1, 1, 8), (11, 11, 1, 1, 8), (19, 26, 3, 2, 8), (33, 15, 1, 3, 16)):
    psnr, rmse, ssim, worst = measure(*shape)
    print("    {%d, %d, %d, %d, %d, %.12f, %.14f, %.12f, %d}," % (*shape, psnr, rmse, ssim, worst))
