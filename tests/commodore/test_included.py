"""Files that others take in are collected, and read as those: the same from an archive and from a plain folder."""

from __future__ import annotations

import pytest

from tests.commodore.cases import commodore, ledger, members, records
from tests.scout.collecting import *  # noqa: F403  (fixtures)
from tests.scout.test_references import plant

HIDDEN = "/var/tmp/.x/run"
TREE = {
    "/etc/ssh/sshd_config": "Include /opt/ssh/*.conf\n",
    "/opt/ssh/a.conf": "AuthorizedKeysFile /opt/keys/%u .mine\nInclude /opt/ssh/a.conf\n",
    "/opt/keys/root": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJhZGJhZGJhZGJhZGJhZGJhZGJhZGJhZGJhZGJhZGJh a\n",
    "/home/agnes/.mine": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJhZGJhZGJhZGJhZGJhZGJhZGJhZGJhZGJhZGJhZGJh b\n",
    "/etc/sudoers": "@includedir /opt/sudo\n",
    "/opt/sudo/10": "agnes ALL=(ALL) NOPASSWD: ALL\n",
    "/opt/sudo/20.conf": "agnes ALL=(ALL) NOPASSWD: ALL\n",
    "/etc/pam.d/sshd": "auth include ../../opt/pam\n",
    "/opt/pam": f"auth optional pam_exec.so {HIDDEN}\n",
    "/etc/profile": "[ -r /opt/profile ] && . /opt/profile\n",
    "/opt/profile": f"{HIDDEN} &\n",
    "/root/.tmux.conf": "source-file /opt/tmux\n",
    "/opt/tmux": f"run-shell {HIDDEN}\n",
    "/opt/unread.conf": f"{HIDDEN} &\n",
}
READ = {"/opt/sudo/10": "sudoers", "/opt/pam": "pam", "/opt/profile": "shell", "/opt/tmux": "editor", "/opt/ssh/a.conf": "sshd"}


@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_what_a_file_takes_in_is_read_as_if_it_stood_there(root, collected, key, tmp_path, kind):
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/bash\nagnes:x:1000:1000::/home/agnes:/bin/bash\n")
    for path, content in TREE.items():
        plant(root, path, content, 0o644)
    given = (root,) if kind == "folder" else (collected(root).path, "-i", key[0])
    done = commodore("process", *given, "-o", tmp_path / "case")
    assert done.returncode == 0, done.stderr
    formats = {record["file.path"]: record["escadre.format"] for record in records(tmp_path / "case", "startup_files")}
    assert {path: found for path, found in formats.items() if path.startswith("/opt/")} == READ
    keys = {record["file.path"]: record["user.name"] for record in records(tmp_path / "case", "authorized_keys")}
    assert keys == {"/opt/keys/root": "root", "/home/agnes/.mine": "agnes"}
    (line,) = [line for line in members(tmp_path / "case") if line["path"] == "/opt/sudo/10"]
    assert line["included_by"] == {"startup_files": ["/etc/sudoers"]}
    judged = [record["message"] for record in records(tmp_path / "case", "persistence") if record.get("escadre.severity")]
    for path in ("/opt/sudo/10", "/opt/pam", "/opt/profile", "/opt/tmux", "/opt/keys/root"):
        assert any(path in message for message in judged), (path, judged)


def test_files_that_take_in_more_than_the_bound_are_told(root, tmp_path):
    homes = "".join(f"u{n}:x:{n}:1::/home/u{n}:/bin/sh\n" for n in range(1, 400))
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/bash\n" + homes)
    for n in range(30):
        plant(root, f"/etc/profile.d/{n}.sh", "".join(f". ~/{line}\n" for line in range(200)), 0o644)
    assert commodore("process", root, "-o", tmp_path / "case").returncode == 0
    reasons = " ".join(str(line["reason"]) for line in ledger(tmp_path / "case"))
    assert "files take in too many others: those of 5 were not looked for" in reasons, reasons  # 25 files with 2,000 names each
