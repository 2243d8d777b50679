"""A host in a network namespace of its own is cut off but for the responder and comes back by itself; block lists are text."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from commodore.case.indicators import FoundIndicator
from hunter.contain import applocker, blocklist, isolation, windows, windows_firewall
from tests.conftest import ROOT, need
from tests.hunter.conftest import findings_of, read_rows, write_rows
from tests.hunter.driver import hunt

NETWORKS = ["10.9.0.2", "192.0.2.0/24 2001:db8::5", "10.0.0.0/8 10.9.0.2"]


def namespace(script: str, *arguments: object, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a Python script in a namespace with three hosts: `host` (this one), `friend` 10.9.1.2 and `foe` 10.9.2.2."""
    need(bool(shutil.which("nft") and shutil.which("ip") and shutil.which("unshare")) and os.geteuid() == 0, "nftables, iproute2 and root")
    setup = """
ip link set lo up
for n in 1 2; do
  unshare -n sleep 300 & pids="$pids $!"
  until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
  ip link add v$n type veth peer name p$n netns $!
  ip addr add 10.9.$n.1/24 dev v$n; ip link set v$n up
  nsenter -t $! -n sh -c "ip link set lo up; ip addr add 10.9.$n.2/24 dev p$n; ip link set p$n up"
done
trap 'kill $pids' EXIT
PIDS="$pids" "$@"
"""
    done = subprocess.run(
        ["unshare", "-n", "bash", "-c", setup, "bash", sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        check=False,
    )
    if "Operation not permitted" in done.stderr or "Operation not supported" in done.stderr:
        pytest.skip("this machine gives no network namespace")
    return done


PING = """
import os, subprocess, sys
def reached(address, where=None):
    code = "import socket,sys; s=socket.socket(); s.settimeout(1); sys.exit(s.connect_ex((sys.argv[1], int(sys.argv[2]))) not in (0, 111))"
    into = ["nsenter", "-t", where, "-n"] if where else []
    return subprocess.run([*into, sys.executable, "-c", code, address, "9"]).returncode == 0
friend, foe = os.environ["PIDS"].split()
def seen():
    return [reached("10.9.1.2"), reached("10.9.2.2"), reached("10.9.1.1", friend), reached("10.9.2.1", foe), reached("127.0.0.1")]
"""


def test_only_the_responder_and_the_host_itself_are_reached_and_the_kernel_ends_it() -> None:
    script = (
        PING
        + """
import time
from hunter.contain import isolation
print(seen(), isolation.left())
isolation.isolate(isolation.networks("10.9.1.2"), 600)
print(seen(), isolation.left() > 500)
isolation.isolate(isolation.networks("10.9.1.2"), 2)
while isolation.left():
    time.sleep(0.2)
print(seen(), isolation.left())
isolation.release()
isolation.release()
print(subprocess.run(["nft", "list", "tables"], capture_output=True, text=True).stdout == "")
"""
    )
    done = namespace(script)
    assert done.stdout.splitlines() == [
        "[True, True, True, True, True] 0",
        "[True, False, True, False, True] True",
        "[True, True, True, True, True] 0",
        "True",
    ], done.stdout + done.stderr


def test_as_an_action_of_a_plan_with_undo_and_never_against_who_works_there(tmp_path) -> None:
    """The plan of this very machine, in a namespace of its own: contain, check, apply, status of the connection, undo."""
    script = (
        PING
        + """
from pathlib import Path
from tests.hunter.driver import hunt
from scout.keys import keygen
folder = Path(sys.argv[1]); key = folder / "key.txt"; keygen(key)
recipient = next(l.split(": ")[1] for l in key.read_text().splitlines() if "public key" in l)
plan = folder / "plan.yaml"
refused = hunt("contain", plan, "--allow", "10.9.2.2", "-r", recipient)
print(refused[0], "cut off 10.9.1.2" in refused[2], plan.exists())
print(hunt("contain", plan, "--allow", "10.9.1.2", "--allow", "10.9.3.0/24", "--hours", "2", "-r", recipient)[0])
print(hunt("apply", plan)[0], seen()[1])
os.environ["SSH_CONNECTION"] = "10.9.2.2 50000 10.9.2.1 22"
print(hunt("apply", plan, "--yes")[0], seen()[1])
os.environ["SSH_CONNECTION"] = "10.9.1.2 50000 10.9.1.1 22"
print(hunt("apply", plan, "--yes")[0], seen())
print(hunt("verify", plan)[0])
print(hunt("undo", f"{plan}.journal.jsonl")[0], seen())
"""
    )
    done = namespace(script, tmp_path, environment={"SSH_CONNECTION": "10.9.1.2 50000 10.9.1.1 22", "XDG_CONFIG_HOME": str(tmp_path / "x")})
    assert done.stdout.splitlines() == [
        "3 True False",
        "0",
        "0 True",
        "3 True",
        "0 [True, False, True, False, True]",
        "0",
        "0 [True, True, True, True, True]",
    ], done.stdout + done.stderr


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (b"A=1\0SSH_CONNECTION=198.51.100.7 5 10.0.0.1 22\0", {"198.51.100.7"}),
        (b"SSH_CLIENT=2001:db8::7 5 22\0", {"2001:db8::7"}),
        (b"SSH_CONNECTION=::ffff:198.51.100.7 5 ::ffff:10.0.0.1 22\0", {"198.51.100.7"}),
        (b"SSH_CONNECTION=fe80::1%eth0 5 fe80::2%eth0 22\0", {"fe80::1"}),
        (b"XSSH_CONNECTION=198.51.100.7 5 10.0.0.1 22\0", set()),
        (b"SSH_CONNECTION=UNKNOWN 5 6 7\0", set()),
    ],
)
def test_who_works_on_the_host_is_read_from_what_sshd_says(given, found) -> None:
    assert {str(a) for a in isolation.responders([given])} == found


