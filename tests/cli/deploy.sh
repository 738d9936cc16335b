#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The commands of docs/deploy.md, one after the other, in a scratch folder. What would change the
# machine is a stand-in: sudo runs its command, apt-get only says so, make install installs into the
# folder, systemctl runs what the installed unit says and waits for READY=1.
. "$(dirname "$0")/lib.sh"
: "${BUILD:?is the build folder}"
root="$work/root"
mkdir -p "$root/bin" "$root/tree"
source_tree=$(cd "$scripts/../.." && pwd)

stand_in() {
    cat >"$root/bin/$1"
    chmod 755 "$root/bin/$1"
}
stand_in sudo <<'END'
#!/bin/sh
exec "$@"
END
stand_in apt-get <<'END'
#!/bin/sh
echo "apt-get $*"
END
stand_in ldconfig <<'END'
#!/bin/sh
END
stand_in make <<END
#!/bin/sh
case \$1 in
build) ;;
install) DESTDIR='$root' meson install -C '$BUILD' --no-rebuild >'$work/log/install' ;;
*) echo "make: no stand-in for \$1" >&2; exit 2 ;;
esac
END
mkdir "$root/tree/tools"
cat >"$root/tree/tools/install_packages" <<END
#!/bin/sh
grep -q "^\$1 " '$source_tree/tools/packages.txt' || exit 2
END
chmod 755 "$root/tree/tools/install_packages"
stand_in journalctl <<END
#!/bin/sh
cat '$work/log/service'
END
cp "$scripts/../support/systemctl.py" "$root/bin/systemctl"
chmod 755 "$root/bin/systemctl"
export ROOT="$root" SERVICE_LOG="$work/log/service"

prefix=$(meson introspect "$BUILD" --buildoptions |
    python3 -c 'import json,sys; print({o["name"]: o["value"] for o in json.load(sys.stdin)}["prefix"])')
[ "$prefix" = /usr/local ] || skip "this build is for $prefix, the page for /usr/local"

# The page's blocks, with its folders below ours and its port any free one.
port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
python3 - "$source_tree/docs/deploy.md" "$root" "$port" >page.sh <<'END'
import re, sys
page = open(sys.argv[1], encoding="utf-8").read()
blocks = re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S)
assert len(blocks) >= 5, "the page has its commands in sh blocks"
text = "".join(blocks)
for folder in ("/etc/medveil", "/var/lib/medveil-relay"):
    text = text.replace(folder, sys.argv[2] + folder)
text = text.replace("7462", sys.argv[3])
print("set -eu\n" + text)
END

step 'every command of the page does what it says'
mkdir -p "$root/var/lib"
stop() { "$root/bin/systemctl" stop medveil-relay >/dev/null 2>&1 || true; }
trap 'stop; clean_up' EXIT
(cd "$root/tree" && PATH="$root/bin:$root/usr/local/bin:$PATH" LD_LIBRARY_PATH="$(dirname "$(find "$root" -name libmedveil.so.0 2>/dev/null | head -n 1)")" \
    sh "$work/here/page.sh" >"$work/log/page" 2>"$work/log/page-errors") || fail 'the commands of docs/deploy.md run'
grep -qx ok "$work/log/page" || fail 'readyz answers ok'
[ "$(grep -cx active "$work/log/page")" = 2 ] || fail 'the service is active after start and after restart'
grep -q "^https://relay.example.org:$port#" "$work/log/page" || fail 'the log says the address'
[ -s "$root/var/lib/medveil-relay/backup-1/tls.pem" ] || fail 'the backup holds the key'

step 'a relay started so takes and gives files'
people
image one.png 64 64
expect 0 encrypt -s alice.id -r bob.id.card one.png -o one.mv
key=$(grep -o '#.*' "$work/log/service" | head -n 1)
expect 0 send one.mv --to "https://127.0.0.1:$port$key" -r bob.id.card -s alice.id
expect 0 receive --from "https://127.0.0.1:$port$key" -i bob.id -o inbox

step 'the unit is one that systemd takes, and is well shut in'
if command -v systemd-analyze >/dev/null; then
    unit="$work/here/medveil-relay.service"
    sed "s#/usr/local/bin/medveil#$root/usr/local/bin/medveil#" \
        "$root/usr/local/lib/systemd/system/medveil-relay.service" >"$unit"
    systemd-analyze verify --man=no "$unit" >"$work/log/verify" 2>&1 || fail 'systemd-analyze verify is content'
    systemd-analyze security --offline=true --threshold=20 "$unit" >"$work/log/security" 2>&1 ||
        fail 'the exposure that systemd-analyze security computes is at most 2.0 of 10'
else
    echo '  systemd-analyze is not on this machine: the unit was run, not analysed'
fi
