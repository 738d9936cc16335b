#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A CT of 432 slices: sealed, sent, received, verified, opened, bit-identical, in bounded memory.
. "$(dirname "$0")/lib.sh"
people
slices=432
side=${SIDE:-256} # SIDE=512: as a scanner has it, four times the work
most_kib=300000 # of resident memory
# a sanitizer multiplies time and memory: fewer slices, and no limit
sanitized=false
if grep -aq __asan_init "$MEDVEIL"; then sanitized=true slices=48; fi

# bounded NAME ARGUMENT...: medveil ends with 0, and its largest process stayed below the limit
bounded() {
    name=$1
    shift
    /usr/bin/python3 -c 'import os, resource, subprocess, sys
end = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=open(sys.argv[1], "w"))
sys.exit(end)' "$work/log/memory" "$MEDVEIL" "$@" >"$out" 2>"$err" || fail "medveil $name ends with 0"
    printf '  %s: at most %s MB\n' "$name" "$(($(cat "$work/log/memory") / 1000))"
    if [ $sanitized = false ]; then
        [ "$(cat "$work/log/memory")" -lt $most_kib ] || fail "$name needs less than 300 MB"
    fi
}

step "$slices slices of $side x $side, made up"
expect 0 phantom --kind ct --size "${side}x$side" --depth 9 --type i16 -o volume.npy
/usr/bin/python3 "$scripts/make_series.py" volume.npy "$slices" ct
rm volume.npy
printf 'list of files' >ct/DICOMDIR.txt

relay_ini
start_relay

step 'sealed, sent, received, verified and opened'
# shellcheck disable=SC2086 -- no option, or FEATURES=--features
bounded encrypt encrypt -s alice.id -r bob.id.card ct ${FEATURES:-} -o ct.mv
says "a study of $((slices + 1)) files"
bounded send send ct.mv --to "$url" -r bob.id.card -s alice.id
bounded receive receive --from "$url" -i bob.id -o inbox
same inbox/*.mv ct.mv
resident=$(awk '/^VmHWM:/ { print $2 }' "/proc/$relay/status")
printf '  relay: at most %s MB\n' "$((resident / 1000))"
[ $sanitized = true ] || [ "$resident" -lt $most_kib ] || fail 'the relay needs less than 300 MB'
bounded verify verify -i bob.id inbox/*.mv
prints "bit-identical: $((slices + 1))/$((slices + 1))"
bounded decrypt decrypt -i bob.id --from alice.id.card inbox/*.mv -o back
diff -r ct back >/dev/null || fail 'every slice comes back bit for bit'
