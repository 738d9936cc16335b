# SPDX-License-Identifier: Apache-2.0
#
# lib.sh: what the command line scripts share. Each script runs $MEDVEIL in an empty folder of its
# own, with MEDVEIL_HOME inside it, and ends at the first sentence that is not true.
set -eu

scripts=$(cd "$(dirname "$0")" && pwd)
: "${MEDVEIL:?is the program to test}"

work=$(mktemp -d "${TMPDIR:-/tmp}/medveil-cli.XXXXXX")
background=
clean_up() {
    for pid in $background; do kill "$pid" 2>/dev/null || true; done
    for pid in $background; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

mkdir "$work/log" "$work/here"
cd "$work/here"
export MEDVEIL_HOME="$work/home"
unset XDG_DATA_HOME XDG_CONFIG_HOME

step() { printf -- '- %s\n' "$*"; }

fail() {
    printf 'NOT TRUE: %s\n' "$*" >&2
    for log in "$work/log/"*; do
        [ -s "$log" ] && { printf -- '--- %s\n' "${log##*/}"; head -c 2000 "$log"; } >&2
    done
    exit 1
}

skip() { # the whole script; meson shows it as skipped
    printf 'SKIPPED: %s\n' "$*"
    exit 77
}

# expect CODE ARGUMENT...: medveil ends with this code. Its output is in $out and $err; after a
# failure $err is one sentence and hints, each line "medveil: ...", without a final full stop.
out="$work/log/stdout"
err="$work/log/stderr"
expect() {
    wanted=$1
    shift
    code=0
    "$MEDVEIL" "$@" >"$out" 2>"$err" </dev/null || code=$?
    [ "$code" = "$wanted" ] || fail "medveil $* ends with $wanted (it ended with $code)"
    if [ "$wanted" != 0 ]; then one_sentence "medveil $*"; fi
}

one_sentence() {
    [ -s "$err" ] || fail "$1 says why it failed"
    grep -vq '^medveil: ' "$err" && fail "each line of $1 on stderr starts with \"medveil: \""
    [ "$(grep -vc '^medveil: hint: ' "$err")" = 1 ] || fail "$1 says one sentence"
    grep -v '^medveil: hint: ' "$err" | grep -q '[^.]\.$' && fail "$1 ends without a full stop"
    return 0
}

says() { grep -qF -- "$1" "$err" || fail "the message names: $1"; }
prints() { grep -qF -- "$1" "$out" || fail "the output holds: $1"; }

same() { cmp -s "$1" "$2" || fail "$1 and $2 are the same bytes"; }
differ() { ! cmp -s "$1" "$2" || fail "$1 and $2 differ"; }
absent() { [ ! -e "$1" ] || fail "$1 was not left behind"; }

# only NAME...: the current folder holds these names and nothing else (no partial file)
only() {
    printf '%s\n' "$@" | sort >"$work/log/wanted"
    ls -A >"$work/log/found"
    sort -o "$work/log/found" "$work/log/found"
    cmp -s "$work/log/wanted" "$work/log/found" || fail "the folder holds only: $*"
}

# json KEY: that value of the last JSON line that medveil printed
json() { tail -n 1 "$out" | python3 -c 'import json,sys; v=json.load(sys.stdin)[sys.argv[1]]; print({None:"null",True:"true",False:"false"}.get(v,v) if not isinstance(v,(int,float)) or isinstance(v,bool) else v)' "$1"; }

# is KEY TEST: a Python expression about the value, called v, of the last JSON line
is() {
    tail -n 1 "$out" | python3 -c 'import json,sys; d=json.load(sys.stdin); v=d[sys.argv[1]]; sys.exit(0 if eval(sys.argv[2]) else 1)' "$1" "$2" ||
        fail "in the JSON line, $1 satisfies: $2"
}

# image FILE [WIDTH HEIGHT [SEED]]: a test picture written without any code of medveil
image() { /usr/bin/python3 "$scripts/make_image.py" "$@"; }

# flip FILE OFFSET: change one bit of one byte
flip() {
    /usr/bin/python3 -c 'import sys; f=open(sys.argv[1],"r+b"); n=int(sys.argv[2]); f.seek(n); b=f.read(1)[0]; f.seek(n); f.write(bytes([b^16]))' "$1" "$2"
}

size_of() { stat -c %s "$1"; }

# two people, each with a card known to the other
people() {
    expect 0 keygen -o alice.id
    expect 0 keygen -o bob.id
}

# waits SENTENCE COMMAND...: within $patience_s seconds the command holds
patience_s=30
waits() {
    sentence=$1
    shift
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt $((10 * patience_s)) ] || fail "$sentence within $patience_s s"
        sleep 0.1
    done
}

# relay_ini [LINE...]: relay.ini, a relay on any free port of loopback with its state in $work
relay_ini() {
    printf '%s\n' '[relay]' 'listen = 127.0.0.1:0' "state = $work/state" "$@" >relay.ini
}

# start_relay [CONFIG]: a relay in the background, $relay; its address is in $url, its port in $port
start_relay() {
    rm -f address
    "$MEDVEIL" relay --config "${1:-relay.ini}" --address-file address >>"$work/log/address" \
        2>>"$work/log/relay" 3>&- & # without the pipe that a script may hold open at 3
    relay=$!
    background="$background $relay"
    waits 'the relay says its address' test -s address
    url=$(cat address)
    port=${url%%#*}
    port=${port##*:}
}

stop_relay() {
    kill -TERM "$relay"
    code=0
    wait "$relay" || code=$?
    [ "$code" = 0 ] || fail "a relay that is asked to stop ends with 0, not $code"
}

# vector FILE SEED [NOISE]: a .npy of 128 float32; the same seed gives nearly the same direction
vector() {
    /usr/bin/python3 - "$1" "$2" "${3:-0}" <<'END'
import random, struct, sys
base, own = random.Random(int(sys.argv[2])), random.Random(sys.argv[1])
values = [base.gauss(0, 1) + float(sys.argv[3]) * own.gauss(0, 1) for _ in range(128)]
head = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 128), }"
head += " " * (-(10 + len(head) + 1) % 64) + "\n"
with open(sys.argv[1], "wb") as file:
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
    file.write(struct.pack("<128f", *values))
END
}
