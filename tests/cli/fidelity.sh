#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a picture lost that travels without its original: measured by the sender, told by the receiver.
. "$(dirname "$0")/lib.sh"
people
image scan.png 96 80

step 'the record says what compare says of the picture that comes back'
expect 0 encrypt -s alice.id -r bob.id.card --lossy scan.png -o scan.mv
expect 0 decrypt -i bob.id scan.mv -o back.png --json
python3 - "$out" >told <<'EOF' || fail 'decrypt tells no record'
import json, sys
f = json.load(open(sys.argv[1]))['fidelity']
assert f['familiar'] is True and f['worst_tile']['psnr_db'] <= f['psnr_db'] and f['worst_tile']['side'] == 16
assert f['scores'] is None or 0 <= f['scores']['drift'] <= 1
print(f['max_error'], f['psnr_db'], f['range'])
EOF
read -r max_error psnr range <told
expect 0 compare scan.png back.png --json
is max_abs_error "v == $max_error"
is psnr_db "abs(v - $psnr + 20 * __import__('math').log10($range / 255)) < 1e-6"

step 'decrypt and inspect tell it in words'
expect 0 decrypt -i bob.id scan.mv -o back.png -f
grep -q 'back.png: PSNR .* dB, greatest error .* worst tile .* says the sender' "$err" || fail 'decrypt says nothing of the loss'
expect 0 inspect -i bob.id scan.mv
grep -q '^  fidelity    PSNR' "$out" || fail 'inspect says nothing of the loss'

step 'a picture unlike those the model knows is called so'
python3 - <<'EOF'
import random, struct
random.seed(1)
head = "{'descr': '|u1', 'fortran_order': False, 'shape': (64, 64), }"
head += ' ' * (117 - len(head)) + '\n'
open('noise.npy', 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(head)) + head.encode() +
                              bytes(random.randrange(256) for _ in range(64 * 64)))
EOF
expect 0 encrypt -r bob.id.card --lossy-anyway noise.npy -o noise.mv
expect 0 decrypt -i bob.id noise.mv -o noise.png
grep -q 'Below 30 dB: a picture unlike those the model knows' "$err" || fail 'noise is called familiar'

step 'its exact bytes travel too, unless it is meant, and both sides say why'
expect 0 encrypt -r bob.id.card --lossy noise.npy -o kept.mv
says 'noise.npy is unlike the pictures that the model knows, so its exact bytes travel too; --lossy-anyway'
expect 0 decrypt -i bob.id kept.mv -o kept.npy
says 'its exact bytes came along since the model does not know such pictures'
same noise.npy kept.npy

step 'compact mode compares a picture with those of training, whatever its quality'
"$MEDVEIL" phantom --size 224x224 -o large.png 2>"$err" || fail 'phantom'
python3 - <<'EOF'
import random, struct
random.seed(2)
side = 192
def npy(name, pixel):
    head = "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, %d), }" % (side, side)
    head += ' ' * (117 - len(head)) + '\n'
    open(name, 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(head)) + head.encode() +
                           bytes(pixel(x, y) for y in range(side) for x in range(side)))
# lines of made-up letters, 5 x 7 dots each, black on white
glyph = [[[random.random() < .5 for _ in range(5)] for _ in range(7)] for _ in range(26)]
page = [[random.randrange(26) for _ in range(side // 6)] for _ in range(side // 11)]
def text(x, y):
    line, row, letter, column = y // 11, y % 11, x // 6, x % 6
    ink = row < 7 and column < 5 and line < len(page) and glyph[page[line][letter]][row][column]
    return 0 if ink else 255
npy('text.npy', text)
npy('loud.npy', lambda x, y: random.randrange(256))
npy('board.npy', lambda x, y: 255 * ((x // 16 + y // 16) % 2))
EOF
for quality in 20 90; do
    expect 0 encrypt -r bob.id.card --lossy --compact --quality $quality large.png -o large.mv -f --json
    is fidelity 'v["familiar"] is True and 0 < v["unlikeness"] < 1'
    is kept_exact 'v == 0'
    for strange in text loud board; do
        expect 0 encrypt -r bob.id.card --lossy --compact --quality $quality $strange.npy -o $strange.mv -f --json
        is fidelity 'v["familiar"] is False and v["unlikeness"] > 1'
        is kept_exact 'v == 1'
    done
done
expect 0 decrypt -i bob.id text.mv -o back.npy
says 'its exact bytes came along'
same text.npy back.npy
expect 0 inspect -i bob.id text.mv
prints 'A picture unlike those the model knows: '
expect 0 decrypt -i bob.id large.mv -o large-back.png
says 'like those of training (0.'
expect 0 encrypt -r bob.id.card --lossy-anyway --compact text.npy -o anyway.mv --json
is kept_exact 'v == 0'
expect 0 decrypt -i bob.id anyway.mv -o anyway.npy
says 'A picture unlike those the model knows: '
expect 0 inspect -i bob.id anyway.mv --json
is inside 'v["exact"]["kept"] is False'

step 'of a picture with too few blocks there is no verdict'
expect 0 encrypt -r bob.id.card --lossy --compact scan.png -o few.mv --json
is fidelity 'v["unlikeness"] is None'

step 'an image that travels with its original has no such record'
expect 0 encrypt -r bob.id.card --features scan.png -o exact.mv
expect 0 decrypt -i bob.id exact.mv --reconstruct -o net.png --json
is fidelity 'v is None'

step 'of a resized picture the record is about the resized one'
expect 0 encrypt -r bob.id.card --lossy --resize 48x40 scan.png -o small.mv
expect 0 inspect -i bob.id small.mv --json
python3 - "$out" <<'EOF' || fail 'the worst tile lies outside the picture'
import json, sys
t = json.load(open(sys.argv[1]))['inside']['fidelity']['worst_tile']
assert t['x'] < 48 and t['y'] < 40
EOF

step 'without an embedding there are no scores'
expect 0 encrypt -r bob.id.card --lossy --no-embedding scan.png -o plain.mv
expect 0 inspect -i bob.id plain.mv --json
python3 - "$out" <<'EOF' || fail 'scores without a head'
import json, sys
assert json.load(open(sys.argv[1]))['inside']['fidelity']['scores'] is None
EOF
