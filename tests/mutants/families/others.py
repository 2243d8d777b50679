"""What an analyst takes from others: definitions of collectors, sources of facts, documents of indicators; and WMI repositories, whose
files belong together.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from commodore.detection import Detection
from commodore.engine.tasks import Job, Task
from commodore.engine.work import Worker
from commodore.enrichment.sources import recognised
from commodore.enrichment.sources.hashes import HashList
from fixtures.wmi.writer import Repository
from hunter.planning import known
from scout.console import Complaint
from scout.formats import indicators
from scout.targets.foreign import ForeignLibrary
from tests.commodore.damage import HOST
from tests.commodore.mmdb import database
from tests.mutants.family import Family, Read

KAPE = b"""Description: Web servers
Author: x
Version: 1.0
Id: 1
RecreateDirectories: true
Targets:
    - {Name: Logs, Category: Web, Path: 'C:\\inetpub\\logs\\LogFiles\\', Recursive: true, FileMask: 'regex:u_ex.*\\.(log|txt)'}
    - {Name: Users, Category: Web, Path: 'C:\\Users\\%user%\\AppData\\', FileMask: '*.db'}
    - {Name: More, Category: Web, Path: Other.tkape}
"""
ARTIFACTS = b"""name: LinuxLogs
doc: Logs
sources:
- type: FILE
  attributes: {paths: ['/var/log/*.log{,.*}', '%%users.homedir%%/.bash_history', '/etc/**5/x']}
  supported_os: [Linux]
- type: REGISTRY_KEY
  attributes: {keys: ['HKEY_LOCAL_MACHINE\\Software\\Microsoft\\*']}
- type: ARTIFACT_GROUP
  attributes: {names: [Other]}
---
name: Other
doc: More
sources:
- type: COMMAND
  attributes: {cmd: /bin/rpm, args: [-qa]}
"""
UAC = b"""version: 1.0
artifacts:
  -
    description: Collect logs.
    supported_os: [linux]
    collector: file
    path: /var/log
    name_pattern: ["*.log", "auth*"]  # names
    max_depth: 4
    max_file_size: 1073741824
  -
    description: Run.
    supported_os: [all]
    collector: command
    command: ps aux
