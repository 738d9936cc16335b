#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Identities, cards, the card book.
. "$(dirname "$0")/lib.sh"

step 'keygen writes an identity only its owner can read, a card beside it, and prints mv1...'
expect 0 keygen -o alice.id
only alice.id alice.id.card
[ "$(stat -c %a alice.id)" = 600 ] || fail 'the identity has mode 600'
name=$(cat "$out")
case $name in mv1*) ;; *) fail 'stdout is the mv1 line' ;; esac
[ "$(wc -l <"$out")" = 1 ] || fail 'stdout is one line'

step 'the card shows the same line; the secret is not in the card'
expect 0 card show alice.id.card
prints "$name"
[ "$(size_of alice.id.card)" -lt 4096 ] || fail 'a card is a small file'

step 'an identity is not overwritten without --force'
cp alice.id before
expect 1 keygen -o alice.id
same alice.id before
expect 0 keygen --force -o alice.id
differ alice.id before
rm before

step 'an identity that others can read is refused by policy, with the command that mends it'
chmod 644 alice.id
image scan.png 16 16
expect 14 encrypt -s alice.id -r alice.id.card scan.png -o scan.mv
grep -q 'chmod' "$err" || fail 'the hint gives the chmod command'
absent scan.mv
chmod 600 alice.id

step 'the card book finds a card by its alias and by its mv1 line'
expect 0 keygen -o bob.id
bob=$(cat "$out")
expect 0 card add bob.id.card --alias bob
expect 0 card list
prints "$bob"
prints bob
expect 0 encrypt -s alice.id -r bob scan.png -o by-alias.mv
expect 0 encrypt -s alice.id -r "$bob" scan.png -o by-name.mv
for sealed in by-alias.mv by-name.mv; do
    expect 0 decrypt -i bob.id "$sealed" -o "$sealed.png"
    same scan.png "$sealed.png"
done

step 'an unknown person, a mistyped line and a changed card are refused'
expect 10 encrypt -s alice.id -r nobody scan.png -o x.mv
last=$(printf '%s' "$bob" | tail -c 1)
other=q
[ "$last" = q ] && other=p
code=0
"$MEDVEIL" encrypt -s alice.id -r "${bob%?}$other" scan.png -o x.mv >"$out" 2>"$err" || code=$?
[ "$code" != 0 ] || fail 'a mistyped mv1 line is refused'
one_sentence 'encrypt to a mistyped line'
flip bob.id.card $(($(size_of bob.id.card) * 2 / 3))
code=0
"$MEDVEIL" encrypt -s alice.id -r bob.id.card scan.png -o x.mv >"$out" 2>"$err" || code=$?
[ "$code" != 0 ] || fail 'a changed card is refused'
one_sentence 'encrypt to a changed card'
absent x.mv
