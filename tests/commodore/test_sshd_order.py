"""Settings of sshd over several files: the first value counts, in the order of the Includes. Held against sshd itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from commodore.artefact import Record
from commodore.artefacts.linux.files import startup_files
from commodore.case.reader import CaseReader
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.persistence.sshd_order import MAIN, order_of
from tests.commodore.cases import ledger, members
from tests.commodore.reported import *  # noqa: F403  (a fixture)

INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf\n"
D = "/etc/ssh/sshd_config.d/"
CASES = {
    # linagora/open-bastion 124: the drop-in of cloud-init is read before the site's own
    "two drop-ins": ({MAIN: INCLUDE + "MaxAuthTries 3\n", f"{D}50-a.conf": "MaxAuthTries 4\n", f"{D}60-b.conf": "MaxAuthTries 5\n"}, "4"),
    # cfengine/buildscripts 2136: what is before the Include counts
    "before the Include": ({MAIN: "MaxAuthTries 3\n" + INCLUDE, f"{D}50-a.conf": "MaxAuthTries 4\n"}, "3"),
    "no Include": ({MAIN: "MaxAuthTries 3\n", f"{D}50-a.conf": "MaxAuthTries 4\n"}, "3"),
    "Include in a block": ({MAIN: "Match User bob\n  " + INCLUDE, f"{D}50-a.conf": "MaxAuthTries 4\n"}, "4"),
    "Include in the block of another": ({MAIN: "MaxAuthTries 3\nMatch User eve\n  " + INCLUDE, f"{D}50-a.conf": "MaxAuthTries 4\n"}, "3"),
    # YunoHost/issues 1938: a line at the end of the file is in the block
    "end of a file": ({MAIN: "Match User bob\nX11Forwarding no\nMaxAuthTries 3\n"}, "3"),
    "a block ends with its file": (
        {MAIN: INCLUDE + "MaxAuthTries 3\n", f"{D}50-a.conf": "Match User eve\nMaxAuthTries 4\n", f"{D}60-b.conf": "MaxAuthTries 5\n"},
        "5",
    ),
    "names with a dot": ({MAIN: INCLUDE + "MaxAuthTries 3\n", f"{D}.a.conf": "MaxAuthTries 4\n"}, "3"),
    "several patterns": (
        {MAIN: 'Include "/etc/ssh/b.conf" /etc/ssh/a.conf\n', "/etc/ssh/a.conf": "MaxAuthTries 4\n", "/etc/ssh/b.conf": "MaxAuthTries 5\n"},
        "5",
    ),
    "an Include within another": (
        {MAIN: INCLUDE, f"{D}a.conf": "Include /etc/ssh/b.conf\nMaxAuthTries 4\n", "/etc/ssh/b.conf": "MaxAuthTries 5\n"},
        "5",
    ),
}  # fmt: skip


def settings(files: dict[str, str]) -> list[dict]:
    found = []
    for path, text in files.items():
        found += [i.fields for i in startup_files.parse(Evidence(path, text.encode()), Host("c")) if isinstance(i, Record)]
    return [record for record in found if record.get("escadre.format") == "sshd"]


def effective(files: dict[str, str], word: str, user: str) -> str:
    """The value that the order leaves: of the block of the user, else of all."""
    order, values = order_of(settings(files), files), {}
    for record in settings(files):
        key, _, value = record["escadre.settings"][0].partition("=")
        place = (record["file.path"], record["escadre.line_number"])
        scope = order.scopes.get(place, record.get("escadre.scope", ""))
        if key == word and place not in order.instead and "escadre.startup.passed_over" not in record:
            values[scope] = value
    return values.get(f"Match User {user}") or values[""]


@pytest.mark.parametrize(("files", "value"), CASES.values(), ids=CASES)
def test_the_value_that_sshd_takes_is_the_only_one_that_is_not_passed_over(files: dict[str, str], value: str) -> None:
    assert effective(files, "MaxAuthTries", "bob") == value


@pytest.mark.skipif(not shutil.which("sshd", path="/usr/sbin:/usr/local/sbin"), reason="sshd is not installed")
@pytest.mark.parametrize(("files", "value"), CASES.values(), ids=CASES)
def test_sshd_itself_takes_that_value(files: dict[str, str], value: str, tmp_path: Path) -> None:
    for path, text in files.items():
        (tmp_path / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path[1:]).write_text(text.replace("/etc/ssh", f"{tmp_path}/etc/ssh"))
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    command = [sshd, "-T", "-h", key, "-f", tmp_path / MAIN[1:], "-C", "user=bob,host=h,addr=192.0.2.1"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"maxauthtries {value}\n" in ran.stdout, ran.stderr


def test_a_finding_says_which_value_sshd_takes_and_the_ledger_what_was_not_judged(host) -> None:
    files = {
        "etc/ssh/sshd_config": "PermitEmptyPasswords no\n" + INCLUDE + "Include extra/*\n",
        "etc/ssh/sshd_config.d/x.conf": "PermitEmptyPasswords yes\n",
        "etc/ssh/sshd_config.d/empty.conf": "# nothing\n",
        "etc/ssh/extra/a": "PermitRootLogin yes\n",
        "etc/sudoers": "@include /etc/sudo\\ x\n#includedir /opt/sudo.d\n@includedir /etc/sudoers.d\n",
        "etc/sudo x": "x",
        "opt/sudo.d/a": "x",
        "opt/sudo.d/a.b": "x",
        "etc/sudoers.d/a": "# nothing\n",
    }
    case = host(files)
    (finding,) = [f for f in CaseReader(case).findings() if f["escadre.severity"] == "high"]
    assert "(sshd takes the value of line 1 of /etc/ssh/sshd_config)" in finding["message"]
    assert not [line["reason"] for line in ledger(case) if "not judged" in str(line["reason"])]
    formats = {line["path"] for line in members(case) if "startup_files" in (line.get("included_by") or ())}
    assert formats >= {"/etc/ssh/extra/a", "/etc/sudo x", "/opt/sudo.d/a"} and "/opt/sudo.d/a.b" not in formats
