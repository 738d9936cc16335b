#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A folder becomes one sealed file and comes back as it was: all of it or nothing.
. "$(dirname "$0")/lib.sh"
people
mkdir -p exam/series1/deep exam/none exam/.hidden
image exam/series1/a.png 40 30
image exam/series1/deep/b.16.png 20 20 2
cp exam/series1/a.png exam/series1/A.png
cp exam/series1/a.png 'exam/series1/wrongly named.nii'
printf 'what the technician wrote' >exam/notes.txt
: >exam/empty
printf 'x' >exam/.hidden/.file
printf 'umlaut' >"exam/$(printf 'ro\314\210ntgen')" # decomposed, as some systems write it
files=8

same_tree() { # A B: the same files with the same bytes; folders without a file do not count
    for side in "$1" "$2"; do
        (cd "$side" && find . -type f -exec sha256sum {} + | sort) >"$work/log/tree-${side##*/}"
    done
    cmp -s "$work/log/tree-${1##*/}" "$work/log/tree-${2##*/}" || fail "$1 and $2 hold the same files"
}

step 'a folder is one sealed file; what is no image travels whole and is named'
expect 0 encrypt -s alice.id -r bob.id.card exam -o exam.mv
says "a study of $files files"
says 'exam/notes.txt is not an image that medveil knows: it travels whole, without features'
says 'exam/empty is empty: it travels whole'
says 'folders without a file are not carried: 1'
[ "$(grep -c 'travels whole' "$err")" = 4 ] || fail 'four files are no images'

step 'it comes back with its folders, into a new folder that appears at once'
expect 0 decrypt -i bob.id --from alice.id.card exam.mv -o back --json
[ "$(wc -l <"$out")" = $files ] || fail 'a JSON line for each file'
same_tree exam back
expect 0 verify -i bob.id exam.mv
prints "bit-identical: $files/$files"
expect 0 inspect -i bob.id exam.mv
prints 'series1/deep/b.16.png'

step 'JSON has a line for each member and one for the study'
expect 0 encrypt -r bob.id.card exam/ -o again.mv --json
[ "$(wc -l <"$out")" = $((files + 1)) ] || fail 'a line for each member and one for the study'
is members "v == $files"
head -n 1 "$out" | grep -q '"member":".hidden/.file".*"image":false' || fail 'members come in the order of their names'

step 'of a study with --reconstruct, what is no image comes as it is'
mkdir mixture
cp exam/series1/a.png exam/notes.txt mixture
expect 0 encrypt -r bob.id.card --features mixture -o mixture.mv
expect 0 decrypt -i bob.id mixture.mv --reconstruct -o rebuilt
same exam/notes.txt rebuilt/notes.txt
differ exam/series1/a.png rebuilt/a.png
says 'wrote rebuilt/notes.txt: the exact file'
expect 0 encrypt -r bob.id.card --lossy exam/series1 -o lossy.mv
expect 15 verify -i bob.id lossy.mv
prints 'bit-identical: 0/4'

step 'nothing is overwritten, and hidden files go into a new folder only'
expect 14 decrypt -i bob.id exam.mv -o back
expect 0 encrypt -r bob.id.card exam/series1 -o series.mv
expect 1 decrypt -i bob.id series.mv -o back/series1
says 'exists already'
same_tree exam back
printf 'mine' >back/series1/a.png
printf 'mine too' >back/series1/mine.txt
expect 0 decrypt -i bob.id series.mv -o back/series1 --force
same exam/series1/a.png back/series1/a.png
[ "$(cat back/series1/mine.txt)" = 'mine too' ] || fail '--force leaves other files alone'
expect 1 decrypt -i bob.id series.mv -o back/notes.txt/sub
expect 1 decrypt -i bob.id series.mv -o back/notes.txt
[ "$(cat back/notes.txt)" = 'what the technician wrote' ] || fail 'a file is not replaced by a folder'

