"""Case directories for the tests, made from corpus event logs by the `evtx` reader, in the shape that the design lays down for a case."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import evtx
import zstandard

COLLECTION = "3f0b6c1e-7a52-4d0e-9d2c-5b1f7c2a9e10"
SENTENCE = {"4624": "Logon of {TargetUserName} from {IpAddress}", "4688": "Process {NewProcessName} started", "1": "Process {Image} started: {CommandLine}"}


def write_lines(path: Path, records) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    n = 0
    with path.open("wb") as raw, zstandard.ZstdCompressor(3).stream_writer(raw) as out:
        for record in records:
            out.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
            n += 1
    return n


def flat(event, file: Path, member: int) -> dict:
    system = event["Event"]["System"]
    code = system["EventID"]
    code = str(code["#text"] if isinstance(code, dict) else code)
    data = (event["Event"].get("EventData") or {}) if isinstance(event["Event"].get("EventData") or {}, dict) else {}
    data = {k: v if isinstance(v, str) else json.dumps(v) for k, v in data.items() if v is not None and not k.startswith("#")}
    time = system["TimeCreated"]["#attributes"]["SystemTime"]
    number = str(system["EventRecordID"])
    record = {
        "@timestamp": time, "event.dataset": "evtx", "event.kind": "event", "event.category": ["process"] if code in ("1", "4688") else [],
        "event.type": [], "event.action": "logged", "event.code": code, "host.name": str(system.get("Computer")),
        "winlog.channel": str(system.get("Channel")), "winlog.record_id": number, "winlog.provider_name": str(system["Provider"]["#attributes"].get("Name")),
        "winlog.event_data": data, "escadre.collection": COLLECTION, "escadre.member": member, "escadre.source": "C:\\Windows\\System32\\winevt\\Logs\\" + file.name,
        "escadre.locator": f"record {number}", "escadre.state": "allocated", "escadre.parser": "evtx/1",
        "escadre.id": hashlib.blake2b(f"{file.name}{member}{number}".encode(), digest_size=16).hexdigest(),
        "message": f"Event {code} of {system['Provider']['#attributes'].get('Name')}: " + " ".join(list(data.values())[:4]),
    }
    for key, name in (("CommandLine", "process.command_line"), ("Image", "process.executable"), ("NewProcessName", "process.executable"), ("TargetUserName", "user.name")):
        if data.get(key) not in (None, "", "-"):
            record[name] = data[key]
    if "process.executable" in record:
        record["process.name"] = record["process.executable"].rsplit("\\", 1)[-1]
    if data.get("ProcessId", "").isdigit():
        record["process.pid"] = int(data["ProcessId"])
    for key, name in (("IpAddress", "source.ip"), ("DestinationIp", "destination.ip")):
        if data.get(key, "-") not in ("-", "", "LOCAL"):
            record[name] = data[key]
            record.setdefault("related.ip", []).append(data[key])
    return record


def from_evtx(files, limit: int = 10_000):
    seen = set()
    for member, file in enumerate(files):
        for n, item in enumerate(evtx.PyEvtxParser(str(file)).records_json()):
            if n >= limit:
                break
            try:
                record = flat(json.loads(item["data"]), file, member)
            except (KeyError, TypeError, RuntimeError):
                continue
            if record["escadre.id"] not in seen:
                seen.add(record["escadre.id"])
                yield record
