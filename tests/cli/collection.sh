#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A collection key: made, handed to others, used, replaced.
. "$(dirname "$0")/lib.sh"
people
image scan.png 32 32
expect 0 keygen -o carol.id
carol=$(cat "$out")

step 'a holder makes it and names others; everybody in it sees who they are'
expect 0 collection new -i alice.id -r bob.id.card -o trial.mv
expect 0 collection add trial.mv -i bob.id -r carol.id.card
expect 0 collection show trial.mv -i carol.id
prints "$carol"
[ "$(wc -l <"$out")" = 3 ] || fail 'three holders are shown'

step 'images are sealed under it by any holder, for anybody'
for who in alice carol; do
    expect 0 encrypt -s $who.id -r bob.id.card --collection trial.mv scan.png -o $who.mv
    expect 0 decrypt -i bob.id --from $who.id.card $who.mv -o $who.png
    same scan.png $who.png
done

step 'a holder who is left out does not get the next key, and old files still open'
expect 0 collection rotate trial.mv -i alice.id --remove carol.id.card --json
is generation 'v == 2'
expect 12 collection show trial.mv -i carol.id
expect 12 encrypt -s carol.id -r bob.id.card --collection trial.mv scan.png -o late.mv
absent late.mv
expect 0 encrypt -s bob.id -r carol.id.card --collection trial.mv scan.png -o late.mv
expect 0 decrypt -i bob.id carol.mv -o old.png
same scan.png old.png

step 'what cannot be'
expect 2 encrypt -r bob.id.card --collection trial.mv scan.png -o x.mv
expect 1 encrypt -s bob.id -r bob.id.card --collection alice.mv scan.png -o x.mv
expect 12 collection add trial.mv -i carol.id -r carol.id.card
expect 1 collection add trial.mv -i alice.id -r bob.id.card
expect 10 collection rotate trial.mv -i alice.id --remove carol.id.card
expect 2 decrypt -i bob.id trial.mv -o x.png
cp trial.mv changed.mv
flip changed.mv 3000
expect 13 collection show changed.mv -i bob.id
absent x.mv
