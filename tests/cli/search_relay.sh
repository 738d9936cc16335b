#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A gallery at a relay: archived by a holder and by a sender who reads nothing, searched from
# another terminal with an image that it does not hold, and everything that can go wrong on the way.
. "$(dirname "$0")/lib.sh"
people
expect 0 collection new -i alice.id -o ward.mv
expect 0 collection new -i alice.id -o other.mv

relay_ini 'searches_per_key = 12'
start_relay
alice="-i alice.id --collection ward.mv --relay $url"

step 'before the keys are there the message names the command that uploads them'
for n in 1 2 3 4 5 6; do expect 0 phantom --seed $n -o p$n.png; done
expect 10 search $alice p1.png
says 'medveil gallery new --relay URL'
expect 0 gallery new $alice
prints 'ward.gallery.pub'
absent ward.gallery
only address alice.id alice.id.card bob.id bob.id.card other.mv p1.png p2.png p3.png p4.png p5.png p6.png relay.ini ward.gallery.check ward.gallery.pub ward.mv
expect 1 gallery new $alice

step 'an empty gallery says so'
expect 10 search $alice p1.png

step 'the holder archives images encrypted; the relay keeps the sealed files beside the rows'
mkdir sealed
expect 0 encrypt -s alice.id -r alice.id.card p1.png p2.png p3.png -o sealed
expect 0 gallery add $alice --sealed sealed p1.png p2.png p3.png
[ "$(wc -l <"$out")" = 3 ] || fail 'each row has a line'
expect 1 gallery add $alice --sealed sealed p1.png
says 'in the gallery already'

step 'a sender with the public key archives one more, from a folder that holds nothing else'
mkdir ../sender
cp ward.gallery.pub p4.png alice.id.card bob.id ../sender/
cd ../sender
mkdir sealed
expect 0 encrypt -s bob.id -r alice.id.card p4.png -o sealed/p4.png.mv
expect 0 gallery add --public ward.gallery.pub --relay "$url" --sealed sealed p4.png
four=$(cut -d' ' -f1 "$out")
cd ../here

step 'another terminal, with nothing but identity and collection, finds the right neighbours'
mkdir ../terminal
cp alice.id ward.mv p2.png ../terminal/
cd ../terminal
expect 0 search p2.png -i alice.id --relay "$url" --collection ward.mv --top 10 --json
[ "$(wc -l <"$out")" = 4 ] || fail 'all four rows are in the answer'
says 'not checked'
cd ../here
two=$(grep ' p2.png' ward.gallery.names | cut -d' ' -f1)
head -n 1 "$out" | grep -q "\"id\":\"$two\"" || fail 'the image itself comes first'

step 'the holder checks the rows that it knows, and learns the one of the sender from its image'
expect 0 search p4.png $alice --top 1 --json
is id "v == '$four'"
is checked 'not v'
expect 0 gallery learn $alice
prints "$four"
expect 0 search p4.png $alice --top 1 --json
is checked 'v'
expect 0 gallery learn $alice
[ ! -s "$out" ] || fail 'there is nothing more to learn'

step 'the neighbours are fetched in a fixed number, in any order, and shown on a page'
expect 0 search p2.png $alice --top 2 --fetch found --html page.html
[ "$(ls found | wc -l)" = 2 ] || fail 'the two neighbours stay, the others were fetched for nothing'
[ "$(grep -c 'data:image/bmp' page.html)" = 3 ] || fail 'query and two neighbours are shown'

step 'a removed row is in no answer, and repacking drops it'
expect 0 gallery remove $alice "$two"
expect 10 gallery remove $alice "$two"
says 'not in the gallery'
expect 0 gallery repack $alice
expect 0 search p2.png $alice --json
grep -q "$two" "$out" && fail 'the removed row is gone'
is checked 'v'
[ "$(wc -l <"$out")" = 3 ] || fail 'three rows are left'

step 'a relay that starts again has kept all of it'
stop_relay
start_relay
alice="-i alice.id --collection ward.mv --relay $url"
expect 0 search p3.png $alice --top 1 --json
is name 'v == "p3.png"'
is checked 'v'

step 'collections are kept apart'
expect 10 search p3.png -i alice.id --collection other.mv --relay "$url"
expect 0 gallery new -i alice.id --collection other.mv --relay "$url"
expect 0 gallery add -i alice.id --collection other.mv --relay "$url" p5.png
expect 0 search p3.png -i alice.id --collection other.mv --relay "$url" --json
[ "$(wc -l <"$out")" = 1 ] || fail 'the other gallery has one row'
expect 12 search p3.png -i bob.id --collection ward.mv --relay "$url"

step 'who is no member adds nothing, and a sender only adds'
"$MEDVEIL" gallery remove --public ward.gallery.pub --relay "$url" "$four" >"$out" 2>"$err" && fail 'no option for that'
expect 0 gallery add --public ward.gallery.pub --relay "$url" p6.png
expect 2 gallery add --public other.gallery.pub --collection ward.mv --relay "$url" p6.png

step 'a relay that goes back to an older gallery is found out'
cp ward.gallery.check newer.check
expect 0 gallery add $alice p5.png
stop_relay
cp -r "$work/state" "$work/newer"
start_relay
alice="-i alice.id --collection ward.mv --relay $url"
expect 0 gallery add $alice p6.png
stop_relay
rm -r "$work/state"
mv "$work/newer" "$work/state"
start_relay
alice="-i alice.id --collection ward.mv --relay $url"
expect 13 search p6.png $alice

step 'each key has so many questions'
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
    "$MEDVEIL" search p5.png -i alice.id --collection other.mv --relay "$url" >"$out" 2>"$err" || break
done
expect 14 search p5.png -i alice.id --collection other.mv --relay "$url"
says 'as many questions as this relay answers'

step 'neither the log nor the audit log names rows, people or files'
grep -E "$four|p4.png|alice|ward" "$work/log/relay" && fail "the log names nothing"
grep -E "p4.png|alice|ward" "$work/state/audit.log" && fail "the audit log names no people"
expect 0 audit verify "$work/state/audit.log"

step 'a relay classifies with models that its operator put there, public and private'
stop_relay
mkdir models
python3 - <<'PY'
import random, struct
own = random.Random(5)
head = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 128), }"
head += " " * (-(10 + len(head) + 1) % 64) + "\n"
with open("w.npy", "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
    file.write(struct.pack("<384f", *[own.gauss(0, 1) for _ in range(384)]))
PY
expect 0 model export-head --weights w.npy --class a --class b --class c -o models/open.mvc
expect 0 model export-head --weights w.npy --class a --class b --class c --private -o models/hidden.mvc
printf 'models = %s/here/models\nprivate_queries_per_key = 2\n' "$work" >>relay.ini
start_relay
alice="-i alice.id --collection ward.mv --relay $url"
expect 2 classify p1.png $alice
says '2 models'
expect 10 classify p1.png $alice --classifier other
expect 0 classify p1.png $alice --classifier open --json
cp "$out" answered
expect 0 classify plain --classifier models/open.mvc p1.png --json
same "$out" answered
expect 14 classify p1.png $alice --classifier hidden
says 'classify key --relay URL'
expect 0 classify key $alice
expect 0 classify p1.png $alice --classifier hidden --json
cp "$out" answered
expect 0 classify plain --classifier models/hidden.mvc p1.png --json
same "$out" answered
expect 0 classify p2.png $alice --classifier hidden
expect 14 classify p3.png $alice --classifier hidden
says 'as many questions'