step 'a link in the way is not followed'
mkdir elsewhere trap
ln -s "$work/here/elsewhere" trap/deep
expect 1 decrypt -i bob.id series.mv -o trap --force
[ -z "$(ls -A elsewhere)" ] || fail 'nothing was written through the link'

step 'several inputs: folders keep their names; several outputs: a sealed file for each folder'
expect 0 encrypt -r bob.id.card exam/series1 exam/notes.txt exam/.hidden -o mixed.mv
expect 0 decrypt -i bob.id mixed.mv -o mixed
same exam/series1/deep/b.16.png mixed/series1/deep/b.16.png
same exam/notes.txt mixed/notes.txt
same exam/.hidden/.file mixed/.hidden/.file
expect 0 encrypt -r bob.id.card exam/series1/ exam/series1/deep -o sealed/
expect 0 decrypt -i bob.id sealed/series1.mv -o one
same_tree exam/series1 one

step 'what cannot be carried is refused before anything is sealed'
mkdir linked nothing piped
ln -s ../exam/notes.txt linked/notes.txt
mkfifo piped/queue
expect 2 encrypt -r bob.id.card linked -o bad.mv
says 'symbolic link'
expect 2 encrypt -r bob.id.card piped -o bad.mv
expect 10 encrypt -r bob.id.card nothing -o bad.mv
mkdir odd
printf x >"odd/$(printf 'back\\slash')"
expect 2 encrypt -r bob.id.card odd -o bad.mv
expect 1 encrypt -r bob.id.card --lossy exam -o bad.mv
says 'without --lossy the file travels whole'
absent bad.mv

step 'a changed byte gives no folder at all, and an interruption leaves none'
cp exam.mv changed.mv
flip changed.mv $(($(size_of exam.mv) / 2))
expect 13 decrypt -i bob.id changed.mv -o changed
absent changed
mkdir large
/usr/bin/python3 -c 'import os
for i in range(3000): open("large/%04d" % i, "wb").write(os.urandom(3000))'
expect 0 encrypt -r bob.id.card large -o large.mv
"$MEDVEIL" decrypt -i bob.id large.mv -o interrupted >"$out" 2>"$err" &
pid=$!
tries=0
until ls -d interrupted.part.* >/dev/null 2>&1 || [ "$tries" = 400 ]; do
    tries=$((tries + 1))
    sleep 0.01
done
kill -INT "$pid"
code=0
wait "$pid" || code=$?
[ "$code" = 130 ] || fail "an interrupted decrypt ends with 130, not $code"
! ls -d interrupted* >/dev/null 2>&1 || fail 'an interruption leaves nothing behind'

step 'a study through a relay, opened on arrival'
relay_ini
start_relay
expect 0 send exam.mv --to "$url" -r bob.id.card
expect 0 receive --from "$url" -i bob.id -o inbox --open
says "$files files"
same inbox/*.mv exam.mv
for folder in inbox/*/; do same_tree exam "$folder"; done

step 'a CT with its volume goes the whole way: sealed, sent, received, verified, opened, bit for bit'
expect 0 phantom --kind ct --size 96x80 --depth 2 --type i16 -o volume.npy
/usr/bin/python3 "$scripts/make_series.py" volume.npy 6 ward
expect 0 phantom --kind ct --size 64x64 --depth 5 --type i16 -o ward/volume.nii
expect 0 phantom --kind xray --size 50x50 --type u16 -o ward/thorax.png
study=$(find ward -type f | wc -l)
expect 0 encrypt -s bob.id -r alice.id.card ward -o ward.mv --resize 64x64
expect 0 send ward.mv --to "$url" -r alice.id.card
expect 0 receive --from "$url" -i alice.id -o arrived
expect 0 verify -i alice.id arrived/*.mv
prints "bit-identical: $study/$study"
expect 0 decrypt -i alice.id --from bob.id.card arrived/*.mv -o opened
same_tree ward opened
