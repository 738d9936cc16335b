#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A relay on loopback: send, receive, a stranger, a changed file in the store, a peer that is gone.
. "$(dirname "$0")/lib.sh"
people
image scan-of-doe.png 64 64
image other.png 64 64 2
expect 0 encrypt -s alice.id -r bob.id.card scan-of-doe.png -o scan.mv
expect 0 encrypt -s alice.id -r bob.id.card other.png -o other.mv
expect 0 encrypt -s alice.id -r bob.id.card other.png -o third.mv
expect 0 encrypt -s alice.id -r bob.id.card other.png -o fourth.mv

step 'a configuration is checked before it is used'
relay_ini
expect 0 relay check-config --config relay.ini
printf '[relay]\nlisten = 127.0.0.1:0\nstate = x\ncolour = blue\n' >wrong.ini
code=0
"$MEDVEIL" relay check-config --config wrong.ini >"$out" 2>"$err" || code=$?
[ "$code" != 0 ] || fail 'an unknown setting is refused'
one_sentence 'check-config of a wrong file'
expect 2 relay

step 'a relay starts and tells the address that holds the hash of its key'
start_relay
case $url in https://127.0.0.1:*\#?*) ;; *) fail "the address is https://127.0.0.1:port#key, not $url" ;; esac

step 'what is sent is received byte for byte'
expect 0 send scan.mv other.mv --to "$url" -r bob.id.card -s alice.id --json
is bytes "v == $(size_of other.mv)"
expect 0 receive --from "$url" -i bob.id -o inbox --json
[ "$(ls -A inbox | wc -l)" = 2 ] || fail 'two files are in the inbox'
for file in inbox/*; do
    cmp -s "$file" scan.mv || cmp -s "$file" other.mv || fail "$file is one of those that were sent"
    expect 0 decrypt -i bob.id --from alice.id.card "$file" -o opened/
done
same scan-of-doe.png opened/scan-of-doe.png
same other.png opened/other.png

step 'a mailbox is empty after it was received'
expect 0 receive --from "$url" -i bob.id -o again
[ ! -d again ] || [ -z "$(ls -A again)" ] || fail 'nothing is received twice'

step 'nobody else gets it'
expect 0 send third.mv --to "$url" -r bob.id.card -s alice.id
expect 0 keygen -o carol.id
expect 0 receive --from "$url" -i carol.id -o carol
[ ! -d carol ] || [ -z "$(ls -A carol)" ] || fail "another's mailbox gives nothing"

step 'the relay keeps sealed bytes: no name, no image, no key of the recipient'
if grep -rqa -e doe -e IHDR -e '\.png' "$work/state"; then fail 'the store shows nothing of the image'; fi

step 'only sealed files are sent'
code=0
"$MEDVEIL" send other.png --to "$url" -r bob.id.card -s alice.id >"$out" 2>"$err" || code=$?
[ "$code" != 0 ] || fail 'an image that is not sealed is not sent'
one_sentence 'send of an open image'

step 'another relay key in the address is refused'
last=$(printf '%s' "$url" | tail -c 1)
wrong=a
[ "$last" = a ] && wrong=b
code=0
"$MEDVEIL" send scan.mv --to "${url%?}$wrong" -r bob.id.card -s alice.id >"$out" 2>"$err" || code=$?
[ "$code" != 0 ] || fail 'a relay with another key is refused'
one_sentence 'send to a relay with another key'

step 'a relay keeps its key and what it holds over a restart'
before=${url##*#}
stop_relay
start_relay
[ "${url##*#}" = "$before" ] || fail 'the key is the same after a restart'
expect 0 receive --from "$url" -i bob.id -o inbox2
[ "$(ls -A inbox2 | wc -l)" = 1 ] || fail 'the file that waited is still there'

step 'a second relay cannot use the same folder'
expect 11 relay --config relay.ini

step 'a peer that is gone is exit code 10'
stop_relay
expect 10 send fourth.mv --to "$url" -r bob.id.card -s alice.id
expect 10 receive --from "$url" -i bob.id -o inbox3
