#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every command of docs/deploy.md, section by section, in a scratch folder: its folders are below ours,
# its ports any free ones. nginx and PostgreSQL are real, where they are installed. A command that is
# neither in "real" nor among the stand-ins below fails the test.
. "$(dirname "$0")/lib.sh"
: "${BUILD:?is the build folder}"
source_tree=$(cd "$scripts/../.." && pwd)
if [ -z "${MEDVEIL_TEST_POSTGRES:-}" ] && ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    cd /
    rm -rf "$work"
    exec "$scripts/../support/with_postgres" sh "$scripts/deploy.sh"
fi
prefix=$(meson introspect "$BUILD" --buildoptions |
    python3 -c 'import json,sys; print({o["name"]: o["value"] for o in json.load(sys.stdin)}["prefix"])')
[ "$prefix" = /usr/local ] || skip "this build is for $prefix, the page for /usr/local"

root="$work/root"
mkdir -p "$root/bin" "$root/tree/tools" "$root/var/lib/private" "$root/root" "$root/run"
chmod 711 "$work" "$work/here"

real='install tee medveil curl mv sed createuser createdb'
# Not run as they stand, because:
#   sudo                    we are who we are; as postgres: that server's superuser
#   apt-get                 would change this machine; nginx and PostgreSQL are used if they are here
#   tools/install_packages  has a test of its own; here: the group exists
#   make                    build: this is the build; install: the same step, below our folder
#   ldconfig                would change this machine; the library is found by LD_LIBRARY_PATH
#   systemctl, journalctl   there is no systemd here; systemctl.py does what the unit says
#   nginx                   the real one, with the page's configuration in one of ours
stand_ins='sudo apt-get tools/install_packages make ldconfig systemctl journalctl nginx'

stand_in() {
    cat >"$root/$1"
    chmod 755 "$root/$1"
}
stand_in bin/sudo <<'END'
#!/bin/sh
if [ "$1" = -u ]; then
    [ "$2" = postgres ] || exit 1
    shift 2
    export PGUSER=medveil
fi
exec "$@"
END
stand_in bin/apt-get <<'END'
#!/bin/sh
echo "apt-get $*"
END
stand_in bin/ldconfig <<'END'
#!/bin/sh
END
stand_in bin/make <<END
#!/bin/sh
case \$1 in
build) ;;
install) DESTDIR='$root' meson install -C '$BUILD' --no-rebuild >'$work/log/install' ;;
*) echo "make: no stand-in for \$1" >&2; exit 2 ;;
esac
END
stand_in tree/tools/install_packages <<END
#!/bin/sh
grep -q "^\$1 " '$source_tree/tools/packages.txt' || exit 2
END
stand_in bin/journalctl <<END
#!/bin/sh
cat '$work/log/service'
END
stand_in bin/nginx <<END
#!/bin/sh
exec $(PATH="$PATH:/usr/sbin" command -v nginx || echo false) -c '$root/etc/nginx/nginx.conf' "\$@"
END
stand_in bin/systemctl <<END
#!/bin/sh
exec /usr/bin/python3 '$scripts/../support/systemctl.py' "\$@"
END

# systemd would make a user for the unit; ours is nobody, if we may choose
export ROOT="$root" SERVICE_LOG="$work/log/service" SERVICE_USER=
service_user=$(id -un)
if [ "$(id -u)" = 0 ] && setpriv --reuid=nobody --regid=nogroup --clear-groups test -r "$root/bin"; then
    service_user=nobody
    SERVICE_USER=nobody
fi

free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
port=$(free_port)
behind=$(free_port)
postgres_folder=$(printf '%s' "${MEDVEIL_TEST_POSTGRES:-}" | sed 's/^host=\([^ ]*\) .*/\1/')

step 'every command of the page is one that is run here, or has a stand-in'
python3 - "$source_tree/docs/deploy.md" "$root" "$port" "$behind" "$real $stand_ins" "$postgres_folder" \
    "$(id -un)" "$service_user" <<'END' || fail 'docs/deploy.md has only commands that this test knows'
import re, sys
path, root, port, behind, known, postgres, we, service = sys.argv[1:]
page = open(path, encoding="utf-8").read()
text = re.sub(r"^```sh\n.*?^```", "", page, flags=re.M | re.S)
wrong = re.findall(r"^(?: {4}|```).*|`(?:sudo|systemctl|apt-get|psql) [^`]*`", text, re.M)
sections = re.split(r"^## ", page, flags=re.M)[1:]
for number, section in enumerate(sections):
    script = "".join(re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S))
    for line in re.sub(r"(<<'END'\n).*?^END$", r"\1", script, flags=re.M | re.S).splitlines():
        words = line.split()
        while words and words[0] in ("sudo", "-u", "postgres"):
            words.pop(0)
        if words and words[0] not in known.split():
            wrong.append(line)
    script = re.sub(r"/etc/(?:medveil|nginx)|/var/lib/|/root/", lambda m: root + m[0], script)
    script = script.replace("/etc/postgresql/15/main", postgres + "/data").replace("/run/postgresql", postgres)
    script = script.replace("relay  root ", f"relay  {we} ").replace("relay  medveil-relay ", f"relay  {service} ")
    script = script.replace("7462", port).replace("7463", behind)
    name = re.sub(r"\W+", "-", section.splitlines()[0].lower()).strip("-")
    with open(name + ".sh", "w", encoding="utf-8") as out:
        out.write("set -eu\n" + script)
