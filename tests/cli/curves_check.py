# SPDX-License-Identifier: Apache-2.0
#
# curves_check.py: tables and pictures of eval --curves, computed again from its measured points.
#
#     curves_check.py FOLDER                         of one set, at its own size
#     curves_check.py FOLDER NUMBER PSNR WHOLE       point 50 of compact mode of that image of the set
import csv
import math
import struct
import sys
import zlib

CODECS = ['compact', 'sums by classes', 'JPEG', 'JPEG 2000', 'JPEG XL']
POINTS, FIELDS = 8, 7
LOW, HIGH = 34.0, 50.0


def items(folder):
    rows = {}
    for line in open(folder + '/curves.tsv').read().splitlines()[1:]:
        words = line.split()
        v = [float(x) for x in words[4:]]
        curve = {}
        for c, name in enumerate(CODECS):
            at = [3 + (c * POINTS + k) * FIELDS for k in range(POINTS)]
            curve[name] = [v[a:a + FIELDS] for a in at]
        rest = v[3 + len(CODECS) * POINTS * FIELDS:]
        rows[int(words[2])] = {'size': v[1] * v[2], 'curve': curve, 'target': rest[:FIELDS], 'lossless': rest[-13:-6], 'file': rest[-6:]}
    return rows


def front(points):
    """(PSNR, log rate), each better than the one before for more."""
    out = []
    for bytes_, psnr in sorted(((p[0], p[1]) for p in points), key=lambda p: p[1]):
        if bytes_ == 0 or math.isinf(psnr):
            continue
        while out and out[-1][1] >= math.log(bytes_):
            out.pop()
        if not out or psnr > out[-1][0]:
            out.append((psnr, math.log(bytes_)))
    return out


def interpolate(points):
    """Fritsch and Butland's curve, as a function."""
    x, y = [p[0] for p in points], [p[1] for p in points]
    n = len(x)
    h = [x[k + 1] - x[k] for k in range(n - 1)]
    s = [(y[k + 1] - y[k]) / h[k] for k in range(n - 1)]

    def end(h0, h1, s0, s1):
        d = ((2 * h0 + h1) * s0 - h0 * s1) / (h0 + h1)
        if d * s0 <= 0:
            return 0
        return 3 * s0 if s0 * s1 < 0 and abs(d) > 3 * abs(s0) else d

    d = [end(h[0], h[1], s[0], s[1])]
    for k in range(1, n - 1):
        a = (h[k - 1] + 2 * h[k]) / (3 * (h[k - 1] + h[k]))  # the weights of the book
        d.append(s[k - 1] * s[k] / (a * s[k] + (1 - a) * s[k - 1]) if s[k - 1] * s[k] > 0 else 0)
    d.append(end(h[-1], h[-2], s[-1], s[-2]))

    def value(at):
        k = max(j for j in range(n - 1) if x[j] <= at or j == 0)
        t = (at - x[k]) / h[k]
        c2 = (3 * s[k] - 2 * d[k] - d[k + 1]) / h[k]
        c3 = (d[k] + d[k + 1] - 2 * s[k]) / h[k] ** 2
        u = at - x[k]
        return y[k] + u * (d[k] + u * (c2 + u * c3)) if 0 <= t <= 1 + 1e-9 else math.nan

    return value


def bd_rate(tested, anchor, steps=4000):
    t, a = front(tested), front(anchor)
    low, high = max(LOW, t[0][0], a[0][0]), min(HIGH, t[-1][0], a[-1][0])
    assert high - low >= 3 and len(t) >= 4 and len(a) >= 4, (t, a)
    f, g = interpolate(t), interpolate(a)
    middle = [low + (k + 0.5) * (high - low) / steps for k in range(steps)]  # midpoints: no Simpson here
    return math.exp(sum(f(m) - g(m) for m in middle) / steps) - 1


