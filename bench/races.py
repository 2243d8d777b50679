"""Exchange folders for links, other folders and mounts while SCOUT collects and HUNTER applies and undoes: nothing outside is touched.

    python -m bench.races [--minutes 10] [--seed 1] [--work DIR] [--tool collect]          (root on Linux)

Beside the root lies a twin of it, `outside`, with the same names and marked contents. A second process swaps folders of the root at odd
moments, one way per run: `link` exchanges a folder with a link to its twin (renameat2, atomically), `rename` moves it away and back, `bind`
mounts the twin over it. inotify on every object of the twin tells of each open, read, write and change there; its contents and facts are
compared too. A mount inside of the root is part of what SCOUT is asked for, so `bind` does not count against `collect`.
"""

from __future__ import annotations

import argparse
import base64
import ctypes
import hashlib
import importlib
import io
import json
import os
import random
import shutil
import signal
import stat
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from hunter.mechanisms import mechanisms
from hunter.objects import objects
from hunter.packages import managers
from scout.console import run
from scout.keys import keygen, recipients_of
from scout.targets import load

SWAPS = ("link", "rename", "bind")
TOOLS = ("collect", "apply", "undo")
FOLDERS = ("home/paul/.ssh", "home/paul/.cache", "var/tmp/.x", "etc/cron.d", "home/paul")
CRON, KEYS, FILE, SCRIPT = "/etc/cron.d/job", "/home/paul/.ssh/authorized_keys", "/home/paul/.cache/helper", "/var/tmp/.x/run.sh"
GUILTY_LINE, GUILTY_KEY = "*/5 * * * * root /var/tmp/.x/run.sh", "ssh-ed25519 AAAAevil x@y"
_EXCHANGE = 2
_BIND, _DETACH = 4096, 2
_WATCHED = 0x00000FFF & ~0x400  # everything but the end of a watch
libc: Any = ctypes.CDLL(None, use_errno=True)


def plant(root: Path, mark: str) -> None:
    """The same names in the root and in its twin; `mark` tells them apart."""
    for path, text, mode in (
        ("/etc/machine-id", "0123456789abcdef0123456789abcdef\n", 0o444),
        ("/etc/hostname", "web01\n", 0o644),
        ("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\npaul:x:1000:1000::/home/paul:/bin/bash\n", 0o644),
        ("/etc/shadow", "root:$y$j9T$abc$def:19000::::::\n", 0o600),
        (CRON, f"# {mark}\n{GUILTY_LINE}\n", 0o644),
        (KEYS, f"# {mark}\nssh-ed25519 AAAAgood a@b\n{GUILTY_KEY}\n", 0o600),
        (FILE, f"{mark} inert\n", 0o755),
        (SCRIPT, f"#!/bin/sh\n# {mark}\n", 0o755),
    ):
        at = root / path[1:]
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text(text)
        at.chmod(mode)


def manifest(root: Path) -> dict[str, tuple[Any, ...]]:
    """Facts and bytes of every object, change times included; read without touching access times."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (".", *folders, *files):
            at = os.path.join(folder, name)
            s = os.lstat(at)
            data = Path(at).read_bytes() if stat.S_ISREG(s.st_mode) else b""
            nlink = 0 if stat.S_ISDIR(s.st_mode) else s.st_nlink
            found[os.path.relpath(at, root)] = (s.st_mode, s.st_uid, s.st_gid, nlink, s.st_mtime_ns, hashlib.sha256(data).hexdigest())
    return found


def write_plan(place: Path, root: Path, recipient: str) -> Path:
    """A plan by hand of four actions, sealed on the quiet root."""
    word = {"why": [], "backup": "encrypted", "reboot": "no", "class": "reversible", "expect": [], "mechanism": "hand"}
    cut = {**word, "do": "remove-line"}
    actions = [
        {**cut, "id": "a1", "kind": "authorized-key", "target": {"path": KEYS, "line": GUILTY_KEY}},
        {**cut, "id": "a2", "kind": "cron-entry", "target": {"path": CRON, "line": GUILTY_LINE}},
        {**word, "id": "a3", "kind": "file", "do": "quarantine", "target": {"path": FILE}},
        {**word, "id": "a4", "kind": "file", "do": "quarantine", "target": {"path": SCRIPT}},
    ]
    host = {"name": "web01", "machine_id": "0123456789abcdef0123456789abcdef"}
    plan = place / "plan.yaml"
    plan.write_text(json.dumps({"escadre_plan": "2", "host": host, "recipients": [recipient], "actions": actions}))
    code, told = in_child("hunter", ["check", plan, "--root", root, "--seal"])
    assert code == 0, told
    return plan


def in_child(tool: str, arguments: list[object]) -> tuple[int, str]:
    """(exit code, what it said) of one run of a tool in a process of its own."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        said = io.StringIO()
        code = 99
        with suppress(BaseException), redirect_stdout(said), redirect_stderr(said):
            module = __import__(f"{tool}.cli", fromlist=["build_app"])
            code = run(tool, module.build_app, [str(a) for a in arguments])
        with os.fdopen(write, "w", errors="replace") as out:
            out.write(said.getvalue()[-20_000:])
        os._exit(code)
    os.close(write)
    with os.fdopen(read, errors="replace") as stream:
        said_text = stream.read()
    _, status = os.waitpid(child, 0)
    return (os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)), said_text


