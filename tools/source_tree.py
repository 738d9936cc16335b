# SPDX-License-Identifier: Apache-2.0
"""source_tree: what the checks in tools/ share: the list of our files, and how a check reports."""

import os
import subprocess
import sys

ROOT = os.path.abspath(os.environ.get("MV_CHECK_ROOT") or os.path.join(os.path.dirname(__file__), ".."))


def files(*suffixes, under=""):
    """Our files, relative to ROOT, sorted: what git tracks or would track; without git, all."""
    names = _from_git() or _from_disk()
    return sorted(n for n in names
                  if n.startswith(under) and (not suffixes or n.endswith(suffixes))
                  and os.path.isfile(os.path.join(ROOT, n)))


def _from_git():
    if not os.path.exists(os.path.join(ROOT, ".git")):
        return []
    run = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
                          "--exclude-standard"], cwd=ROOT, capture_output=True)
    return [n for n in run.stdout.decode().split("\0") if n]


def _from_disk():
    names = []
    for folder, folders, leaves in os.walk(ROOT):
        folders[:] = [f for f in folders if not f.startswith((".", "build")) and f != "__pycache__"]
        names += [os.path.relpath(os.path.join(folder, leaf), ROOT) for leaf in leaves]
    return names


def text(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as f:
        return f.read()


def finish(what, checked, faults):
    """Print each fault as file:line: sentence, then one line, and give the exit code."""
    for fault in faults:
        print(fault, file=sys.stderr)
    if checked == 0:
        print(f"{what}: nothing to check was found", file=sys.stderr)
        return 1
    print(f"{what}: {checked} checked, {len(faults)} wrong")
    return 1 if faults else 0
