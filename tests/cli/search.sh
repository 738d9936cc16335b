#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A gallery of encrypted embeddings: made, filled by its holder and by a sender, searched, checked.
. "$(dirname "$0")/lib.sh"
people
expect 0 collection new -i alice.id -o ward.mv

for n in 1 2 3 4; do vector v$n.npy $n; done
vector near3.npy 3 0.2

step 'the holder makes a gallery and fills it; nobody else can read it'
expect 0 gallery new --vectors -i alice.id --collection ward.mv --gallery ward
prints ward.pub
expect 1 gallery new --vectors -i alice.id --collection ward.mv --gallery ward
[ "$(stat -c %a ward.check)" = 600 ] || fail 'the check is private'
expect 0 gallery add --vectors -i alice.id --collection ward.mv --gallery ward v1.npy v2.npy v3.npy
[ "$(wc -l <"$out")" = 3 ] || fail 'each row has a line'
three=$(tail -n 1 "$out" | cut -d' ' -f1)

step 'a new vector finds its neighbour, and the answer is checked'
expect 0 search --vectors -i alice.id --collection ward.mv --gallery ward --top 1 near3.npy --json
is name 'v == "v3.npy"'
is checked 'v'
is cosine '0.9 < v < 1'
expect 0 search --vectors -i alice.id --collection ward.mv --gallery ward v3.npy
prints '  1   1.00'
[ "$(wc -l <"$out")" = 3 ] || fail 'all rows are listed'

step 'a sender adds with the public key alone; the check vouches for the rows that it knows'
expect 0 gallery add --vectors --public ward.pub --gallery ward v4.npy
four=$(cut -d' ' -f1 "$out")
expect 0 search --vectors -i alice.id --collection ward.mv --gallery ward --top 1 v4.npy --json
is id "v == '$four'"
is checked 'not v'
expect 0 search --vectors -i alice.id --collection ward.mv --gallery ward v1.npy --top 1 --json
is checked 'v'

step 'a removed row is in no answer'
expect 0 gallery remove --gallery ward "$three"
expect 0 search --vectors -i alice.id --collection ward.mv --gallery ward v3.npy --json
grep -q "$three" "$out" && fail 'the removed row is gone'
expect 10 gallery remove --gallery ward "$three"

step 'nothing that belongs to an older gallery is overwritten'
touch third.check
expect 1 gallery new --vectors -i alice.id --collection ward.mv --gallery third
absent third
absent third.pub

step 'an outdated gallery is found out'
expect 0 gallery new --vectors -i alice.id --collection ward.mv --gallery small
expect 0 gallery add --vectors -i alice.id --collection ward.mv --gallery small v1.npy
mkdir old
cp small/* old/
expect 0 gallery add --vectors -i alice.id --collection ward.mv --gallery small v2.npy
rm -r small
mv old small
expect 13 search --vectors -i alice.id --collection ward.mv --gallery small v1.npy

step 'what cannot be'
expect 0 collection new -i bob.id -o other.mv
expect 12 search --vectors -i bob.id --collection ward.mv --gallery ward v1.npy
expect 2 search --vectors -i bob.id --collection other.mv --gallery ward v1.npy
says 'another collection'
expect 2 gallery add --vectors -i bob.id --collection other.mv --gallery ward v1.npy
says 'another collection'
expect 1 gallery new --vectors -i bob.id --collection other.mv --gallery ward
says 'name the new one'
cp ward.mv kept.mv
expect 0 collection rotate -i alice.id ward.mv # the key of before is revoked
expect 2 search --vectors -i alice.id --collection ward.mv --gallery ward v1.npy
says 'rotated since needs a new gallery'
mv kept.mv ward.mv
expect 2 gallery add --vectors -i alice.id --collection ward.mv --public ward.pub --gallery ward v1.npy
expect 10 gallery add --vectors -i alice.id --collection ward.mv v1.npy
expect 10 search --vectors -i alice.id --collection ward.mv v1.npy
expect 10 search --vectors -i alice.id --collection ward.mv --gallery nowhere v1.npy
says 'nowhere'
expect 2 gallery remove --gallery ward 12
image scan.png 32 32
expect 2 search --vectors -i alice.id --collection ward.mv --gallery ward scan.png
says '128 numbers'

step 'images are embedded by the head of the model; a new one of the same kind comes first'
for n in 1 2 3; do expect 0 phantom --seed $n -o p$n.png; done
expect 0 gallery new -i alice.id --collection ward.mv --gallery pictures
expect 0 gallery add -i alice.id --collection ward.mv --gallery pictures p1.png p2.png p3.png
expect 0 search -i alice.id --collection ward.mv --gallery pictures --top 1 p2.png --json
is name 'v == "p2.png"'
is checked 'v'
expect 2 search --vectors -i alice.id --collection ward.mv --gallery pictures v1.npy
says 'another collection or head'

step 'a page shows the query and those neighbours whose files are here and are theirs'
mkdir files
cp p1.png p2.png files/
cp p1.png files/p3.png
expect 0 search -i alice.id --collection ward.mv --gallery pictures p2.png --images files --html page.html
[ "$(stat -c %a page.html)" = 600 ] || fail 'the page is private'
[ "$(grep -c 'data:image/bmp' page.html)" = 3 ] || fail 'query and two neighbours are shown'
[ "$(grep -c 'no such image here' page.html)" = 1 ] || fail 'a file with other pixels is not shown'
grep -q '<script' page.html && fail 'a page has no scripts'
expect 1 search -i alice.id --collection ward.mv --gallery pictures p2.png --html page.html
says 'exists already'
[ ! -s "$out" ] || fail 'nothing is printed before'
expect 2 search -i alice.id --collection ward.mv --gallery pictures p2.png --images files
