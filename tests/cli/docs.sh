#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/cli.md has a section for every command, and names every option of it.
. "$(dirname "$0")/lib.sh"
page="$scripts/../../docs/cli.md"

step 'every command has its section, and no section is about a command that is not there'
"$MEDVEIL" help | sed -n '/^commands:/,/^$/s/^  \([a-z][a-z -]*[a-z]\)  .*/\1/p' | sort >commands
sed -n 's/^### medveil \(.*\)$/\1/p' "$page" | sort >sections
cmp -s commands sections || { diff commands sections >"$err" || true; fail 'docs/cli.md and the program agree on the commands'; }

step 'every option is named in its section'
while read -r name; do
    sed -n "/^### medveil $name\$/,/^##/p" "$page" >section
    # shellcheck disable=SC2086 -- a name may be two words
    "$MEDVEIL" $name --help | sed -n 's/^  [^ ]*  *\(--[a-z0-9-]*\).*/\1/p;s/^ *\(--[a-z0-9-]*\) .*/\1/p' |
        sort -u | grep -v -e '^--json$' -e '^--help$' >options || true
    while read -r option; do
        grep -qe "$option\\b" section || fail "the section of $name in docs/cli.md names $option"
    done <options
done <commands