def png(path):
    """Gray PNG of 8 bits -> width, pixels."""
    data, at, packed = open(path, 'rb').read(), 8, b''
    while at < len(data):
        length, kind = struct.unpack('>I4s', data[at:at + 8])
        if kind == b'IHDR':
            width, height, bits, colour = struct.unpack('>IIBB', data[at + 8:at + 18])
            assert (bits, colour) == (8, 0)
        packed += data[at + 8:at + 8 + length] if kind == b'IDAT' else b''
        at += 12 + length
    raw, out, above = zlib.decompress(packed), [], [0] * width
    for row in range(height):
        how, line, now = raw[row * (width + 1)], raw[row * (width + 1) + 1:(row + 1) * (width + 1)], []
        for k in range(width):
            left, up, corner = (now[k - 1] if k else 0), above[k], (above[k - 1] if k else 0)
            p = left + up - corner
            paeth = min((left, up, corner), key=lambda q: (abs(p - q), (left, up, corner).index(q)))
            now.append((line[k] + [0, left, up, (left + up) // 2, paeth][how]) & 255)
        out += now
        above = now
    return width, out


def psnr_of(a, b):
    return 10 * math.log10(255 ** 2 * len(a) / sum((x - y) ** 2 for x, y in zip(a, b)))


def near(found, wanted, slack):
    assert abs(float(found) - wanted) <= slack, (found, wanted)


def check_all(folder):
    rows = items(folder)
    page = open(folder + '/report.html').read()
    table = list(csv.DictReader(open(folder + '/tables.csv')))
    codecs = [c for c in CODECS if rows[0]['curve'][c][0][0] != 0]
    assert ('JPEG XL' in codecs) == ('compact against JPEG XL' in page)

    def row(**wanted):
        found = [r for r in table if all(r[k] == v for k, v in wanted.items())]
        assert len(found) == 1, (wanted, found)
        return found[0]

    # curves: more bytes with every setting, and a better picture
    for x in rows.values():
        for name in codecs:
            points = x['curve'][name]
            assert all(b[0] > a[0] for a, b in zip(points, points[1:])), (name, points)
            assert points[-1][1] > points[0][1] + 8, (name, points)
            assert all(p[2] >= 255 * 10 ** (-p[1] / 20) for p in points), 'no error is above the greatest'
            assert all(p[4] == 1 and 0 <= p[5] <= 1 and p[6] in (0, 1) for p in points), 'a head looked'
            assert any(p[5] > 0 for p in points), 'some score moved'
            assert all(p[3] <= p[1] + 1e-9 for p in points), 'the worst tile is no better than the image'
        near(x['target'][1], 42, 1.5)
        assert x['target'][1] >= 42
    mean = sum(8 * x['curve']['compact'][4][0] / x['size'] for x in rows.values()) / len(rows)
    near(row(table='decoded', codec='compact', setting='quality 50', figure='bits per pixel')['value'], mean, 1e-4)

    drift = [x['curve']['compact'][4][5] for x in rows.values()]
    for figure, value in [('mean', sum(drift) / len(drift)), ('greatest', max(drift))]:
        near(row(table='decoded', codec='compact', setting='quality 50', figure='score drift ' + figure)['value'],
             value, 1e-6)

    # at 42 dB, straight between the two points around it
    for name in codecs:
        harm = []
        for x in rows.values():
            points = x['curve'][name]
            for a, b in zip(points, points[1:]):
                if a[1] <= 42 < b[1]:
                    t = (42 - a[1]) / (b[1] - a[1])
                    harm.append((a[3] + t * (b[3] - a[3]), a[5] + t * (b[5] - a[5])))
        assert len(harm) == len(rows), (name, harm)
        for k, figure in enumerate(['worst tile dB', 'score drift']):
            near(row(table='at', codec=name, setting='42 dB', figure=figure)['value'],
                 sum(h[k] for h in harm) / len(harm), 1e-4)

    pixels = sum(x['size'] for x in rows.values())
    for k, coder in enumerate(['exact section', 'exact section, best', 'JPEG-LS', 'JPEG 2000', 'PNG', 'gzip'] +
                              ['JPEG XL'][:'JPEG XL' in codecs]):
        bits = 8 * sum(x['lossless'][k] for x in rows.values()) / pixels
        near(row(table='lossless', codec=coder, figure='bits per pixel')['value'], bits, 1e-4)
        assert 1 < bits < 9, (coder, bits)

    # Bjontegaard, all and each origin (north: the first two images, NoTumor)
    for origin, which in [('all', [0, 1, 2, 3]), ('north', [0, 1]), ('south', [2, 3])]:
        for tested, anchor in [('compact', c) for c in codecs if c not in ('compact', 'sums by classes')] + \
                [('sums by classes', 'compact')]:
            each = [bd_rate(rows[i]['curve'][tested], rows[i]['curve'][anchor]) for i in which]
            name = tested + ' against ' + anchor
            found = row(table='bd', origin=origin, codec=name, figure='BD-rate percent')
            assert int(found['count']) == len(which)
            near(found['value'], 100 * sum(each) / len(each), 0.01)
            near(row(table='bd', origin=origin, codec=name, figure='worst image percent')['value'],
                 100 * max(each), 0.01)

    # pictures: two images in the order of their worst tiles, each with maps of its errors
    order = sorted(rows, key=lambda i: rows[i]['target'][3])
    for which, said, i in [('median', 'Typical', order[len(order) // 2]), ('worst', 'Worst', order[0])]:
        assert '%s: image %d of the set' % (said, i + 1) in page
        base = '%s/figures/picture-brain-mri-%s-' % (folder, which)
        _, original = png(base + 'original.png')
        _, back = png(base + 'compact.png')
        _, map_ = png(base + 'errors-0.png')
        near(psnr_of(original, back), rows[i]['target'][1], 1e-6)
        assert map_ == [min(255, max(0, 128 + 8 * (b - a))) for a, b in zip(original, back)]
        _, other = png(base + 'JPEG-2000.png')
        near(psnr_of(original, other), 42, 0.5)
    assert page.count('src="data:image/png;base64,') == 2 * (1 + 2 * (len(codecs) - 2))
    assert page.count('<svg') == 1


def check_point(folder, number, psnr, whole):
    x = items(folder)[number - 1]
    near(psnr, x['curve']['compact'][4][1], 1e-6)
    stream, tags, padding, total = x['file'][:4]
    assert stream + tags == x['curve']['compact'][4][0] and tags == 16 and padding >= 0
    near(total, whole, 0)


if len(sys.argv) == 2:
    check_all(sys.argv[1])
else:
    check_point(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