class Watch:
    """inotify on every object of a tree: what was opened, read, written or changed there."""

    def __init__(self, tree: Path) -> None:
        self.fd = libc.inotify_init1(os.O_NONBLOCK)
        self.names = {}
        for at in (tree, *tree.rglob("*")):
            self.names[libc.inotify_add_watch(self.fd, os.fsencode(at), _WATCHED)] = str(at.relative_to(tree))

    def events(self) -> list[str]:
        """What happened since the last call."""
        found = []
        with suppress(BlockingIOError):
            while raw := os.read(self.fd, 1 << 16):
                at = 0
                while at < len(raw):
                    watch, mask, _, length = struct.unpack_from("iIII", raw, at)
                    name = raw[at + 16 : at + 16 + length].rstrip(b"\0").decode(errors="replace")
                    at += 16 + length
                    found.append(f"{self.names.get(watch, '?')}/{name} {mask:#x}")
        return found


def swapper(root: Path, outside: Path, way: str, seed: int) -> int:
    """Start the process that swaps until it is told to stop; return its id. It leaves the root as it was."""
    child = os.fork()
    if child:
        return child
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    chance = random.Random(seed)
    pause = chance.choice((0.0002, 0.002, 0.02, 0.2))
    time.sleep(chance.random() * 0.4)
    while going:
        folder = chance.choice(FOLDERS)
        at, twin, aside = root / folder, outside / folder, root / folder.replace(Path(folder).name, ".aside")
        with suppress(OSError):
            _swap(at, twin, aside, way, lambda: time.sleep(chance.choice((0, 0.0001, 0.0005, 0.003))))
        time.sleep(chance.random() * pause)
    os._exit(0)


def _swap(at: Path, twin: Path, aside: Path, way: str, wait: Callable[[], None]) -> None:
    if way == "link":
        with suppress(FileExistsError):
            aside.symlink_to(twin)
        for _ in range(2):
            libc.renameat2(-100, os.fsencode(at), -100, os.fsencode(aside), _EXCHANGE)
            wait()
        aside.unlink()
    elif way == "rename":
        at.rename(aside)
        wait()
        aside.rename(at)
    else:
        if libc.mount(os.fsencode(twin), os.fsencode(at), None, _BIND, None) == 0:
            wait()
            libc.umount2(os.fsencode(at), _DETACH)


def end(child: int) -> None:
    os.kill(child, signal.SIGTERM)
    os.waitpid(child, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--tool", choices=TOOLS, help="only this one")
    given = parser.parse_args()
    for name in ("hunter.run.apply", "hunter.run.undo", "hunter.run.check", "hunter.cli", "hunter.plan.reseal", "scout.cli"):
        importlib.import_module(name)  # once, not in every child
    mechanisms(), objects(), managers(), load()
    work = Path(tempfile.mkdtemp(dir=given.work, prefix="races-"))
    root, outside, place = work / "root", work / "outside", work / "work"
    place.mkdir(mode=0o700)
    mark = base64.b32encode(os.urandom(10)).decode()
    plant(root, "inside")
    plant(outside, mark)
    keygen(place / "key.txt")
    recipient = recipients_of(place / "key.txt")[0]
    plan = write_plan(place, root, recipient)
    quiet, there, watch = manifest(root), manifest(outside), Watch(outside)
    watch.events()
    runs: Counter[tuple[str, str, object]] = Counter()
    wrong: list[str] = []
    until, n = time.monotonic() + 60 * given.minutes, 0
    while time.monotonic() < until:
        n += 1
        way, tool = SWAPS[n % 3], given.tool or TOOLS[n // 3 % 3]
        commands = {
            "collect": ("scout", ["collect", "-r", recipient, "--root", root, "-o", place, "--targets", "LF04,LF09,LF11"]),
            "apply": ("hunter", ["apply", plan, "--root", root, "--yes"]),
            "undo": ("hunter", ["undo", f"{plan}.journal.jsonl", "--root", root]),
        }
        if tool == "undo":
            assert in_child(*commands["apply"])[0] == 0
        racer = swapper(root, outside, way, given.seed + n)
        code, said = in_child(*commands[tool])
        end(racer)
        events, now = watch.events(), manifest(outside)
        runs[tool, way, code] += 1
        if (events or now != there) and not (way == "bind" and tool == "collect"):
            wrong.append(f"{tool} {way} run {n}: outside {events[:3] or 'changed'}")
        if "a defect of" in said or code < 0 or code == 99:
            wrong.append(f"{tool} {way} run {n}: exit {code}: {said.strip()[-300:]}")
        if tool == "collect":
            for archive in place.glob("*.age*"):
                archive.unlink()
        elif Path(f"{plan}.journal.jsonl").exists():
            code, said = in_child(*commands["undo"])
            if code not in (0, 2):
                wrong.append(f"{tool} {way} run {n}: undo on the quiet root: exit {code}: {said.strip()[-300:]}")
        for name in (".journal.jsonl", ".journal.head", ".runkey"):
            Path(f"{plan}{name}").unlink(missing_ok=True)
        shutil.rmtree(f"{plan}.backup", ignore_errors=True)
        left = manifest(root)
        if {p: (*v[:4], v[5]) for p, v in left.items()} != {p: (*v[:4], v[5]) for p, v in quiet.items()}:
            wrong.append(f"{tool} {way} run {n}: the root is not as it was: {sorted(set(left) ^ set(quiet))[:5]}")
            break
        watch.events()
    print(f"{n} runs in {given.minutes:g} minutes")
    for (tool, way, code), count in sorted(runs.items(), key=str):
        print(f"  {tool:<8}{way:<8}exit {code}: {count}")
    print("\n".join(wrong[:40]) or "nothing outside read or written; no defect; the root came back every time")
    if not wrong:
        shutil.rmtree(work)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
