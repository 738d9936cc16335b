#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# train: from folders to a model that the program uses; killed and resumed; wrong input.
. "$(dirname "$0")/lib.sh"

step 'some small pictures, as two data sets, one with its own split'
mkdir -p one/train/a one/val two
for seed in 1 2 3; do
    image one/train/a/p$seed.png 60 50 $seed
    image two/q$seed.png 64 64 $((seed + 10))
done
image one/val/v.png 60 50 9

train() { # CODE ARGUMENT...: a run of few small steps that would take long for many
    wanted=$1
    shift
    expect "$wanted" train --table onednn --threads 1 --batch 1 --patch 8 --validate-images 1 "$@"
}

step 'a run leaves a model, a checkpoint and a curve'
train 0 --data one --data two --steps 4 --validate-every 2 --seed 3 -o a.mvm
says 'one: 3 images to train on, 1 to validate'
says 'one image in ten validates'
[ -s a.mvm ] && [ -s a.mvm.ckpt ] && [ -s a.mvm.ckpt.csv ] && [ -s a.mvm.ckpt.svg ] || fail 'all four files are there'
grep -q '^step,seconds,rate,loss,one_psnr_db,two_psnr_db$' a.mvm.ckpt.csv || fail 'the curve has a column for each set'
[ "$(wc -l <a.mvm.ckpt.csv)" = 3 ] || fail 'the curve has a line for each validation'

step 'the same seed gives the same model, another seed another one'
train 0 --data one --data two --steps 4 --validate-every 2 --seed 3 -o b.mvm
train 0 --data one --data two --steps 4 --validate-every 2 --seed 4 -o c.mvm
same a.mvm b.mvm
differ a.mvm c.mvm

step 'after kill -9 a run goes on to the same model'
"$MEDVEIL" train --table onednn --threads 1 --batch 1 --patch 8 --validate-images 1 --data one --data two \
    --steps 4 --validate-every 1 --seed 3 -o d.mvm >"$out" 2>"$err" &
pid=$!
while [ ! -e d.mvm.ckpt ] && kill -0 $pid 2>/dev/null; do sleep 0.02; done
kill -9 $pid 2>/dev/null || true
wait $pid 2>/dev/null || true
rm -f d.mvm
train 0 --data one --data two --steps 4 --validate-every 1 --seed 3 -o d.mvm --resume
train 0 --data one --data two --steps 4 --validate-every 1 --seed 3 -o e.mvm
same d.mvm e.mvm

step 'the model encrypts and decrypts'
people
image p.png 32 32
expect 0 encrypt -s alice.id -r bob.id.card --lossy --model a.mvm p.png -o p.mv
expect 0 inspect p.mv

step 'each point of the curve is a JSON line'
train 0 --data one --steps 2 --validate-every 1 --json -o f.mvm
is step 'v == 2'
is score_db 'v > 0'

step 'every method trains, is installed and listed, encrypts and decrypts'
image scan.png 40 30
for m in bp lstm resnet gan; do
    # gan starts from the resnet that was installed before it
    expect 0 train --threads 1 --batch 1 --validate-images 1 --data one --steps 1 --patch 16 --model $m -o $m.mvm
    expect 0 model install $m.mvm
    rm $m.mvm
    expect 0 encrypt -s alice.id -r bob.id.card --model $m --features scan.png -o $m.mv --json
    is bytes_features 'v == 5 * 4 * 48' # 8x8 blocks, 48 bytes each
    expect 0 decrypt -i bob.id $m.mv --reconstruct -o $m.png
    expect 0 decrypt -i bob.id $m.mv -o exact.png --force
    same exact.png scan.png
done
expect 0 model list
for m in bp lstm resnet gan; do prints "$m "; done

step 'a block transform is a codec from its first step on, also with other bits and another set'
expect 0 encrypt -s alice.id -r bob.id.card --model resnet --bits 12 --he pack2048 scan.png -o r.mv
expect 0 decrypt -i bob.id r.mv --reconstruct -o r.png
expect 0 compare scan.png r.png --json
is psnr_db 'v > 20' # three small pictures teach it little about the ranges of others

step 'a disk that fills up while training ends with a sentence, and the last checkpoint stays'
cp f.mvm.ckpt full.mvm.ckpt
code=0
(trap '' XFSZ; ulimit -f 8; exec "$MEDVEIL" train --table onednn --threads 1 --batch 1 --patch 8 --validate-images 1 \
    --data one --steps 3 --resume -o full.mvm) >"$out" 2>"$err" </dev/null || code=$?
[ $code = 1 ] || fail "a full disk ends with 1 (it ended with $code)"
says 'full.mvm'
same f.mvm.ckpt full.mvm.ckpt
absent full.mvm

step 'what cannot work is refused with a sentence'
mkdir empty
train 10 --data empty --steps 1 -o x.mvm
train 10 --data nowhere --steps 1 -o x.mvm
train 2 --steps 1 -o x.mvm
train 2 --data one --steps 1
train 2 --data one --steps 1 --minutes 1 -o x.mvm
train 2 --data one --steps 1 --rate fast -o x.mvm
train 2 --data one --steps 1 --model unheard-of -o x.mvm
train 2 --data one --steps 1 --patch 9 -o x.mvm
train 2 --data one --steps 1 --patch 16 --model gan --from a.mvm -o x.mvm
says 'other layers'
train 10 --data one --steps 1 --patch 16 --model gan --from nowhere -o x.mvm
train 1 --data one --steps 1 -o a.mvm
says 'exists already'
train 10 --data one --steps 1 --resume -o x.mvm
train 10 --data one --origins mine --steps 1 -o x.mvm
head -c 100 a.mvm.ckpt >x.mvm.ckpt
train 1 --data one --data two --steps 9 --resume -o x.mvm
train 2 --data one --steps 9 --resume --force -o a.mvm
says 'other images'
rm x.mvm.ckpt
mkdir only
: >only/broken.png
code=0
"$MEDVEIL" train --data only --steps 1 -o x.mvm >"$out" 2>"$err" || code=$?
[ $code = 10 ] || fail "with nothing but a broken image it ends with 10 (it ended with $code)"
says 'there is no image to train on'
absent x.mvm
absent x.mvm.ckpt

step 'an image that cannot be read is named and left out, and makes the exit code 15'
: >one/train/a/broken.png
code=0
"$MEDVEIL" train --table onednn --threads 1 --batch 1 --patch 8 --validate-images 1 --data one --steps 1 -o x.mvm \
    >"$out" 2>"$err" || code=$?
[ $code = 15 ] || fail "training ends with 15 (it ended with $code)"
says 'one/train/a/broken.png is left out'
says '1 image could not be read'
[ -s x.mvm ] || fail 'the model is there'

step 'origins choose the training images'
rm one/train/a/broken.png
printf 'name\tset\tsplit\torigin\np1.png\tone\ttrain\topen-a\np2.png\tone\ttrain\tclosed\np3.png\tone\ttest\topen-b\n' >manifest.tsv
train 0 --data one --origins 'free,open-*' --steps 1 -o g.mvm
says 'one: 1 images to train on, 1 to validate'
says '2 images left out'
