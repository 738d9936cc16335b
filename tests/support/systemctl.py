#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""systemctl.py: a stand-in for systemctl that starts and stops one unit of Type=notify, installed
below $ROOT. Output of the service is appended to $SERVICE_LOG; its process number is in $ROOT/pid.
"""
import configparser
import os
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


def start():
    service = unit()["Service"]
    assert service["Type"] == "notify"
    state = os.path.join(ROOT, "var/lib", service["StateDirectory"])
    os.makedirs(state, mode=int(service["StateDirectoryMode"], 8), exist_ok=True)
    subprocess.run(command(service["ExecStartPre"]), check=True, stderr=subprocess.DEVNULL)
    path = os.path.join(ROOT, "notify")
    if os.path.exists(path):
        os.remove(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
    listener.settimeout(60)
    with open(LOG, "ab") as log:
        process = subprocess.Popen(command(service["ExecStart"]), stdout=log, stderr=log, cwd=state,
                                   stdin=subprocess.DEVNULL, start_new_session=True,
                                   env={**os.environ, "NOTIFY_SOCKET": path})
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


verb = sys.argv[1]
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
