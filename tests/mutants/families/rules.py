"""What an analyst loads: Sigma rules and lists of indicators, which are often taken from others. Records are matched with what was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from commodore import catalogue
from commodore.detection import Detection
from scout.console import Complaint
from scout.formats.yara_rules import RuleText, YaraRules, external
from tests.commodore.damage import GOLDEN, HOST
from tests.mutants.family import Family, Read

SIGMA = rb"""title: Download by a shell
id: 7d3c4f2e-9a51-4c1b-8e57-0f6f2a1b3c4d
status: test
level: high
tags: [attack.t1059.004]
logsource: {product: linux, category: process_creation}
detection:
  selection:
    CommandLine|contains|all: [curl, '/tmp/']
    Image|endswith: ['\sh', '\bash']
    ProcessId|gt: 10
    CommandLine|re: 'c[ou]rl\s+-[a-z]+'
    DestinationIp|cidr: 198.51.100.0/24
  filter:
    - User: root
    - CommandLine|windash|base64offset|contains: 'x -y'
  keywords: [nc, "wget*", 'a?b']
  condition: (selection or 1 of keywords*) and not all of filter
---
title: Second
id: 7d3c4f2e-9a51-4c1b-8e57-0f6f2a1b3c4e
logsource: {product: windows, service: security}
detection: {a: {EventID: [4624, 4625], LogonType: 3}, condition: a}
"""
YARA = rb"""import "pe"
rule Helper : tool
{
  meta:
    author = "x"
    score = 75
  strings:
    $a = "helper" ascii wide nocase
    $b = { 4D 5A [2-4] 90 ?? }
    $c = /hel+per[0-9]{1,4}/i
  condition:
    uint16(0) == 0x5A4D or filename matches /h.*\.exe/ or any of them
}
rule Second { strings: $a = "x" xor condition: #a > 2 and filesize < 1MB }
private rule Third { condition: pe.number_of_sections > 3 and Helper }
"""
SAMPLE = b"MZ\1\2\x90\0 the helper12 xxx"
INDICATORS = b"""# hashes, names and places
d41d8cd98f00b204e9800998ecf8427e
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
198.51.100.23
198.51.100.0/24
2001:db8::23
update[.]example
hxxp://update.example/a?b=1
C:\\Windows\\Temp\\helper.exe
/var/tmp/.cache/helper.sh
helper.exe
somebody@example.org
"""
CSV = b"""type,value,comment
sha256,e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855,empty
ip,198.51.100.23,
domain,update.example,x
"""


def families(folder: Path) -> Iterator[Family]:
    """Yield rules and indicators."""
    yield Family("sigma_rules", [("rules/rule.yml", SIGMA)], lambda folder: _reader(folder, "rules"))
    yield Family("yara_rules", [("rule.yar", YARA)], lambda _: _yara)
    yield Family("indicators", [("indicators.txt", INDICATORS), ("indicators.csv", CSV)], lambda folder: _reader(folder, "iocs"))


def _yara(name: str, data: bytes) -> Counter[str]:
    rules = YaraRules([RuleText(name, data)])
    failed: list[str] = []
    found = Counter(records=len(rules), refused=len(rules.refused))
    found["hits"] += len(list(rules.match(SAMPLE, external("/tmp/helper.exe", SAMPLE, "root"), 20, failed)))
    found["failed"] += len(failed)
    return found


def _reader(folder: Path, what: str) -> Read:
    import orjson

    lines = [line for name in ("auth_log", "evtx", "cron") for line in (GOLDEN / name / "expected.jsonl").read_bytes().splitlines()]
    records = [{"escadre.id": "0" * 32} | record for line in lines[::8] if (record := orjson.loads(line)).get("event.dataset")]

    def read(name: str, data: bytes) -> Counter[str]:
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)
        try:
            detection = Detection.load(**{what: [file]}, cache=None if what == "iocs" else folder / "cache")
        except Complaint:
            return Counter(refused=1)
        finally:
            for old in (folder / "cache").glob("*") if what == "rules" else ():
                old.unlink()
        found = Counter(records=detection.loaded + detection.indicators, refused=len(detection.refused))
        for record in records:
            found["hits"] += len(detection.match(catalogue.artefacts()[record["event.dataset"]].artefact, [record], HOST))
        return found

    return read
