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

step 'an identity with a passphrase opens with it and with no other; it is asked for, never on the command line'
printf 'correct horse\n' >pass
printf 'another\n' >wrong
chmod 600 pass wrong
expect 0 keygen --passphrase-file pass -o carol.id
expect 0 card add carol.id.card --alias carol
expect 0 encrypt -s carol.id --passphrase-file pass -r carol scan.png -o locked.mv
expect 0 decrypt -i carol.id --passphrase-file pass locked.mv -o locked.png
same scan.png locked.png
expect 12 decrypt -i carol.id --passphrase-file wrong locked.mv -o x.png
grep -q 'passphrase' "$err" || fail 'the sentence names the passphrase'
absent x.png
"$MEDVEIL" decrypt -i carol.id --passphrase-file - locked.mv -o piped.png <pass 2>"$err" ||
    fail 'the passphrase may come from standard input'
same scan.png piped.png
chmod 644 pass
expect 14 decrypt -i carol.id --passphrase-file pass locked.mv -o x.png
chmod 600 pass
: >empty
chmod 600 empty
expect 2 keygen --passphrase-file empty -o nobody.id
absent nobody.id

step 'a passphrase can be given and changed later'
expect 0 passphrase -i carol.id --passphrase-file pass --new-passphrase-file wrong
expect 12 decrypt -i carol.id --passphrase-file pass locked.mv -o x.png
expect 0 decrypt -i carol.id --passphrase-file wrong locked.mv -o changed.png
same scan.png changed.png
expect 0 passphrase -i carol.id --passphrase-file wrong --new-passphrase-file pass
cp bob.id open.id
expect 0 passphrase -i open.id --new-passphrase-file pass
expect 12 decrypt -i open.id by-alias.mv -o x.png
expect 12 passphrase -i open.id --passphrase-file wrong --new-passphrase-file wrong
expect 0 decrypt -i open.id --passphrase-file pass by-alias.mv -o opened.png
same scan.png opened.png
absent x.png

step 'a half-written identity and one of a newer version are refused'
head -c 700 alice.id >half.id
chmod 600 half.id
expect 1 decrypt -i half.id by-alias.mv -o x.png
printf -- '-----BEGIN MEDVEIL IDENTITY-----\nowECAkEAA0EA\n-----END MEDVEIL IDENTITY-----\n' >newer.id
chmod 600 newer.id
expect 1 decrypt -i newer.id by-alias.mv -o x.png
grep -q 'version 2' "$err" || fail 'the sentence names the version'
absent x.png

step 'a renewed card replaces the old one and keeps its alias; old files still open'
old=$("$MEDVEIL" card show bob --json | sed 's/.*"spoken": *"\([^"]*\)".*/\1/')
expect 0 encrypt -s bob.id -r bob scan.png -o before.mv
expect 0 card renew -i bob.id --expires 2099-12-31
expect 0 card add bob.id.card
expect 0 card show bob
prints 2099-12-31
prints "$old"
expect 0 decrypt -i bob.id --from bob before.mv -o before.png
same scan.png before.png
expect 0 encrypt -s bob.id -r bob scan.png -o after.mv
expect 0 decrypt -i bob.id --from bob after.mv -o after.png
same scan.png after.png

step 'nothing is sealed for an expired card, and the hint speaks of the clock'
expect 2 keygen --expires 2001-01-01 -o dave.id
expect 2 keygen --expires yesterday -o dave.id
absent dave.id
today=$(date -u +%Y-%m-%d)
expect 0 keygen --expires "$today" -o dave.id
expect 0 encrypt -s alice.id -r dave.id.card scan.png -o dave.mv
grep -q "expires on $today" "$err" || fail 'a card that expires soon is used with a warning'

step 'a revoked owner gets nothing sealed, and the card book takes no card of theirs'
expect 0 keygen -o erin.id
expect 0 encrypt -s erin.id -r erin.id.card scan.png -o erin.mv
expect 0 card revoke -i erin.id -o erin.revoked
expect 0 encrypt -s alice.id -r erin.id.card scan.png -o x.mv
rm x.mv
expect 0 card revoke erin.revoked
expect 14 encrypt -s alice.id -r erin.id.card scan.png -o x.mv
absent x.mv
expect 14 card add erin.id.card
expect 0 card show erin.id.card
prints revoked
expect 0 decrypt -i erin.id erin.mv -o erin.png
same scan.png erin.png
expect 0 inspect -i erin.id erin.mv
prints 'revoked by its owner'
expect 0 encrypt -s erin.id -r alice.id.card scan.png -o late.mv
says 'your own card is revoked'
expect 0 verify -i alice.id late.mv
prints 'revoked by its owner'
expect 2 card revoke
flip erin.revoked 120
code=0
"$MEDVEIL" card revoke erin.revoked >"$out" 2>"$err" || code=$?
[ "$code" != 0 ] || fail 'a changed revocation is refused'

step 'card remove takes a card out of the book'
expect 0 card remove carol
expect 10 card show carol
expect 10 card remove carol

step 'a passphrase is typed twice on the terminal, and not shown there'
typed() { # typed LINE... -- ARGUMENT...: medveil on a terminal of its own, answering each prompt
    /usr/bin/python3 - "$MEDVEIL" "$@" >"$out" 2>"$err" <<'PYTHON'
import os, pty, sys
split = sys.argv.index("--")
lines, arguments = sys.argv[2:split], sys.argv[split + 1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], *arguments])
shown = b""
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    shown += piece
    if piece.rstrip().endswith(b":") and lines:
        os.write(terminal, lines.pop(0).encode() + b"\n")
sys.stdout.write(shown.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PYTHON
}
typed 'blue giraffe' 'blue giraffe' -- keygen --passphrase -o frank.id || fail 'keygen takes a typed passphrase'
grep -q 'giraffe' "$out" && fail 'what is typed is not shown'
typed 'blue giraffe' -- decrypt -i frank.id before.mv -o x.png && fail 'frank opens nothing of bob'
code=0
typed 'one' 'two' -- keygen --passphrase -o gwen.id || code=$?
[ "$code" = 2 ] || fail 'two different passphrases are refused'
absent gwen.id
expect 0 encrypt -r frank.id.card scan.png -o frank.mv
typed 'blue giraffe' -- decrypt -i frank.id frank.mv -o frank.png || fail 'the typed passphrase opens it'
same scan.png frank.png
expect 12 decrypt -i frank.id frank.mv -o x.png
absent x.png
