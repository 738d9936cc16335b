#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Several images in one sealed file: every one comes back, or none does.
. "$(dirname "$0")/lib.sh"
people
image one.png 40 30
image two.npy 20 20
image three.nii 16 16
expect 0 keygen -o archive.id

step 'several inputs and an output that ends in .mv make one sealed file'
expect 0 encrypt -s alice.id -r bob.id.card --archive archive.id.card one.png two.npy three.nii -o study.mv --json
is members 'v == 3'
is bytes_total "v == $(size_of study.mv)"
expect 0 inspect study.mv --json
is wraps 'v == 2'

step 'every image comes back byte for byte, for the archive too'
for who in bob archive; do
    expect 0 decrypt -i $who.id --from alice.id.card study.mv -o $who
    for name in one.png two.npy three.nii; do same "$name" "$who/$name"; done
    [ "$(ls -A $who | wc -l)" = 3 ] || fail 'the folder holds only the three files'
done

step 'the receiver is told of the archive'
expect 0 inspect -i bob.id study.mv
prints 'archive     mv1'
expect 0 encrypt -s alice.id -r bob.id.card one.png two.npy -o plain.mv
expect 0 inspect -i bob.id plain.mv
! grep -q archive "$out" || fail 'no archive is named where there is none'

step 'verify counts every image'
expect 0 verify -i bob.id study.mv plain.mv
prints 'bit-identical: 5/5'
expect 0 encrypt -s alice.id -r bob.id.card --lossy one.png two.npy -o lossy.mv
expect 15 verify -i bob.id study.mv lossy.mv
prints 'bit-identical: 3/5'

step 'the sealed bytes hold none of the names'
for word in one.png two.npy three.nii; do
    ! grep -aq "$word" study.mv || fail "the sealed bytes do not hold $word"
done

step 'a pipe is as good as a file, and a folder is none'
"$MEDVEIL" decrypt -i bob.id - -o piped <study.mv 2>"$err" || fail 'a study opens from a pipe'
same two.npy piped/two.npy
mkfifo queue
cat study.mv >queue &
expect 0 verify -i bob.id queue
wait
expect 1 inspect piped
says folder

step 'a changed byte anywhere gives no image at all'
length=$(size_of study.mv)
for offset in 1300 2500 $((length / 2)) $((length - 1)); do
    cp study.mv changed.mv
    flip changed.mv "$offset"
    code=0
    "$MEDVEIL" decrypt -i bob.id changed.mv -o changed >"$out" 2>"$err" || code=$?
    case $code in 12 | 13) ;; *) fail "a flipped bit at $offset is refused (exit code $code)" ;; esac
    absent changed
done

step 'an image is not replaced, and a study does not fit into a pipe'
expect 1 decrypt -i bob.id study.mv -o bob
expect 2 decrypt -i bob.id study.mv -o -

step 'one bad input, one name twice, or standard input among several: nothing is sealed'
mkdir other
cp two.npy other/one.png
expect 10 encrypt -s alice.id -r bob.id.card one.png none.png -o bad.mv
expect 2 encrypt -s alice.id -r bob.id.card one.png other/one.png -o bad.mv
expect 2 encrypt -s alice.id -r bob.id.card one.png - -o bad.mv
absent bad.mv

step 'a file of the trial format is refused with one clear sentence'
expect 1 decrypt -i bob.id "$scripts/../golden/format0.mv" -o trial.png
says 'format 0, which was for trials'
