"""Suspicious files: planted files of forty kinds among ordinary ones, and the reasons themselves."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from commodore.case.reader import CaseReader
from commodore.engine.process import process
from commodore.suspicion import names, reasons
from commodore.suspicion.facts import FACTS
from commodore.suspicion.reasons import scored
from tests.commodore.damage import GOLDEN
from tests.conftest import need
from tests.range import suspicious

SEVERE = ("high", "medium")


def found(root: Path, case: Path) -> dict[str, dict]:
    """Path → record, for every path of every suspicious file."""
    process([root], case, workers=1)
    return {path: record for record in CaseReader(case).records("suspicious_files") for path in record["escadre.program.paths"]}


def judged(planted: dict[str, list[str]], native, records: dict[str, dict]) -> dict[str, str]:
    return {kind: records.get(native(path), {}).get("escadre.severity", "none") for kind, paths in planted.items() for path in paths}


def test_planted_files_of_windows_are_found_and_nothing_else(tmp_path):
    root = tmp_path / "C"
    for name in ("kernel32.dll", "user32.dll", "notepad.exe", "cmd.exe"):
        suspicious.write(root, f"Windows/System32/{name}", suspicious.unique(suspicious.windows_program(), name))
    suspicious.write(root, "Windows/explorer.exe", suspicious.unique(suspicious.windows_program(), "e"))
    suspicious.write(root, "Program Files/Vendor/app.exe", suspicious.unique(suspicious.windows_program(), "a"))
    suspicious.write(root, "Users/anne/Documents/report.v2.pdf", b"%PDF-1.4")
    planted = suspicious.plant_windows(root)
    records = found(root, tmp_path / "case")
    kinds = judged(planted, lambda path: "C:\\" + path.replace("/", "\\"), records)
    assert {kind: severity for kind, severity in kinds.items() if severity not in SEVERE} == {}
    assert len(kinds) == 22
    assert len(records) == 22, "nothing else"


def test_planted_files_of_linux_are_found_and_nothing_else(tmp_path):
    root, ordinary = tmp_path / "root", [Path("/usr/bin") / name for name in ("true", "ls", "cat", "id", "env", "wc")]
    need(all(path.is_file() and path.read_bytes()[:4] == b"\x7fELF" for path in ordinary), "/usr/bin of a Linux host")
    lines = []
    for path in ordinary:
        (root / "usr/bin").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, root / "usr/bin" / path.name)
        lines.append(f"{hashlib.md5(path.read_bytes()).hexdigest()}  usr/bin/{path.name}\n")
    suspicious.write(root, "var/lib/dpkg/info/coreutils.md5sums", "".join(lines).encode())
    suspicious.write(root, "etc/passwd", b"root:x:0:0:root:/root:/bin/bash\n")
    suspicious.write(root, "etc/hostname", b"host\n")
    planted = suspicious.plant_linux(root)
    records = found(root, tmp_path / "case")
    kinds = judged(planted, lambda path: f"/{path}", records)
    assert {kind: severity for kind, severity in kinds.items() if severity not in SEVERE} == {"in /usr/bin without a package": "low"}
    assert len(kinds) == 19
    assert len(records) == 19, "nothing else"


def test_a_valid_signature_and_a_package_outweigh_a_place():
    place = {"place": "is in a temporary folder", "place_severity": "high", "format": "PE", "os": "windows"}
    assert scored(place | {"verdict": "unknown"}).severity == "medium"
    assert scored(place | {"verdict": "valid", "status": "signed by X"}).severity == ""
    changed = {"owned": "coreutils", "owned_sum": "changed", "format": "ELF", "os": "linux"}
    assert scored(changed).severity == "high"
    assert scored(changed | {"owned_sum": "same"}).severity == ""


def test_each_family_is_bounded_and_each_reason_has_a_sentence():
    facts = {name: name for name in FACTS}
    for family, (most, found_reasons) in reasons._families().items():
        assert 0 < most <= 100, family
        for reason in found_reasons:
            assert reason.words(facts).endswith("."), reason.id
    everything = {
        "place_severity": "high",
        "place": "x",
        "double": True,
        "marks": True,
        "blanks": True,
        "verdict": "invalid",
        "status": "x",
    }
    assert scored(everything).score <= 60 + 90 + 80


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("family: y\nmost: 1\nreasons: []", "`family`"),
        ("family: x\nmost: many\nreasons: []", "`most` is a number"),
        ("family: x\nmost: 1\nreasons: [{id: a, weight: 1, when: {nothing: 1}, words: A.}]", "nothing is no fact"),
        ("family: x\nmost: 1\nreasons: [{id: a, weight: 1, when: {size: {above: 1}}, words: A.}]", "no such test"),
        ("family: x\nmost: 1\nreasons: [{id: a, weight: 1, when: {size: 1}, words: '{nothing}.'}]", "nothing is no fact"),
        ("family: x\nmost: 1\nreasons: [{id: a, weight: 1, when: {size: 1}, words: A., severity: high}]", "a reason has"),
        ("family: x\nmost: 1\nreasons: [{id: a, weight: 1, when: {}, words: A.}]", "`when` is not empty"),
    ],
)
def test_a_file_of_reasons_of_another_form_is_refused(text, reason):
    from scout.data import parse_yaml

    with pytest.raises(ValueError, match=reason):
        reasons._family("x.yaml", parse_yaml(text))


@pytest.mark.parametrize(
    ("path", "os", "expected"),
    [
        ("C:\\Windows\\System32\\svchost.exe", "windows", {}),
        ("C:\\Windows\\explorer.exe", "windows", {}),
        ("C:\\Users\\a\\svchost.exe", "windows", {"system_name": "svchost.exe"}),
        ("C:\\x\\svch0st.exe", "windows", {"lookalike": "svchost.exe"}),
        ("C:\\x\\scvhost.exe", "windows", {"lookalike": "svchost.exe"}),
        ("C:\\x\\svchosts.exe", "windows", {"lookalike": "svchost.exe"}),
        ("C:\\x\\service.exe", "windows", {}),
        ("C:\\x\\report.v2.final.pdf", "windows", {}),
        ("C:\\x\\setup-1.2.3.exe", "windows", {}),
        ("C:\\x\\a.pdf.exe", "windows", {"double": True}),
        ("C:\\x\\a.tar.gz", "windows", {}),
        ("/usr/sbin/sshd", "linux", {}),
        ("/srv/chroot/usr/sbin/sshd", "linux", {}),
        ("/tmp/sshd", "linux", {"system_name": "sshd"}),
        ("/tmp/[kworker:0-1]", "linux", {"system_name": "kworker"}),
        ("/var/tmp/[kworker-0]", "linux", {"system_name": "kworker"}),
    ],
)
def test_names_that_deceive(path, os, expected):
    facts = names.facts(path, path.replace("\\", "/").rpartition("/")[2], os)
    facts.pop("system_folder"), facts.pop("hidden", None)
    assert {name: value for name, value in facts.items() if value} == expected


def test_the_planter_shares_nothing_with_the_detector():
    text = (Path(suspicious.__file__)).read_text(encoding="utf-8")
    assert "commodore" not in text and "scout" not in text
    assert (GOLDEN / "suspicious_files").is_dir()