for line in wrong:
    print(line, file=sys.stderr)
sys.exit(bool(wrong))
END

# section NAME
section() {
    step "section $1"
    (
        cd "$root/tree"
        PATH="$root/bin:$root/usr/local/bin:$PATH"
        for folder in /usr/lib/postgresql/*/bin; do PATH="$PATH:$folder"; done
        library=$(find "$root" -name libmedveil.so.0 2>/dev/null | head -n 1)
        export LD_LIBRARY_PATH="${library%/*}" PGHOST="$postgres_folder"
        : >"$work/log/page"
        sh "$work/here/$1.sh" >"$work/log/page" 2>"$work/log/page-errors"
    ) || fail "the commands of docs/deploy.md run: $1"
}
shows() { [ "$(grep -cx -- "$2" "$work/log/page")" = "$1" ] || fail "the page's commands print $2 ($1 times)"; }
systemctl() { "$root/bin/systemctl" "$@" >"$work/log/systemctl" 2>&1; }
stop() {
    systemctl stop medveil-relay || true
    systemctl stop nginx || true
}
trap 'stop; clean_up' EXIT

people
image one.png 64 64
count=0
send_one() {
    count=$((count + 1))
    expect 0 encrypt --force -s alice.id -r bob.id.card one.png -o one.mv
    expect 0 send one.mv --to "$url" -r bob.id.card -s alice.id
}
receive_one() { # what was sent last, and the receipt for it
    expect 0 receive --from "$url" -i bob.id -o "inbox$count"
    same one.mv "$(echo "inbox$count"/*.mv)"
    expect 0 queue run --wait
    says '1/1 bit-identical'
}

section 1-build-and-install
section 2-configure
section 3-start
shows 2 active
shows 1 ok
grep -q "^https://relay.example.org:$port#" "$work/log/page" || fail 'the log says the address'
url="https://127.0.0.1:$port$(grep -o '#.*' "$work/log/service" | head -n 1)"
if [ -n "$SERVICE_USER" ]; then
    [ "$(stat -c %U "$root/var/lib/private/medveil-relay/archive.db")" = nobody ] || fail "the store is the unit's user's"
fi
send_one
receive_one

send_one
section 4-keep-it
shows 1 active
[ -s "$root/root/medveil-backup-1/tls.pem" ] || fail 'the backup holds the key'
receive_one

step 'a store of the first version'
send_one
systemctl stop medveil-relay
python3 - "$root/var/lib/medveil-relay/archive.db" <<'END'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for table in ("receipt", "upload", "stream", "gallery", "gallery_record", "gallery_part", "gallery_asked"):
    db.execute("DROP TABLE " + table)
db.execute("UPDATE version SET value = 1")
db.commit()
END
[ -z "$SERVICE_USER" ] || chown nobody "$root/var/lib/private/medveil-relay/archive.db"*
section 5-a-newer-version
shows 1 active
receive_one

if [ "$("$root/bin/nginx" -v 2>&1 | grep -c 'nginx version')" = 1 ]; then
    mkdir -p "$root/etc/nginx/conf.d" "$root/nginx"
    cat >"$root/etc/nginx/nginx.conf" <<END
pid $root/nginx/pid;
error_log $work/log/nginx;
$([ "$(id -u)" != 0 ] || echo 'user root;')
events {}
http {
    access_log $root/nginx/access;
    client_body_temp_path $root/nginx/body; proxy_temp_path $root/nginx/proxy;
    fastcgi_temp_path $root/nginx/fastcgi; uwsgi_temp_path $root/nginx/uwsgi; scgi_temp_path $root/nginx/scgi;
    include $root/etc/nginx/conf.d/*.conf;
}
END
    send_one
    section behind-nginx
    shows 1 ok
    receive_one
    send_one
    receive_one
    expect 0 phantom --size 64x64 --depth 8 -o cine.npy
    "$MEDVEIL" live receive --from "$url" -i bob.id -o - --within 60 >seen 2>"$work/log/watcher" &
    watcher=$!
    background="$background $watcher"
    expect 0 live send cine.npy --embed-every 0 --to "$url" -r bob.id.card -s alice.id --wait
    says '8/8 bit-identical'
    wait "$watcher" || fail 'a live stream goes through nginx'
    tail -c "$(size_of seen)" cine.npy >wanted
    same wanted seen
    [ ! -s "$root/nginx/access" ] || fail 'nginx keeps no list of what was asked for'
else
    echo '  nginx is not on this machine: its section was read, not run'
fi

if [ -n "$postgres_folder" ]; then
    send_one
    section on-postgresql
    shows 1 active
    receive_one
    send_one
    receive_one
    [ ! -e "$root/var/lib/medveil-relay/archive.db" ] || fail 'nothing is in SQLite any more'
else
    echo '  PostgreSQL is not on this machine: its section was read, not run'
fi

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
