"""Evidence does not decide what is done: what a command names is listed, and only what is known of a file itself makes it a target."""

from __future__ import annotations

import base64
import json
import os

import pytest

from commodore.persistence.evidence import evidence_rules
from fixtures.linux import build
from hunter.catalogue import catalogue
from hunter.guard import forbidden
from hunter.plan.yaml_text import read
from hunter.planning.evidence import TRAITS, independent
from hunter.ref import Ref
from scout.formats.linux_paths import MADE_UNITS, SYSTEM_UNITS, USER_UNITS
from tests.hunter.conftest import GUILTY, findings_of, manifest, write_case
from tests.hunter.driver import hunt
from tests.hunter.test_chain import collect, tool

NEEDED = [
    "/etc/iptables/rules.v4",
    "/etc/network/interfaces",
    "/var/lib/dpkg/status",
    "/etc/profile",
    "/var/log/auth.log",
    "/usr/local/bin/backup.sh",
    "/home/paul/.bashrc",
    "/opt/app/server",
    "/root/.ssh/id_ed25519",
]
LINES = {
    ("text-line", "/etc/profile"),
    ("history-line", "/etc/profile"),
    ("firewall-line", "/etc/iptables/rules.v4"),
    ("init-line", "/etc/network/interfaces"),
}
"""kinds of removal that take a line of such a file, never the file"""
PAYLOAD = "/dev/shm/.k/agent"


@pytest.fixture
def planted(bench):
    """A host with one cron line of an intruder that names files of the system beside his own, processed to a case by the real tools."""
    root = bench.folder / "host"
    root.mkdir()
    build.build(root)
    for path in (*NEEDED, PAYLOAD):
        at = root / path[1:]
        at.parent.mkdir(parents=True, exist_ok=True)
        if not at.exists():
            at.write_bytes(b"#!/bin/sh\n# content of " + path.encode() + b"\n")
        at.chmod(0o755)
    line = f"*/5 * * * * root {PAYLOAD} {' '.join(NEEDED)}; {'; '.join(NEEDED)}\n"
    (root / "etc/cron.d/planted").write_text(line)
    recipient = bench.recipient()
    archive = collect(bench.folder / "first", root, recipient, "--profile", "full")
    assert tool("commodore", "process", archive, "-i", bench.key, "-o", bench.case) in (0, 1)
    bench.root = root
    return bench


def test_a_program_whose_name_is_no_utf_8_is_found_and_goes(bench) -> None:
    """A shell takes the bytes as they are; the text of the record has escapes, which are no syntax."""
    root, name = bench.folder / "host", b"/tmp/.x/\xff\xfe"
    root.mkdir()
    build.build(root)
    (root / "tmp/.x").mkdir(parents=True)
    at = os.fsencode(root) + name
    with open(at, "wb") as out:
        out.write(b"#!/bin/sh\n: inert\n")
    os.chmod(at, 0o755)
    (root / "etc/cron.d/planted").write_bytes(b"* * * * * root " + name + b" -q\n")
    assert tool("commodore", "process", root, "-o", bench.case) in (0, 1)
    code, _, err = hunt("plan", bench.case, "-o", bench.plan, "-r", bench.recipient())
    assert code == 0, err
    plan = read(bench.plan.read_bytes())
    assert base64.b64encode(name).decode() in {a["target"].get("path_base64") for a in plan["actions"] if a["kind"] == "file"}
    assert not [e["path"] for e in plan.get("not_in_plan", ()) if e["path"].startswith("/tmp/.x/")]


def test_a_command_line_does_not_write_the_plan(planted) -> None:
    code, _, err = hunt("plan", planted.case, "-o", planted.plan, "--severity", "medium")
    assert code == 0, err
    plan = read(planted.plan.read_bytes())
    files = {a["target"].get("path") for a in plan["actions"] if a["kind"] == "file"}
    assert PAYLOAD in files
    assert not files & set(NEEDED)
    listed = {e["path"]: e["why"] for e in plan["not_in_plan"]}
    collected = {path for path in NEEDED if listed.get(path, "").startswith("is only named by the command")}
    assert {"/etc/network/interfaces", "/var/lib/dpkg/status", "/etc/profile", "/var/log/auth.log"} <= collected
    assert set(NEEDED) <= set(listed)
    assert [a for a in plan["actions"] if a["target"].get("path") == "/etc/cron.d/planted"]
    before = manifest(planted.root)
    code, out, err = hunt("apply", planted.plan, "--root", planted.root, "--yes")
    assert code == 0, out + err
    after = manifest(planted.root)
    assert not [path for path in NEEDED if before[path[1:]] != after.get(path[1:])]
    assert PAYLOAD[1:] not in after


