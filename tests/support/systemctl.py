#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""systemctl.py: a stand-in for systemctl that starts and stops one unit of Type=notify, installed
below $ROOT, as $SERVICE_USER (its DynamicUser; empty: as we are). Output of the service is appended
to $SERVICE_LOG; its process number is in $ROOT/pid. nginx and postgresql are started by their own
commands.
"""
import configparser
import os
import pwd
import shlex
import signal
import socket
import subprocess
import sys
import time

ROOT, LOG = os.environ["ROOT"], os.environ["SERVICE_LOG"]
PID = os.path.join(ROOT, "pid")
UNIT = os.path.join(ROOT, "usr/local/lib/systemd/system/medveil-relay.service")


def unit():
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(UNIT)
    return parser


def command(line):
    """As systemd splits it, with the machine's folders below ours."""
    return [ROOT + w if w.startswith(("/usr/local/", "/etc/medveil/")) else w
            for w in shlex.split(line)]


def running():
    try:
        with open(PID, encoding="ascii") as f:
            pid = int(f.read())
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return pid if f.read().rsplit(")", 1)[1].split()[0] != "Z" else 0
    except (OSError, ValueError):
        return 0


def state_folder(service, user):
    """As systemd does it: below private, a link to it, and all of it the user's unless its top is."""
    name = service["StateDirectory"]
    link, folder = os.path.join(ROOT, "var/lib", name), os.path.join(ROOT, "var/lib/private", name)
    os.makedirs(folder, exist_ok=True)
    if not os.path.islink(link):
        os.symlink(os.path.join("private", name), link)
    os.chmod(folder, int(service["StateDirectoryMode"], 8))
    if user is not None and os.stat(folder).st_uid != user.pw_uid:
        for path, _, files in os.walk(folder):
            for one in [path] + [os.path.join(path, f) for f in files]:
                os.chown(one, user.pw_uid, user.pw_gid)
    return folder


def start():
    service = unit()["Service"]
    assert service["Type"] == "notify" and service["DynamicUser"] == "yes"
    user = pwd.getpwnam(os.environ["SERVICE_USER"]) if os.environ["SERVICE_USER"] else None
    who = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    state = state_folder(service, user)
    subprocess.run(command(service["ExecStartPre"]), check=True, **who)
    path = os.path.join(ROOT, "notify")
    if os.path.exists(path):
        os.remove(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
    os.chmod(path, 0o777)
    listener.settimeout(60)
    with open(LOG, "ab") as log:
        process = subprocess.Popen(command(service["ExecStart"]), stdout=log, stderr=log, cwd=state,
                                   stdin=subprocess.DEVNULL, start_new_session=True,
                                   env={**os.environ, "NOTIFY_SOCKET": path}, **who)
    with open(PID, "w", encoding="ascii") as f:
        f.write(str(process.pid))
    if listener.recv(100) != b"READY=1":
        sys.exit("systemctl: the service did not say READY=1")


def stop():
    pid = running()
    if pid:
        os.kill(pid, signal.SIGTERM)
        for _ in range(300):
            if not running():
                return
            time.sleep(0.1)
        sys.exit("systemctl: the service does not stop")


def others(verb, name):
    """Services of other packages."""
    if name == "postgresql" and verb == "restart":
        return subprocess.run([os.environ["MEDVEIL_TEST_POSTGRES_RESTART"]], check=False).returncode
    if name == "nginx" and verb in ("stop", "restart"):
        path = os.path.join(ROOT, "nginx/pid")
        if os.path.exists(path) and os.path.getsize(path):  # nginx -t leaves an empty one
            subprocess.run([f"{ROOT}/bin/nginx", "-s", "stop"], check=True)
        return subprocess.run([f"{ROOT}/bin/nginx"], check=False).returncode if verb == "restart" else 0
    return f"systemctl: no stand-in for {verb} {name}"


verb = sys.argv[1]
if sys.argv[-1] in ("nginx", "postgresql"):
    sys.exit(others(verb, sys.argv[-1]))
if verb == "daemon-reload":
    sys.exit(0 if os.path.exists(UNIT) else f"systemctl: there is no {UNIT}")
elif verb in ("enable", "start"):
    assert unit()["Install"]["WantedBy"] == "multi-user.target"
    start()
elif verb == "restart":
    stop()
    start()
elif verb == "stop":
    stop()
elif verb == "is-active":
    print("active" if running() else "inactive")
    sys.exit(0 if running() else 3)
else:
    sys.exit(f"systemctl: no stand-in for {verb}")
