#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# encrypt and decrypt give back the very file, for every format, one or many, through pipes too.
. "$(dirname "$0")/lib.sh"
people

step 'each kind of image comes back byte for byte'
for name in gray.png deep.16.png colour.rgb.png array.npy volume.nii volume.nii.gz; do
    image "$name" 40 31
    expect 0 encrypt -s alice.id -r bob.id.card "$name" -o sealed.mv
    expect 0 decrypt -i bob.id --from alice.id.card sealed.mv -o "back.$name"
    same "$name" "back.$name"
    rm sealed.mv "back.$name"
done

step 'a JPEG comes back byte for byte'
expect 0 phantom -o photo.jpg --size 48x32
expect 0 encrypt -s alice.id -r bob.id.card photo.jpg -o sealed.mv
expect 0 decrypt -i bob.id sealed.mv -o back.jpg
same photo.jpg back.jpg
rm sealed.mv back.jpg

step 'the smallest and odd sizes too'
for size in '1 1' '1 7' '3 2' '33 17'; do
    # shellcheck disable=SC2086 -- two numbers
    image odd.png $size
    expect 0 encrypt -s alice.id -r bob.id.card odd.png -o odd.mv --force
    expect 0 decrypt -i bob.id odd.mv -o back.png --force
    same odd.png back.png
done
rm odd.png odd.mv back.png

step 'every recipient opens it; nobody else does'
expect 0 keygen -o carol.id
expect 0 encrypt -s alice.id -r bob.id.card -r carol.id.card gray.png -o both.mv
for who in bob carol; do
    expect 0 decrypt -i $who.id both.mv -o $who.png
    same gray.png $who.png
done
expect 12 decrypt -i alice.id both.mv -o alice.png
absent alice.png

step 'several files go into a folder and come back under their own names'
expect 0 encrypt -s alice.id -r bob.id.card gray.png array.npy volume.nii -o sealed
[ "$(ls sealed | wc -l)" = 3 ] || fail 'three sealed files are in the folder'
expect 0 decrypt -i bob.id sealed/* -o opened
for name in gray.png array.npy volume.nii; do same "$name" "opened/$name"; done
[ "$(ls -A opened | wc -l)" = 3 ] || fail 'the folder holds only the three files'

step 'verify says so'
expect 0 verify -i bob.id sealed/*
prints 'bit-identical: 3/3'

step 'pipes: - is standard input and output'
"$MEDVEIL" encrypt -s alice.id -r bob.id.card - -o - <gray.png 2>"$err" >piped.mv || fail 'encrypt - -o - works'
"$MEDVEIL" decrypt -i bob.id - -o - <piped.mv 2>"$err" >piped.png || fail 'decrypt - -o - works'
same gray.png piped.png

step 'sealing twice gives different bytes'
expect 0 encrypt -s alice.id -r bob.id.card gray.png -o one.mv
expect 0 encrypt -s alice.id -r bob.id.card gray.png -o two.mv
differ one.mv two.mv

step 'a file without a sender is called anonymous when it is opened'
expect 0 encrypt -r bob.id.card gray.png -o anonymous.mv
expect 0 decrypt -i bob.id anonymous.mv -o a.png --json
is anonymous 'v is True'
expect 13 decrypt -i bob.id --from alice.id.card anonymous.mv -o b.png
absent b.png

step 'another extension holds the same samples'
expect 0 decrypt -i bob.id one.mv -o one.npy
expect 0 compare gray.png one.npy --json
is identical 'v is True'