PROCESSES = sorted(kind for kind, entry in catalogue().items() if entry.object == "process")
ANYWHERE = {"file-mode", *PROCESSES}
"""These leave every file in place: one takes rights off a program, wherever it lies, the others end what runs. See below."""
KEEP_RIGHTS = (
    *("/usr/lib/openssh/ssh-keysign", "/usr/libexec/openssh/ssh-keysign", "/usr/bin/sudo", "/usr/bin/su", "/bin/mount", "/usr/bin/umount"),
    *("/usr/bin/pkexec", "/usr/lib/dbus-1.0/dbus-daemon-launch-helper", "/usr/libexec/dbus-1/dbus-daemon-launch-helper", "/bin/ping"),
    *("/usr/sbin/unix_chkpwd", "/sbin/unix_chkpwd", "/usr/bin/ping", "/usr/bin/passwd", "/usr/bin/crontab", "/usr/bin/fusermount3"),
    *("/usr/lib/polkit-1/polkit-agent-helper-1", "/usr/lib/snapd/snap-confine", "/opt/google/chrome/chrome-sandbox", "/usr/sbin/postdrop"),
)
"""setuid, setgid or with capabilities on Debian 12, Fedora 40 or SUSE 15 as they are installed"""
RUN_THE_HOST = (
    *("/usr/lib/systemd/systemd", "/lib/systemd/systemd-journald", "/sbin/init", "/usr/sbin/sshd", "/usr/bin/dbus-daemon", "/sbin/agetty"),
    *("/usr/lib/openssh/sshd-session", "/usr/sbin/NetworkManager", "/usr/sbin/rsyslogd", "/opt/CrowdStrike/falcon-sensor"),
    *("/Windows/System32/csrss.exe", "/WINDOWS/system32/LSASS.EXE", "/Windows/System32/svchost.exe", "/windows/System32/winlogon.exe"),
    *("/Windows/System32/services.exe", "/Windows/System32/wsmprovhost.exe", "/Program Files/Windows Defender/MsMpEng.exe"),
)


@pytest.mark.parametrize("path", NEEDED[:5])
@pytest.mark.parametrize("kind", sorted(set(catalogue()) - ANYWHERE))
def test_no_kind_acts_on_what_a_host_needs(path, kind) -> None:
    assert bool(forbidden(kind, Ref("file", path))) is ((kind, path) not in LINES)


@pytest.mark.parametrize("kind", sorted(set(catalogue()) - {"file"} - ANYWHERE))
@pytest.mark.parametrize("path", ["/home/paul/notes", "/etc/motd", "/usr/bin/tool", "/var/tmp/x", "/etc/cron.daily/x", "/opt/x/app.conf"])
def test_a_kind_acts_only_in_its_own_places(kind, path) -> None:
    assert forbidden(kind, Ref("file", path))


@pytest.mark.parametrize("path", KEEP_RIGHTS)
def test_programs_that_a_host_needs_keep_their_rights(path) -> None:
    assert forbidden("file-mode", Ref("file", path))


@pytest.mark.parametrize(
    "path", ["/tmp/ping", "/usr/local/bin/su", "/usr/bin/find", "/usr/bin/python3.11", "/home/a/sudo", "/dev/shm/mount"]
)
def test_what_only_looks_like_such_a_program_loses_them(path) -> None:
    assert not forbidden("file-mode", Ref("file", path))


@pytest.mark.parametrize("kind", PROCESSES)
@pytest.mark.parametrize("path", RUN_THE_HOST)
def test_what_runs_the_host_is_not_ended(kind, path) -> None:
    assert forbidden(kind, Ref("process", path, "700 2026-01-01T00:00:00Z"))


@pytest.mark.parametrize("path", ["/tmp/sshd", "/usr/bin/nc", "/Users/Public/lsass.exe", "/Windows/Temp/svchost.exe", "/D:/csrss.exe"])
def test_what_only_bears_such_a_name_is_ended(path) -> None:
    assert not forbidden("process", Ref("process", path, "700 2026-01-01T00:00:00Z"))


def test_a_shell_loses_the_rights_that_an_intruder_gave_it_and_stays() -> None:
    shell = Ref("file", "/usr/bin/bash")
    assert not forbidden("file-mode", shell) and forbidden("file", shell)