@pytest.mark.parametrize(
    ("allow", "hours", "says"),
    [
        ("0.0.0.0/0", 4, "allows too much"),
        ("10.0.0.1/8", 4, "no address"),
        ("evil.example", 4, "no address"),
        ("1.2.3.4; reboot", 4, "no address"),
        ("10.0.0.1", 0, "minutes must be"),
        ("10.0.0.1", 1000, "minutes must be"),
    ],
)
def test_a_wrong_address_or_duration_is_refused(tmp_path, allow, hours, says) -> None:
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    code, _, err = hunt("contain", tmp_path / "plan.yaml", "--allow", allow, "--hours", hours, "-r", recipient)
    assert (code, says in err) == (2, True), err
    assert not (tmp_path / "plan.yaml").exists()


@pytest.mark.parametrize("text", NETWORKS)
def test_the_windows_script_blocks_everything_but_what_is_allowed(tmp_path, text) -> None:
    """Every address is in the blocked ranges or allowed, never both: checked at every edge."""
    allowed = isolation.networks(text)
    made = windows.script(allowed, 60)
    ranges = [tuple(map(ipaddress.ip_address, pair)) for pair in re.findall(r"'([0-9a-f.:]+)-([0-9a-f.:]+)'", made)]
    edges = [a for n in allowed for a in (n.network_address - 1, n.network_address, n.broadcast_address, n.broadcast_address + 1)]
    for address in [*edges, *map(ipaddress.ip_address, ("0.0.0.0", "255.255.255.255", "::", "127.0.0.1", "::1", "8.8.8.8", "ffff::"))]:
        blocked = any(first.version == address.version and first <= address <= last for first, last in ranges)
        free = any(address in n for n in allowed if n.version == address.version) or address.is_loopback
        assert blocked != free, address
    code, out, err = hunt("contain", tmp_path / "p", *(w for a in text.split() for w in ("--allow", a)), "--script", tmp_path / "x.ps1")
    assert code == 0 and (tmp_path / "x.ps1").read_bytes().count(b"\r\n") > 20, out + err
    assert hunt("contain", tmp_path / "p", "--allow", "10.0.0.1", "--script", tmp_path / "x.ps1")[0] == 2


def test_the_task_that_ends_an_isolation_of_windows_is_one_of_the_system_and_takes_all_back() -> None:
    """Read by the standard library, by the element names of [MS-TSCH]."""
    end = datetime(2026, 11, 30, 14, 5, tzinfo=UTC)
    root = ET.fromstring(windows_firewall.definition("C:\\Windows & x\\netsh.exe", end, ["publicprofile"]).partition("?>")[2])
    words = {element.tag.rpartition("}")[2]: element.text for element in root.iter() if element.text}
    assert (words["UserId"], words["StartBoundary"], words["StartWhenAvailable"]) == ("S-1-5-18", "2026-11-30T14:05:00Z", "true")
    runs = [tuple(part.text for part in execution) for execution in root.iter() if execution.tag.endswith("Exec")]
    assert runs == [
        ("C:\\Windows & x\\netsh.exe", 'advfirewall firewall delete rule name="Escadre isolation"'),
        ("C:\\Windows & x\\netsh.exe", "advfirewall set publicprofile state off"),
    ]
    assert windows_firewall._OFF.search(windows_firewall.definition("x", end, [])) is None


def indicator(kind: str, value: str, why: str = "seen") -> FoundIndicator:
    return FoundIndicator(kind, value, ("web01",), "", "", 1, why)


