#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A CT of 432 slices: one sealed file, bit-identical, in bounded memory.
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

step 'sealed, verified and opened' # a small size for the network saves its time
bounded encrypt encrypt -s alice.id -r bob.id.card ct --resize 64x64 -o ct.mv
says "a study of $((slices + 1)) files"
bounded verify verify -i bob.id ct.mv
prints "bit-identical: $((slices + 1))/$((slices + 1))"
bounded decrypt decrypt -i bob.id --from alice.id.card ct.mv -o back
diff -r ct back >/dev/null || fail 'every slice comes back bit for bit'
