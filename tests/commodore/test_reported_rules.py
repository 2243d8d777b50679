"""Rules and indicators in the forms that people write and report: what fires, what is refused with a reason, and nothing in between.

What is right comes from the Sigma specification 2, pySigma, and the reading of a text by a person.
"""

from __future__ import annotations

import pytest

from commodore import catalogue
from commodore.case.reader import CaseReader
from commodore.detection import Detection
from commodore.engine.process import process
from commodore.host import Host
from fixtures.windows.evtx import Event, build
from tests.commodore.cases import records
from tests.commodore.mft_table import TICKS

HEAD = "title: T\nid: 44444444-0000-4000-8000-000000000001\nlogsource: {product: windows, service: security}\ndetection:\n"
DATA = {"NewProcessName": "C:\\Windows\\a.exe", "CommandLine": "a -b *.txt c:\\x\\", "SubjectUserName": "bob"}
RECORD = {"winlog.channel": "Security", "event.code": "4688", "winlog.event_data": DATA, "escadre.id": "1", "message": "m"}
BOB, EVE = "{SubjectUserName: bob}", "{SubjectUserName: eve}"


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ((HEAD + f"  a: {BOB}\n  condition: a\n").replace("\n", "\r\n"), True),
        ("\ufeff" + HEAD + f"  a: {BOB}\n  condition: a\n", True),
        (HEAD + f"  a: {BOB}\n  b: {EVE}\n  condition: 1 of them\n", True),
        (HEAD + f"  a: {BOB}\n  _b: {EVE}\n  condition: all of them\n", True),  # names that begin with _ are not of them
        (HEAD + f"  sel_a: {BOB}\n  sel_b: {{EventID: 4688}}\n  f_x: {EVE}\n  condition: all of sel_* and not 1 of f_*\n", True),
        (HEAD + f"  a: {BOB}\n  b: {EVE}\n  c: {EVE}\n  condition: a or b and c\n", True),
        (HEAD + f"  a: {BOB}\n  f: {EVE}\n  condition: a AND NOT f\n", True),
        (HEAD + f"  a: {BOB}\n  b: {EVE}\n  condition:\n    - a\n    - b\n", True),
        (HEAD + "  a: {subjectusername: BOB}\n  condition: a\n", True),
        (
            HEAD + "  a:\n    - SubjectUserName: bob\n      EventID: 1\n    - SubjectUserName: bob\n      EventID: 4688\n  condition: a\n",
            True,
        ),
        (HEAD + "  a: {CommandLine|contains: '\\*.txt'}\n  condition: a\n", True),
        (HEAD + "  a: {CommandLine|contains: '\\*.tx\\*'}\n  condition: a\n", False),
        (HEAD + "  a: {CommandLine|endswith: '\\x\\'}\n  condition: a\n", True),
        (HEAD + "  a: {EventID: [4624, '4688']}\n  condition: a\n", True),
        (HEAD + "  a:\n    '|all': ['a -b', 'txt']\n  condition: a\n", True),
        (HEAD + "  a: ['nope', 'c:\\x']\n  condition: a\n", True),
        (HEAD + f"  a: {BOB}\n  condition: a | count() by SubjectUserName > 5\n", None),
        (HEAD + f"  a: {BOB}\n  a: {EVE}\n  condition: a\n", None),
        (HEAD + f"  a: {BOB}\n  condition: a and b\n", None),
        (HEAD + "  a: {}\n  condition: a\n", None),
        (HEAD + "  a: {CommandLine|re: '(a'}\n  condition: a\n", None),
        (HEAD + "\ta: x\n  condition: a\n", None),
        ("title: T\ncorrelation:\n  type: event_count\n  rules: [x]\n  group-by: [u]\n  timespan: 5m\n  condition: {gte: 5}\n", None),
    ],
)
def test_a_rule_fires_or_is_refused_with_a_reason(tmp_path, text, fires):
    (tmp_path / "r.yml").write_bytes(text.encode())
    detection = Detection.load([tmp_path / "r.yml"], [], tmp_path)
    hits = list(detection.match(catalogue.artefacts()["evtx"].artefact, [RECORD], Host("c", name="h")))
    if fires is None:
        assert (detection.loaded, hits) == (0, []) and all(one["reason"] for one in detection.refused)
    else:
        assert (detection.loaded, bool(hits)) == (1, fires)


INDICATORS = (
    "evil.example\n198.51.100.7\n%APPDATA%\\evil\\a.exe\nHKLM\\SOFTWARE\\EvilCo\n0123456789abcdef0123456789abcdef\ndropper_z.dll\n"
    "2001:db8::7\n10.9.8.0/24\n"
)
FOUND = (
    "www.evil.example.",
    "EVIL.EXAMPLE",
    "x@evil.example",
    "\\\\evil.example\\share\\a.txt",
    "http://evil.example:8443/a",
    "evil.example:443",
    "::ffff:198.51.100.7",
    "198.51.100.7:4444",
    "http://198.51.100.7/x",
    "C:\\Users\\bob\\AppData\\Roaming\\evil\\a.exe",
    "c:/users/bob/appdata/roaming/EVIL/A.EXE",
    "\\\\?\\C:\\Users\\bob\\AppData\\Roaming\\evil\\a.exe",
    "\\Device\\HarddiskVolume3\\Users\\bob\\AppData\\Roaming\\evil\\a.exe",
    "\\REGISTRY\\MACHINE\\SOFTWARE\\EvilCo\\Run",
    "HKEY_LOCAL_MACHINE\\Software\\evilco",
    "MD5=0123456789ABCDEF0123456789ABCDEF",
    "dropper_z.dll",
    "2001:DB8:0:0::7",
    "[2001:db8::7]:443",
    "10.9.8.7",
)
OTHERS = (
    "notevil.example",
    "evil.example.org",
    "198.51.100.70",
    "1198.51.100.7",
    "C:\\Users\\bob\\AppData\\Roaming\\evil\\aa.exe",
    "HKLM\\SOFTWARE\\EvilCorp",
    "0123456789abcdef0123456789abcdef00",
    "C:\\x\\dropper_z.dll.bak",
    "xdropper_z.dll",
    "2001:db8::77",
    "10.9.80.7",
)


def test_an_indicator_is_found_in_every_spelling_and_in_nothing_longer(tmp_path):
    lines = [f"cmd.exe /c run {text}" for text in (*FOUND, *OTHERS)]
    moments = [(TICKS + n * 10_000_000, "2025-08-18T14:13:20.0000000Z") for n in range(len(lines))]
    events = [Event("Application", "Prov", 1, *moments[n], "PC", {"CommandLine": line}) for n, line in enumerate(lines)]
    log = tmp_path / "host/Windows/System32/winevt/Logs/X.evtx"
    log.parent.mkdir(parents=True)
    log.write_bytes(build(events))
    (tmp_path / "list.txt").write_text(INDICATORS)
    process([tmp_path / "host"], tmp_path / "case", workers=1, iocs=[tmp_path / "list.txt"])
    read = {r["escadre.id"]: r["winlog.event_data"]["CommandLine"] for r in records(tmp_path / "case", "evtx")}
    cited = {read[i] for f in CaseReader(tmp_path / "case").findings() for i in f["escadre.records"] if i in read}
    assert cited == set(lines[: len(FOUND)])