def lists() -> blocklist.BlockLists:
    return blocklist.lists_of(
        [
            indicator("ip", "203.0.113.40"),
            indicator("ip", "8.8.4.4", "one\nTwo: $(reboot) `x`\x1b[31m"),
            indicator("ip", "10.1.2.3"),
            indicator("cidr", "9.0.0.0/8"),
            indicator("ip", "2606:4700::1"),
            indicator("domain", "Evil.Example.ORG."),
            indicator("domain", "localhost"),
            indicator("domain", "intranet.corp"),
            indicator("domain", "bad name.org\n* CNAME ."),
            indicator("url", "http://user@drop.zone.net:8080/a?b"),
            indicator("url", "https://[2606:4700::2]/x"),
            indicator("sha256", "A" * 64),
            indicator("path", "/tmp/x"),
        ]
    )


def test_only_public_addresses_and_names_of_the_internet_are_blocked() -> None:
    made = lists()
    assert sorted(made.networks) == ["2606:4700::1", "2606:4700::2", "8.8.4.4"]
    assert sorted(made.names) == ["drop.zone.net", "evil.example.org"]
    assert made.hashes["sha256"].keys() == {"a" * 64}
    left = {value for value, _ in made.left}
    assert left == {"203.0.113.40", "10.1.2.3", "9.0.0.0/8", "localhost", "intranet.corp", "bad name.org\n* CNAME .", "/tmp/x"}


def test_the_reasons_are_one_comment_each_and_never_a_rule() -> None:
    for name, text in blocklist.texts(lists()).items():
        assert "\x1b" not in text, name
        rules = [line for line in text.splitlines() if line and not line.startswith(("#", ";"))]
        assert not any("reboot" in line or line.startswith("Two") for line in rules), name
    zone = [line for line in blocklist.texts(lists())["dns.rpz"].splitlines() if line.endswith("CNAME .")]
    assert zone == ["drop.zone.net CNAME .", "*.drop.zone.net CNAME .", "evil.example.org CNAME .", "*.evil.example.org CNAME ."]


def test_nft_takes_the_list(tmp_path) -> None:
    path = tmp_path / "firewall.nft"
    path.write_text(blocklist.texts(lists())["firewall.nft"])
    script = (
        PING
        + """
print(subprocess.run(["nft", "-f", sys.argv[1]]).returncode, subprocess.run(["nft", "-f", sys.argv[1]]).returncode)
print(subprocess.run(["nft", "list", "table", "inet", "escadre_block"], capture_output=True, text=True).stdout.count("drop"))
"""
    )
    done = namespace(script, path)
    assert done.stdout.splitlines() == ["0 0", "6"], done.stdout + done.stderr


def test_hash_rules_are_of_the_authenticode_digest_and_allow_everything_else() -> None:
    """The file's own hash chooses the program; the rule has its digest. A second pair of eyes on the XML: the standard library's."""
    hashes = {"a" * 64: 'seen "<b>&', "b" * 64: "not collected"}
    programs = [
        {"file.hash.sha256": "a" * 64, "file.name": 'x"<.exe', "file.size": 7, "escadre.signature.digests": ["1" * 40, "2" * 64]},
        {"file.hash.sha256": "c" * 64, "file.name": "innocent.exe", "file.size": 7, "escadre.signature.digests": ["3" * 40, "4" * 64]},
        {"file.hash.sha256": "a" * 64, "file.name": "no-digest.exe", "escadre.signature.digests": None},
    ]
    text, blocked = applocker.policy(hashes, programs)
    root = ET.fromstring(text)
    (collection,) = root
    assert (collection.get("Type"), collection.get("EnforcementMode"), blocked) == ("Exe", "AuditOnly", {"a" * 64})
    assert [(rule.tag, rule.get("Action")) for rule in collection] == [("FilePathRule", "Allow"), ("FileHashRule", "Deny")]
    assert collection[0].find(".//FilePathCondition").get("Path") == "*"
    found = collection[1].find(".//FileHash")
    assert (found.get("Data"), found.get("SourceFileName"), found.get("SourceFileLength")) == ("0x" + "2" * 64, 'x"<.exe', "7")
    assert applocker.policy({}, programs) == ("", set())


def test_the_lists_of_a_case(bench, tmp_path) -> None:
    bench.plan_here(["file", "cron-entry"])
    rows = read_rows(findings_of(bench.case))
    ioc = {**rows[0], "rule.id": "domain:evil.zone.net", "rule.category": "ioc", "count": 3, "message": "a name", "target": None}
    write_rows(findings_of(bench.case), [*({**row, "rule.category": "persistence", "count": 1} for row in rows), ioc])
    code, out, err = hunt("blocklist", bench.case, "-o", tmp_path / "lists")
    assert code == 0 and "1 domain" in out, out + err
    assert "evil.zone.net" in (tmp_path / "lists/domains.txt").read_text()
    assert rows[0]["target"]["file"]["sha256"] in (tmp_path / "lists/sha256.txt").read_text()
    code, _, err = hunt("blocklist", bench.case, "-o", tmp_path / "lists")
    assert code == 2 and "exists already" in err
    code, _, err = hunt("blocklist", Path(tmp_path), "-o", tmp_path / "no")
    assert code == 2 and "Traceback" not in err
