"""Accounts, sudo, PAM and the ssh server: what decides who can log in is changed so that it still works, and never copied in the clear."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest
import yaml

from tests.conftest import need
from tests.hunter.conftest import manifest
from tests.hunter.driver import hunt, killed_at
from tests.yamls import PLAIN

SECRET = "$y$j9T$notahash$ofanybody"
PASSWD = (
    "root:x:0:0:root:/root:/bin/bash\npaul:x:1000:1000::/home/paul:/bin/bash\n"
    f"evil:x:0:0::/root:/bin/bash\nevil2:{SECRET}:1001:1001::/home/x:/bin/sh \n"
    "Evil:x:1002:1002::/home/y:/bin/sh\nevil :x:1003:3::/:/bin/sh\n"
)
SHADOW = f"root:*:19000:0:99999:7:::\npaul:{SECRET}:19000:0:99999:7:::\nevil:{SECRET}:19700:0:99999:7::19800:\nEvil:{SECRET}:1::::::\n"


class _Root:
    """A small Linux root, and a plan by hand."""

    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.root, self.plan = folder / "root", folder / "work" / "plan.yaml"
        self.plan.parent.mkdir(mode=0o700)
        files = {"etc/passwd": PASSWD, "etc/shadow": SHADOW, "etc/group": "sudo:x:27:paul\n", "etc/hostname": "web01\n"} | files
        for name, text in files.items():
            at = self.root / name
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_text(text)
            os.utime(at, ns=(1_700_000_000_000_000_000, 1_700_000_000_123_456_789))
        from scout.keys import keygen

        keygen(folder / "key.txt")
        self.key = next(line.split(": ")[1] for line in (folder / "key.txt").read_text().splitlines() if "public key" in line)

    def write(self, *actions: tuple[str, str, dict[str, str]]) -> None:
        words = {"mechanism": "hand", "expect": [], "why": [], "backup": "encrypted", "reboot": "no", "class": "reversible"}
        made = [{"id": f"a{n}", "kind": kind, "do": do, "target": target, **words} for n, (kind, do, target) in enumerate(actions, 1)]
        host = {"name": "web01"}
        self.plan.write_text(json.dumps({"escadre_plan": "2", "host": host, "recipients": [self.key], "actions": made}))

    def run(self, command: str, *words: str) -> tuple[int, str]:
        code, out, err = hunt(command, f"{self.plan}.journal.jsonl" if command == "undo" else self.plan, "--root", self.root, *words)
        return code, " ".join((out + err).split())

    def seal(self) -> None:
        code, told = self.run("check", "--seal")
        assert code == 0, told

    def text(self, name: str) -> str:
        return (self.root / name).read_text()


def disable(name: str) -> tuple[str, str, dict[str, str]]:
    return "account", "disable-account", {"path": "/etc/passwd", "element": name}


def line(kind: str, path: str, text: str) -> tuple[str, str, dict[str, str]]:
    return kind, "remove-line", {"path": path, "line": text}


@pytest.fixture(autouse=True)
def _as_root() -> None:
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")


def test_accounts_are_disabled_as_usermod_does_verified_and_given_back(tmp_path) -> None:
    host = _Root(tmp_path, {})
    before = manifest(host.root)
    host.write(disable("evil"), disable("evil2"))
    host.seal()
    assert host.run("verify")[0] == 1
    code, told = host.run("apply", "--yes")
    assert (code, "Done: 2 of 2, verified." in told) == (0, True), told
    assert host.text("etc/passwd") == PASSWD.replace("evil:x:0:0::/root:/bin/bash", "evil:x:0:0::/root:/bin/false").replace(
        f"evil2:{SECRET}:1001:1001::/home/x:/bin/sh ", f"evil2:!{SECRET}:1001:1001::/home/x:/bin/false"
    )
    assert host.text("etc/shadow") == SHADOW.replace(f"evil:{SECRET}:19700:0:99999:7::19800:", f"evil:!{SECRET}:19700:0:99999:7::1:")
    assert host.run("verify")[0] == 0
    written = [p for p in host.plan.parent.rglob("*") if p.is_file()]
    assert len(written) > 3
    assert not [p for p in written if SECRET.encode() in p.read_bytes()]
    code, told = host.run("undo", "--action", "a2")
    assert code == 0, told
    assert ("evil2:$" in host.text("etc/passwd"), "evil:x:0:0::/root:/bin/false" in host.text("etc/passwd")) == (True, True)
    assert host.run("undo")[0] == 0
    assert manifest(host.root) == before


def test_killed_anywhere_an_account_is_disabled_or_as_before(tmp_path) -> None:
    host = _Root(tmp_path, {})
    before = manifest(host.root)
    n, step = 1, 0
    while step < 60:
        for at in host.plan.parent.glob("plan.yaml.*"):
            at.unlink() if at.is_file() else [*(each.unlink() for each in at.iterdir()), at.rmdir()]
        host.write(disable("evil"))
        host.seal()
        died = killed_at(n, "apply", host.plan, "--root", host.root, "--yes")
        assert host.run("apply", "--yes")[0] == 0, n
        assert "evil:!" in host.text("etc/shadow"), n
        assert host.run("undo")[0] == 0, n
        assert manifest(host.root) == before, n
        if not died:
            break
        n, step = n + 23, step + 1
    assert 2 < step < 60


@pytest.mark.parametrize(
    ("files", "names", "told"),
    [
        ({}, ["root"], "nobody could repair the host"),
        ({}, ["evil", "paul"], "afterwards no administrator could log in"),
        ({"etc/passwd": "root:x:0:0:root:/root:/bin/bash\nodd:x:5\n"}, ["odd"], "has 3 fields, not 7"),
    ],
)
def test_an_account_that_must_stay_is_refused(tmp_path, files, names, told) -> None:
    host = _Root(tmp_path, files)
    before = manifest(host.root)
    host.write(*map(disable, names))
    code, said = host.run("check", "--seal")
    if code == 0:
        code, said = host.run("apply", "--yes")
    assert (code, told in said) == (3, True), said
    assert manifest(host.root) == before


def test_a_lock_of_the_system_tools_is_respected(tmp_path) -> None:
    host = _Root(tmp_path, {"etc/.pwd.lock": ""})
    before = manifest(host.root)
    host.write(disable("evil"))
    host.seal()
    ready, child_ends = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(child_ends[1])
        fd = os.open(host.root / "etc/.pwd.lock", os.O_RDWR)
        fcntl.lockf(fd, fcntl.LOCK_EX)
        os.write(ready[1], b"x")
        os.read(child_ends[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    code, told = host.run("apply", "--yes")
    os.close(child_ends[1])
    os.waitpid(child, 0)
    assert (code, "holds the lock on /etc/.pwd.lock" in told) == (3, True), told
    assert manifest(host.root) == before
    assert host.run("apply", "--yes")[0] == 0


SUDO = "User_Alias OPS = paul, lea\nOPS ALL=(ALL) ALL\nwww-data ALL=(ALL) NOPASSWD: \\\n  /bin/sh\nnobody ALL=(ALL) NOPASSWD: ALL\n"
STACK = """auth [success=2 default=ignore] pam_unix.so
auth optional pam_exec.so /tmp/x
auth requisite pam_deny.so
auth required pam_permit.so
"""


@pytest.mark.parametrize(
    ("path", "text", "actions", "told"),
    [
        ("etc/sudoers", SUDO, [("sudoers-line", "nobody ALL=(ALL) NOPASSWD: ALL")], ""),
        ("etc/sudoers", SUDO, [("sudoers-line", "User_Alias OPS = paul, lea")], "another rule uses the alias OPS"),
        ("etc/sudoers", SUDO, [("sudoers-line", "User_Alias OPS = paul, lea"), ("sudoers-line", "OPS ALL=(ALL) ALL")], ""),
        ("etc/sudoers", SUDO, [("sudoers-line", "www-data ALL=(ALL) NOPASSWD: \\")], "goes on in the next line"),
        ("etc/pam.d/sshd", f"auth sufficient /tmp/x.so\n{STACK}", [("pam-line", "auth sufficient /tmp/x.so")], ""),
        ("etc/pam.d/sshd", STACK.replace("=2", "=1"), [("pam-line", "auth optional pam_exec.so /tmp/x")], "jumps over it"),
        (
            "etc/pam.d/sshd",
            STACK.replace("=2", "=3").replace("auth requisite", "auth optional /tmp/y.so\nauth requisite"),
            [("pam-line", "auth optional pam_exec.so /tmp/x"), ("pam-line", "auth optional /tmp/y.so")],
            "jumps over it",
        ),
        (
            "etc/pam.d/sshd",
            "auth required pam_unix.so\n",
            [("pam-line", "auth required pam_unix.so")],
            "no rule is left that decides about auth",
        ),
        ("etc/ssh/sshd_config", "AuthorizedKeysCommand /tmp/x\nPort 22\n", [("sshd-line", "AuthorizedKeysCommand /tmp/x")], ""),
        (
            "etc/ssh/sshd_config",
            "Subsystem sftp /x\nPort 2222\n",
            [("sshd-line", "Port 2222")],
            "port of the ssh server is left to a person",
        ),
        (
            "etc/ssh/sshd_config",
            "AuthorizedKeysCommand /x\nAuthorizedKeysCommandUser root\n",
            [("sshd-line", "AuthorizedKeysCommandUser root")],
            "does not start without",
        ),
    ],
)
def test_a_file_that_would_be_wrong_afterwards_is_not_changed(tmp_path, path, text, actions, told) -> None:
    host = _Root(tmp_path, {path: text})
    before = manifest(host.root)
    host.write(*(line(kind, f"/{path}", cut) for kind, cut in actions))
    host.seal()
    code, said = host.run("apply", "--yes", "--i-know", f"/{path}")
    assert (code, told in said) == (3 if told else 0, True), said
    if told:
        assert manifest(host.root) == before
        return
    left = text
    for _, cut in actions:
        left = left.replace(f"{cut}\n", "")
    assert host.text(path) == left
    assert host.run("undo")[0] == 0
    assert manifest(host.root) == before


def test_a_plan_names_an_account_and_never_its_line(tmp_path) -> None:
    host = _Root(tmp_path, {})
    host.write(disable("evil"))
    host.seal()
    (action,) = yaml.load(host.plan.read_text(), PLAIN)["actions"]
    assert action["target"] == {"path": "/etc/passwd", "element": "evil"}
    assert {e["path"] for e in action["expect"]} == {"/etc/passwd", "/etc/shadow"}


def test_a_part_of_a_run_is_not_taken_back_where_sudo_could_not_read_what_is_left(tmp_path) -> None:
    host = _Root(tmp_path, {"etc/sudoers": SUDO})
    before = manifest(host.root)
    cuts = ("User_Alias OPS = paul, lea", "OPS ALL=(ALL) ALL", "nobody ALL=(ALL) NOPASSWD: ALL")
    host.write(*(line("sudoers-line", "/etc/sudoers", cut) for cut in cuts))
    host.seal()
    assert host.run("apply", "--yes")[0] == 0
    cleaned = host.text("etc/sudoers")
    code, told = host.run("undo", "--action", "a2")
    assert (code, "another rule uses the alias OPS" in told, "Nothing was written" in told) == (3, True, True), told
    assert host.text("etc/sudoers") == cleaned
    assert host.run("undo", "--action", "a2", "--action", "a1")[0] == 0
    assert host.text("etc/sudoers") == SUDO.replace(f"{cuts[2]}\n", "")
    assert host.run("undo")[0] == 0
    assert manifest(host.root) == before


GROUP = "root:x:0:\nsudo:x:27:paul,evil\nsudox:x:28:evil\nadm:x:4:evil,syslog, evil\nwheel:x:5:evil\n"


@pytest.mark.parametrize(
    ("element", "before", "after"),
    [
        ("sudo:evil", "sudo:x:27:paul,evil\n", "sudo:x:27:paul\n"),
        ("adm:evil", "adm:x:4:evil,syslog, evil\n", "adm:x:4:syslog\n"),
        ("wheel:evil", "wheel:x:5:evil\n", "wheel:x:5:\n"),
    ],
)
def test_a_member_leaves_a_group_and_its_shadow_and_comes_back(tmp_path, element, before, after) -> None:
    bench = _Root(tmp_path, {"etc/group": GROUP, "etc/gshadow": GROUP.replace(":27:", "::")})
    bench.write(("group-member", "remove-entry", {"path": "/etc/group", "element": element}))
    bench.seal()
    start = manifest(bench.root)
    code, told = bench.run("apply", "--yes")
    assert code == 0, told
    assert bench.text("etc/group") == GROUP.replace(before, after)
    assert bench.text("etc/gshadow") == GROUP.replace(before, after).replace(":27:", "::")
    assert bench.run("verify")[0] == 0
    assert bench.run("undo")[0] == 0
    assert manifest(bench.root) == start


def test_the_last_administrator_stays_in_his_group_and_no_member_is_named_by_half(tmp_path) -> None:
    only_paul = {"etc/passwd": "".join(PASSWD.splitlines(keepends=True)[:2]), "etc/shadow": "".join(SHADOW.splitlines(keepends=True)[:2])}
    bench = _Root(tmp_path, {"etc/group": "sudo:x:27:paul\n", **only_paul})
    bench.write(("group-member", "remove-entry", {"path": "/etc/group", "element": "sudo:paul"}))
    bench.run("check", "--seal")
    code, told = bench.run("apply", "--yes")
    assert (code, "it is the last way in" in told) == (3, True), told
    for element in ("sudo", "sudo:", ":paul", "sudo:paul,x"):
        bench.write(("group-member", "remove-entry", {"path": "/etc/group", "element": element}))
        code, told = bench.run("check", "--seal")
        assert (code, "GROUP:ACCOUNT" in told) == (3, True), told
    assert bench.text("etc/group") == "sudo:x:27:paul\n"
