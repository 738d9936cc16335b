#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the program says about itself, and what it says to a wrong command line.
. "$(dirname "$0")/lib.sh"

step 'without a command it shows the commands and ends with 2'
code=0
"$MEDVEIL" >"$out" 2>"$err" || code=$?
[ "$code" = 2 ] || fail 'no command is wrong usage'
grep -q '^commands:' "$err" || fail 'the commands are listed'
[ ! -s "$out" ] || fail 'nothing is on stdout'

step 'help goes to stdout, for every command that the overview lists'
expect 0 --help
prints 'medveil demo'
sed -n '/^commands:/,/^$/s/^  \([a-z][a-z -]*[a-z]\)  .*/\1/p' "$out" >names
[ "$(wc -l <names)" -ge 1 ] || fail 'there are commands'
while read -r name; do
    # shellcheck disable=SC2086 -- a name may be two words
    expect 0 $name --help
    prints "usage: medveil $name"
    prints '--json'
    [ ! -s "$err" ] || fail "help of $name says nothing on stderr"
done <names

step 'the first word of a family lists it'
expect 0 card --help
prints 'medveil card show'
prints 'medveil card revoke'
expect 2 card --helq

step 'the version is one line of JSON'
expect 0 version --json
is version 'v.count(".") == 2'
is processors 'v >= 1'

step 'a wrong command or option is exit code 2, with a suggestion where one is near'
expect 2 versoin
says 'did you mean medveil version?'
expect 2 frobnicate
expect 2 version --jsno
says 'did you mean --json?'
expect 2 version --json=yes
expect 2 version extra-file

step 'the manual page and the completion name every command'
"$MEDVEIL" help man >page
"$MEDVEIL" help completion >completion.bash
while read -r name; do
    grep -q "^\.SS medveil $name" page || fail "the manual page has $name"
done <names
bash -c '. ./completion.bash; COMP_WORDS=(medveil versi); COMP_CWORD=1; _medveil
         [ "${COMPREPLY[*]}" = version ]' || fail 'bash completes the first word'
bash -c '. ./completion.bash; COMP_WORDS=(medveil version --js); COMP_CWORD=2; _medveil
         [ "${COMPREPLY[*]}" = --json ]' || fail 'bash completes an option'