def test_each_planted_target_is_in_a_place_of_its_kind() -> None:
    assert not [kind for kind, path in GUILTY.items() if forbidden(kind, Ref("file", path))]


@pytest.mark.parametrize("folder", sorted({*SYSTEM_UNITS, *USER_UNITS} - MADE_UNITS))
def test_units_are_removed_where_units_are(folder) -> None:
    assert not forbidden("systemd-unit", Ref("file", f"{folder}/x.service"))


@pytest.mark.parametrize("kind", sorted(catalogue()))
def test_the_evidence_that_a_kind_accepts_is_about_that_kind(kind) -> None:
    rules = set(catalogue()[kind].evidence) - {TRAITS}
    assert {evidence_rules()[name].about for name in rules} <= {catalogue()[kind].of}


@pytest.mark.parametrize("path", ["/srv/app/.ssh/authorized_keys2", "/etc/ssh/authorized_keys/paul", "/root/.ssh/authorized_keys"])
def test_keys_are_cut_where_keys_are(path) -> None:
    assert not forbidden("authorized-key", Ref("file", path))


PROGRAM = {"mode": "0755", "sha256": "0" * 64}
TEXT = {"mode": "0644", "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("path", "facts", "holds"),
    [
        ("/tmp/x", TEXT, True),
        ("/dev/shm/a/b/c", TEXT, True),
        ("/tmp/.X11-unix/X0", PROGRAM, False),
        ("/tmp/systemd-private-1/tmp/x", PROGRAM, False),
        ("/home/paul/.x/run", PROGRAM, True),
        ("/home/paul/.x/run", TEXT, False),
        ("/home/paul/.x/run", {"sha256": "0" * 64}, False),
        ("/home/paul/.x/run", {"mode": "rwx"}, False),
        ("/home/paul/.ssh/rc", PROGRAM, False),
        ("/srv/git/.git/hooks/update", PROGRAM, False),
        ("/var/lib/x/.../run", PROGRAM, True),
        ("/.x/run", PROGRAM, True),
        ("/etc/.x/run", PROGRAM, False),
        ("/usr/bin/tool", PROGRAM, False),
        ("/usr/local/bin/backup.sh", PROGRAM, False),
        ("/etc/profile", PROGRAM, False),
        ("/tmpx/y", PROGRAM, False),
    ],
)
def test_independent_evidence(path, facts, holds) -> None:
    assert bool(independent("file", path, facts)) is holds


@pytest.mark.parametrize("kind", ["cron-entry", "authorized-key", "ld-so-preload"])
def test_a_line_is_never_a_target_because_something_names_it(kind) -> None:
    assert not independent(kind, GUILTY[kind], PROGRAM)


def test_a_line_kind_outside_of_its_places_is_refused_unless_the_user_answers_for_it(bench) -> None:
    bench.plan_here(["cron-entry"])
    other = bench.root / "etc/motd"
    other.write_bytes((bench.root / GUILTY["cron-entry"][1:]).read_bytes())
    bench.plan.write_text(bench.plan.read_text().replace(GUILTY["cron-entry"], "/etc/motd"))
    text = bench.plan.read_text()
    begin, end = text.index("    expect:"), text.index("\n    why:")
    bench.plan.write_text(text[:begin] + "    expect: []" + text[end:])
    before = manifest(bench.root)
    code, out, err = hunt("check", bench.plan, "--root", bench.root, "--seal")
    assert code == 0, out + err
    code, out, _ = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert code == 3
    assert "it is not in a place where HUNTER does remove-line (cron-entry)" in " ".join(out.split())
    assert manifest(bench.root) == before
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes", "--i-know", "/etc/motd")
    assert code == 0, out + err


def test_only_the_declared_fields_of_a_finding_become_a_target(bench) -> None:
    """A finding of a file that also carries a line, a number and another path is still a whole file."""
    import zstandard

    write_case(bench.case, bench.root, ["file"])
    path = findings_of(bench.case)
    raw = zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True).read()
    finding = json.loads(raw.splitlines()[0])
    finding["target"] |= {"line": "root:x", "line_number": 3, "name": "/etc/passwd", "data": "/etc/shadow", "links": ["/etc/profile"]}
    path.write_bytes(zstandard.compress(json.dumps(finding).encode() + b"\n"))
    assert hunt("plan", bench.case, "--known", bench.known(), "-r", bench.recipient(), "-o", bench.plan)[0] == 0
    assert [a["target"] for a in read(bench.plan.read_bytes())["actions"]] == [{"path": GUILTY["file"]}]