"""
STIX = {
    "type": "bundle",
    "objects": [
        {"type": "marking-definition", "id": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", "name": "TLP:RED"},
        {
            "type": "indicator",
            "pattern_type": "stix",
            "pattern": "[domain-name:value = 'update.example' OR file:hashes.'SHA-256' = 'ab12']",
            "confidence": 80,
            "object_marking_refs": ["marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"],
        },
        {"type": "indicator", "pattern": "[ipv4-addr:value IN ('198.51.100.23', '198.51.100.24')]", "valid_until": "2027-01-01T00:00:00Z"},
    ],
}
MISP = {
    "response": [
        {
            "Event": {
                "info": "x",
                "Tag": [{"name": "tlp:green"}],
                "Attribute": [{"type": "filename|sha256", "value": "a.exe|" + "ab" * 32}, {"type": "ip-dst", "value": "198.51.100.23"}],
                "Object": [{"Attribute": [{"type": "domain", "value": "update.example", "to_ids": True}]}],
            }
        }
    ]
}
OPENIOC = """<?xml version="1.0"?><ioc xmlns="http://schemas.mandiant.com/2010/ioc"><short_description>x</short_description><definition>
<Indicator operator="OR">
<IndicatorItem condition="is"><Context search="FileItem/Md5sum"/><Content>d41d8cd98f00b204e9800998ecf8427e</Content></IndicatorItem>
<Indicator operator="AND">
<IndicatorItem condition="contains"><Context search="Network/DNS"/><Content>update.example</Content></IndicatorItem>
</Indicator></Indicator></definition></ioc>"""
KNOWN = b"""# what the site knows
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJf5pP0b0Y4u2sXbTqz5o8v4mYbV0a5c8m4c4b5v6n7a a@b
%admin ALL=(ALL) ALL
backup
"""


def families(folder: Path) -> Iterator[Family]:
    """Yield the families; databases are made in `folder`."""
    definitions = [("Web.tkape", KAPE), ("logs.yaml", ARTIFACTS), ("logs/uac.yaml", UAC)]
    yield Family("definitions", definitions, lambda folder: lambda name, data: _definitions(folder, name, data))
    documents = [
        ("stix.json", json.dumps(STIX, indent=1).encode()),
        ("misp.json", json.dumps(MISP, indent=1).encode()),
        ("a.ioc", OPENIOC.encode()),
    ]
    yield Family("indicator_documents", documents, lambda folder: lambda name, data: _indicators(folder, name, data))
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "hashes.db")) as made:
        made.execute("create table if not exists metadata(md5 text, sha1 text, sha256 text, file_name text)")
        made.execute("create index if not exists by_md5 on metadata(md5)")
        made.executemany(
            "insert into metadata values (?, ?, ?, ?)", [(f"{n:032X}", f"{n:040X}", f"{n:064X}", f"{n}.exe") for n in range(40)]
        )
        made.commit()
    networks = {"8.8.0.0/16": {"country": {"iso_code": "US", "names": {"en": "United States"}}, "autonomous_system_number": 15169}}
    sources = [
        ("a.mmdb", database(networks)),
        ("hashes.db", (folder / "hashes.db").read_bytes()),
        ("cloud.json", json.dumps({"prefixes": [{"ip_prefix": "8.0.0.0/8", "service": "A"}, {"ipv6Prefix": "2001:db8::/32"}]}).encode()),
        (
            "drivers.json",
            json.dumps([{"Tags": ["a.sys"], "KnownVulnerableSamples": [{"MD5": "d41d8cd98f00b204e9800998ecf8427e"}]}]).encode(),
        ),
        ("good.csv", b"sha256,name\n" + b"".join(b"%064x,%d.exe\n" % (n, n) for n in range(5))),
    ]
    yield Family("fact_sources", sources, lambda folder: lambda name, data: _source(folder, name, data))
    yield Family("known_files", [("known.txt", KNOWN)], lambda folder: lambda name, data: _known(folder, name, data))
    made = Repository()
    made.put("root\\subscription", "__EventFilter", Name="f", QueryLanguage="WQL", Query="SELECT * FROM x")
    made.put("root\\subscription", "CommandLineEventConsumer", Name="c", CommandLineTemplate="cmd.exe /c echo inert")
    made.put(
        "root\\subscription", "__FilterToConsumerBinding", Consumer='CommandLineEventConsumer.Name="c"', Filter='__EventFilter.Name="f"'
    )
    files = made.files()
    changed = [(name, data) for name, data in files.items() if name not in ("MAPPING1.MAP", "MAPPING3.MAP")]
    yield Family("wmi_repositories", changed, lambda _: _repository(files))


def _written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _definitions(folder: Path, name: str, data: bytes) -> Counter[str]:
    path = _written(folder / "d", name, data)
    found: Counter[str] = Counter()
    library = ForeignLibrary([folder / "d"])
    for one in library.all.values():
        found["records"] += len(one.targets())
        found["refused"] += len(library.failures(one))
    library.choose(sorted(library.all))
    path.unlink()
    return found


def _indicators(folder: Path, name: str, data: bytes) -> Counter[str]:
    taken, refused = indicators.read_file(_written(folder, name, data))
    return Counter(records=len(taken), refused=len(refused))


def _source(folder: Path, name: str, data: bytes) -> Counter[str]:
    path = _written(folder, name, data)
    found: Counter[str] = Counter()
    try:
        source = HashList(path, "known-good") if name == "good.csv" else recognised(path)
        for kind, value in (("md5", f"{7:032x}"), ("sha256", f"{3:064x}"), ("address", "8.8.4.4"), ("address", "2001:db8::1")):
            if kind in source.kinds:
                found["records"] += bool(source.facts(kind, value))
                found["asked"] += 1
    except Complaint:
        found["refused"] += 1
    return found


def _known(folder: Path, name: str, data: bytes) -> Counter[str]:
    try:
        known.read(_written(folder, name, data))
    except Complaint:
        return Counter(refused=1)
    return Counter(records=1)


def _repository(files: dict[str, bytes]) -> Read:
    worker = Worker(Detection.load())
    roles = {"INDEX.BTR": "index", "MAPPING1.MAP": "map1", "MAPPING2.MAP": "map2", "MAPPING3.MAP": "map3"}

    def read(name: str, data: bytes) -> Counter[str]:
        now = files | {name: data}
        beside = {role: Job(0, f"C:\\{file}", now[file], (), len(now[file])) for file, role in roles.items()}
        main = now["OBJECTS.DATA"]
        result = worker.run(Task(0, HOST, [Job(0, "C:\\OBJECTS.DATA", main, ("wmi_repository",), len(main), companions=beside)]))
        found = Counter(records=sum(result.counts.values()))
        for account in result.accounts:
            found["lost"] += sum(problem[2] for problem in account.problems)
            for problem in account.problems:
                if problem[4] == "parser-failed":
                    found[f"raised: {account.artefact}: {problem[0]}"[:160]] += 1
        return found

    return read
