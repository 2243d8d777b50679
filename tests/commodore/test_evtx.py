"""Event logs against the corpus: every record that chunk headers promise is read or reported, and has the values of the log."""

from __future__ import annotations

import json
import random
import re
import struct
import zlib
from typing import Any

import pytest
from evtx import PyEvtxParser

from commodore import catalogue
from commodore.artefact import Problem, Record
from commodore.artefacts.windows.logs import evtx
from commodore.engine import unit
from commodore.engine.process import process
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.record import Raised
from commodore.schema import winlog
from commodore.schema.winlog.forms import account, address, domain, number, time
from commodore.sentence import UNKNOWN
from fixtures.windows import evtx as written
from scout.data import parse_yaml
from tests.commodore.cases import ledger

HOST = Host("c", name="pc")


def read(data: bytes, **kwargs) -> tuple[list[Record], list[Problem]]:
    found = list(evtx.parse(Evidence("C:\\x.evtx", data, **kwargs), HOST))
    return [x for x in found if isinstance(x, Record)], [x for x in found if isinstance(x, Problem)]


@pytest.fixture(scope="module")
def logs(corpus):
    return {p: p.read_bytes() for p in sorted((corpus / "evtx").rglob("*.evtx"))}


@pytest.fixture(scope="module")
def truth(corpus):
    rows = json.loads((corpus / "truth-shared" / "evtx_counts.json").read_text())["files"]
    return {corpus / row["path"]: row for row in rows}


def promised(data: bytes) -> set[int]:
    """Record ids by the chunk headers alone: first and last record id at 24 and 32 of each chunk."""
    ids: set[int] = set()
    for at in range(4096, len(data), 65536):
        if data[at : at + 8] == b"ElfChnk\0":
            first, last = struct.unpack_from("<QQ", data, at + 24)
            if 0 <= last - first < 3000:
                ids |= set(range(first, last + 1))
    return ids


def named(problems: list[Problem]) -> set[int]:
    """Record ids that the ledger names as lost."""
    ids: set[int] = set()
    for problem in problems:
        if problem.locator.startswith("chunk/") and "/record/" in problem.locator:
            ids.add(int(problem.locator.rsplit("/", 1)[1]))
        elif ": records " in problem.reason:
            for part in problem.reason.split(": records ")[1].split(", "):
                low, _, high = part.partition("-")
                ids |= set(range(int(low), int(high or low) + 1))
    return ids


def test_every_record_id_that_a_chunk_header_promises_is_read_or_named_as_lost(logs):
    for path, data in logs.items():
        records, problems = read(data)
        got = {int(r.fields["winlog.record_id"]) for r in records}
        silent = promised(data) - got - named(problems)
        assert not silent, f"{path.name}: {sorted(silent)[:5]} neither read nor named"
        assert len({r.locator for r in records}) == len(records), path.name


def test_no_log_gives_fewer_records_than_the_best_of_three_other_readers(logs, truth):
    total = 0
    for path, data in logs.items():
        count = len(read(data)[0])
        assert count >= max(truth[path]["ok"], truth[path]["libevtx_records"]), path.name
        total += count
    assert total >= 33_746


def test_event_ids_and_channels_are_those_that_other_readers_count(logs, truth):
    clean = [p for p in logs if truth[p]["raw_records"] == truth[p]["ok"] and not truth[p]["bad_chunks"] and not read(logs[p])[1]]
    assert len(clean) > 400
    for path in clean:
        codes: dict[str, int] = {}
        for record in read(logs[path])[0]:
            code = record.fields["event.code"]
            codes[code] = codes.get(code, 0) + 1
        assert codes == truth[path]["event_ids"], path.name


def test_a_log_cut_into_units_gives_the_same_records_as_whole(corpus):
    data = (corpus / "evtx/omerbenamram+evtx/samples/security.evtx").read_bytes()
    whole, _ = read(data)
    pieces = []
    step = 5 * 65536
    for index, offset in enumerate(range(4096, len(data), step)):
        pieces += read(data[:4096] + data[offset : offset + step], offset=offset, index=index)[0]
    assert pieces == whole


def test_a_zeroed_file_header_costs_nothing(corpus):
    data = (corpus / "evtx/omerbenamram+evtx/samples/security.evtx").read_bytes()
    assert read(bytes(4096) + data[4096:])[0] == read(data)[0]


def test_an_overwritten_record_costs_itself_alone(corpus):
    data = bytearray((corpus / "evtx/omerbenamram+evtx/samples/security.evtx").read_bytes())
    before = len(read(bytes(data))[0])
    at = 4096 + 512
    for _ in range(40):
        at += struct.unpack_from("<I", data, at + 4)[0]
    victim = struct.unpack_from("<Q", data, at + 8)[0]
    size = struct.unpack_from("<I", data, at + 4)[0]
    data[at : at + size] = b"\xa5" * size
    records, problems = read(bytes(data))
    assert before - len(records) <= 3  # others may have used a template that stood in it
    assert victim in named(problems)
    assert len(records) + sum(p.lost for p in problems) == before


@pytest.mark.parametrize("seed", range(6))
def test_no_damage_raises_or_goes_unaccounted(corpus, seed):
    data = bytearray((corpus / "evtx/omerbenamram+evtx/samples/security.evtx").read_bytes()[: 4096 + 4 * 65536])
    chance = random.Random(seed)
    for _ in range(40):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    evidence = Evidence("C:\\x.evtx", bytes(data[: chance.randrange(4096, len(data))]))
    outcome = unit.parse(catalogue.artefacts()["evtx"], evidence, HOST, lambda *_: 0)
    assert outcome.expected is not None
    assert outcome.expected == outcome.parsed + outcome.carved + sum(p.lost for p in outcome.problems)
    assert not [p for p in outcome.problems if "failed" in p.reason and "record" not in p.reason]


def test_an_empty_file_is_a_problem_and_no_error():
    records, problems = read(b"")
    assert not records
    assert [p.reason for p in problems] == ["file is empty"]


def test_a_process_start_is_told_in_typed_fields(corpus):
    path = corpus / "evtx/SigmaHQ+sigma/regression_data/rules-emerging-threats/2025/Exploits/CVE-2025-55182"
    data = next(iter(sorted(path.rglob("*.evtx")))).read_bytes()
    fields = read(data)[0][0].fields
    assert fields["@timestamp"] == "2025-12-06T21:11:02.6491508Z"  # as another reader prints the record's header
    assert fields["process.executable"] == "C:\\Windows\\System32\\cmd.exe"
    assert fields["process.pid"] == 3412
    assert fields["process.hash.md5"] == "352b525e9c26cb92693899528fe007c2"
    assert fields["winlog.event_data"]["ProcessGuid"] == "{0197231E-9BE6-6934-5301-000000000B00}"
    assert fields["user.domain"] == "swachchhanda"


def test_all_values_of_event_data_are_strings(logs):
    for data in list(logs.values())[::7]:
        for record in read(data)[0]:
            for key in ("winlog.event_data", "winlog.user_data"):
                assert all(isinstance(v, str) for v in record.fields.get(key, {}).values())


def test_raw_values_become_what_the_registry_wants():
    assert [number(v) for v in ("0x4", "12", "-", "")] == [4, 12, None, None]
    assert [address(v) for v in ("::ffff:10.0.0.1", "-", "LOCAL", "fe80::1%5")] == ["10.0.0.1", None, None, "fe80::1"]
    assert time("2025-12-06 21:11:02.632") == "2025-12-06T21:11:02.632Z"
    assert time("yesterday") is None
    assert (account("NT AUTHORITY\\SYSTEM"), domain("NT AUTHORITY\\SYSTEM"), domain("root")) == ("SYSTEM", "NT AUTHORITY", None)


SYSTEM = "evtx/omerbenamram+evtx/samples/system.evtx"


def parts(corpus, name: str = SYSTEM, count: int = 4) -> tuple[bytes, list[bytes]]:
    """The file header and the first chunks of a log."""
    data = (corpus / name).read_bytes()
    return data[:4096], [data[at : at + 65536] for at in range(4096, 4096 + count * 65536, 65536)]


def told(data: bytes) -> tuple[list[str], int, int, list[str]]:
    """(sorted record ids, expected, lost, reasons) of a log."""
    evidence = Evidence("C:\\x.evtx", data)
    records, problems = read(data)
    assert len({r.locator for r in records}) == len(records)
    reasons = [p.reason for p in problems]
    return sorted(r.fields["winlog.record_id"] for r in records), evtx.expected(evidence), sum(p.lost for p in problems), reasons


@pytest.mark.parametrize("shift", [0, 1, 777, 4096, 40_000])
def test_chunks_out_of_step_are_found_wherever_they_stand(corpus, shift):
    header, chunks = parts(corpus)
    ids = told(header + b"".join(chunks))[0]
    assert told(header + bytes(shift) + b"".join(chunks)) == (ids, len(ids), 0, [])
    after = told(header + chunks[0] + b"\1" * shift + b"".join(chunks[1:]))
    assert after[:3] == (ids, len(ids), 0)
    assert bool(after[3]) == bool(shift)


def test_two_logs_one_behind_the_other_are_both_read(corpus):
    header, chunks = parts(corpus)
    one, two = header + b"".join(chunks[:2]), header + b"".join(chunks[2:])
    assert told(one + two) == (sorted(told(one)[0] + told(two)[0]), 444, 0, [])


def test_chunks_without_a_file_header_are_a_log(corpus):
    header, chunks = parts(corpus)
    bare = b"".join(chunks)
    assert told(bare) == told(header + bare)
    assert catalogue.matcher().match("Temp/x.bin", bare[:8192]).names == ("evtx",)


def test_logs_put_together_are_the_same_cut_into_units_as_whole(corpus, tmp_path):
    data = (corpus / "evtx/omerbenamram+evtx/samples/security.evtx").read_bytes()
    logs = tmp_path / "PC" / "Windows" / "System32" / "winevt" / "Logs"
    logs.mkdir(parents=True)
    both = data + data[4096 + 10 * 65536 :]  # in step: 1.5 MB pieces of the second log begin where its chunks do
    for name, content in (("a", both), ("b", data + data), ("c", data[: 4096 + 24 * 65536 - 777] + data), ("d", (data + data)[4096:])):
        (logs / f"{name}.evtx").write_bytes(content)
    process([tmp_path / "PC"], tmp_path / "case", workers=1)
    totals = [
        row for row in ledger(tmp_path / "case") if row["artefact"] == "evtx" and row["parsed"] is not None
    ]  # lines of problems have none
    counts = {row["path"][-6:]: (row["expected"], row["parsed"]) for row in totals}
    whole = {f"{p.stem}.evtx": told(p.read_bytes()) for p in logs.glob("*.evtx")}
    assert counts == {name: (expected, len(ids)) for name, (ids, expected, _, _) in whole.items()}
    assert counts["b.evtx"] == (4522, 4522)


@pytest.mark.parametrize("left", range(1, 29))
def test_a_log_that_ends_within_the_head_of_a_record_is_read_up_to_there(corpus, left):
    """The record before it is damaged, so that the next one is looked for: its signature is there, its size is not."""
    data = bytearray((corpus / SAMPLES / "security.evtx").read_bytes()[: 4096 + 65536])
    first = 4096 + 512
    second = first + int.from_bytes(data[first + 4 : first + 8], "little")
    data[first : first + 4] = bytes(4)
    records, problems = read(bytes(data[: second + left]))
    assert not records
    assert problems
    assert not [problem.reason for problem in problems if "the parser failed" in problem.reason]


def test_a_chunk_without_its_signature_is_read_by_its_records(corpus):
    header, chunks = parts(corpus)
    ids = told(header + b"".join(chunks))[0]
    chunks[1] = bytes(8) + chunks[1][8:]
    assert told(header + b"".join(chunks)) == (ids, len(ids), 0, ["chunk has no ElfChnk signature"])


def test_spoilt_tables_of_a_chunk_cost_nothing(corpus):
    header, chunks = parts(corpus)
    ids = told(header + b"".join(chunks))[0]
    chunks[1] = chunks[1][:128] + bytes(b if n % 7 else 0xEE for n, b in enumerate(chunks[1][128:512])) + chunks[1][512:]
    read_, expected, lost, _ = told(header + b"".join(chunks))
    assert (read_, expected, lost) == (ids, len(ids), 0)


def counting(header: bytes, chunks: int) -> bytes:
    """A file header with another number of chunks, and the checksum of its first 120 bytes."""
    counted = header[:42] + struct.pack("<H", chunks) + header[44:120]
    return counted + header[120:124] + struct.pack("<I", zlib.crc32(counted)) + header[128:]


@pytest.mark.parametrize("first", [0, 1, 2**64 - 1])
def test_a_chunk_that_has_no_record_yet_promises_none(corpus, first):
    header, _ = parts(corpus)
    chunk = struct.pack("<8sQQQQIII", b"ElfChnk\0", first, 2**64 - 1, first, 2**64 - 1, 128, 0, 512).ljust(65536, b"\0")
    assert told(counting(header, 1) + chunk) == ([], 0, 0, [])


def test_an_event_that_holds_the_signature_of_a_chunk_hides_nothing(corpus):
    header, chunks = parts(corpus)
    at = chunks[1].index(b"**\0\0", 30_000) + 40
    chunks[1] = chunks[1][:at] + b"ElfChnk\0" + chunks[1][at + 8 :]
    ids, expected, lost, _ = told(header + b"".join(chunks))
    assert (len(ids), expected, lost) == (443, 444, 1)


def test_a_file_shorter_than_its_header_says_is_told(corpus):
    header, chunks = parts(corpus)
    header = counting(header, 4)
    assert told(header + b"".join(chunks[:2]))[3] == ["file is cut: its header counts 4 chunks, there is room for 2"]
    assert told(header)[3] == ["file is cut: its header counts 4 chunks, there is room for 0"]
    assert told(header[:100])[3] == ["file is cut in its header: 100 of 4096 bytes"]
    assert told(header + b"".join(chunks))[3] == []


SAMPLES = "evtx/omerbenamram+evtx/samples"


def kinds(problems: list[Problem]) -> set[str]:
    return {problem.kind for problem in problems if problem.kind}


def test_a_record_hidden_within_the_one_before_is_read_and_named(corpus):
    """post-Security.evtx is pre-Security.evtx after eventlogedit hid one record of it."""
    records, problems = read((corpus / SAMPLES / "post-Security.evtx").read_bytes())
    hidden = [p for p in problems if p.kind == "evtx-hidden-record"]
    assert len(hidden) == 1
    ids = [int(r.fields["winlog.record_id"]) for r in records]
    assert len(ids) == len(set(ids)) + 1, "Windows renumbered the records behind the hidden one, which kept its id"


def test_zeroed_chunks_and_changed_values_are_contradictions(corpus):
    data = (corpus / SAMPLES / "security.evtx").read_bytes()
    whole, problems = read(data)
    assert not kinds(problems)
    zeroed = bytearray(data)
    gone = promised(bytes(data[:4096]) + data[4096 + 5 * 65536 : 4096 + 7 * 65536])
    zeroed[4096 + 5 * 65536 : 4096 + 7 * 65536] = bytes(2 * 65536)
    records, problems = read(bytes(zeroed))
    assert kinds(problems) == {"evtx-zeroed-chunk"}
    assert len(whole) - len(records) == len(gone) == sum(p.lost for p in problems)
    changed = bytearray(data)
    at = changed.index("SYSTEM".encode("utf-16-le"), 4096 + 65536)
    changed[at : at + 2] = b"X\0"
    records, problems = read(bytes(changed))
    assert (len(records), kinds(problems)) == (len(whole), {"evtx-checksum"})


def test_what_the_first_reader_refuses_the_second_one_reads(corpus, monkeypatch):
    """The first reader is made to pass over records, as it does where it cannot render a value; both readers must then agree."""
    data = (corpus / SAMPLES / "security.evtx").read_bytes()[: 4096 + 65536]
    whole = {r.fields["winlog.record_id"]: r.fields for r in read(data)[0]}
    original = evtx._batches

    def without(*given):
        return ([row for row in batch if row["event_record_id"] not in (3, 9, 20)] for batch in original(*given))

    monkeypatch.setattr(evtx, "_batches", without)
    records, problems = read(data)
    assert {r.fields["winlog.record_id"] for r in records} == set(whole)
    assert sorted(p.locator for p in problems if "python-evtx" in p.reason) == ["chunk/0/record/20", "chunk/0/record/3", "chunk/0/record/9"]
    for record in records:
        other = whole[record.fields["winlog.record_id"]]
        for name in ("@timestamp", "event.code", "winlog.channel", "winlog.computer_name", "winlog.provider_guid", "winlog.process.pid"):
            assert record.fields.get(name) == other.get(name), name


def test_a_control_character_in_a_name_costs_no_event(corpus):
    data = bytearray((corpus / SAMPLES / "security.evtx").read_bytes())
    count, at = len(read(bytes(data))[0]), 0
    word = "EventID".encode("utf-16-le")
    while (at := data.find(word, at)) >= 0:
        data[at + 2] = 1
        at += 2
    assert len(read(bytes(data))[0]) == count


def test_a_quote_in_a_name_costs_no_event_and_is_no_failure_of_the_parser(corpus):
    """The first reader writes such a name as it is, which is no JSON."""
    data = bytearray((corpus / SAMPLES / "security.evtx").read_bytes()[: 4096 + 65536])
    count, at = len(read(bytes(data))[0]), data.index("EventID".encode("utf-16-le"))
    for odd in b'"\\':
        data[at + 2] = odd
        records, problems = read(bytes(data))
        assert not [p for p in problems if isinstance(p, Raised)]
        assert len(records) + sum(p.lost for p in problems) == count
        assert any("no JSON" in p.reason for p in problems)


def test_records_whose_template_was_overwritten_say_so(corpus):
    """Chunk 6 is zeros up to 0xe000: the template of the 15 records behind, at 0x226 in the first record, is gone."""
    data = (corpus / SAMPLES / "sample_with_a_bad_chunk_magic.evtx").read_bytes()
    at = 4096 + 6 * 65536
    assert not any(data[at : at + 0xE000])
    _, problems = read(data)
    assert sum("the template at 0x226 of its chunk" in p.reason for p in problems if p.locator.startswith("chunk/6/")) >= 10


def logged(data: dict[str, str | list[str]], provider: str = "Prov", code: int = 1, inside: str = "") -> dict[str, Any]:
    """The fields of one event that the fixtures' writer made."""
    moment = (134_000_000_000_000_000, "2025-08-18T02:13:20.0000000Z")
    return read(written.build([written.Event("Application", provider, code, *moment, "PC", data, inside)]))[0][0].fields


def test_all_values_of_a_name_that_occurs_several_times_are_kept_in_order():
    fields = logged({"Before": "1", "Arg": ["one", "needle-two", "three"], "After": "2"})
    assert fields["winlog.event_data"] == {"Before": "1", "Arg": ["one", "needle-two", "three"], "After": "2"}
    assert "needle-two" in fields["message"]


def test_a_field_takes_the_first_of_several_values_and_the_sentence_shows_all():
    fields = logged({"param1": ["Spooler", "Other"], "param2": "stopped"}, "Service Control Manager", 7036)
    assert fields["service.name"] == "Spooler" and fields["winlog.event_data"]["param1"] == ["Spooler", "Other"]
    assert fields["message"] == "The service Spooler and Other entered the state stopped."


def test_no_value_of_the_corpus_is_lost_where_a_name_occurs_twice(corpus):
    """The XML that the library writes has both values of LogonGuid, its JSON has them under one name."""
    path = corpus / "evtx/omerbenamram+evtx/samples/Security_with_size_t.evtx"
    xml = {row["event_record_id"]: row["data"] for row in PyEvtxParser(str(path)).records()}
    seen = 0
    for record in read(path.read_bytes())[0]:
        guids = re.findall(r'Name="LogonGuid">([^<]+)<', xml[int(record.fields["winlog.record_id"])])
        if len(guids) > 1:
            seen += 1
            assert [guid.strip("{}") for guid in record.fields["winlog.event_data"]["LogonGuid"]] == guids
    assert seen == 92


def test_no_sentence_of_the_corpus_has_an_empty_slot(logs):
    empty = {
        (record.fields.get("winlog.provider_name"), record.fields["event.code"])
        for data in logs.values()
        for record in read(data)[0]
        if UNKNOWN in record.fields["message"]
    }
    assert empty == set()


def test_instances_of_sql_server_are_described_as_the_first_one_is():
    assert winlog.meaning("MSSQL$PAYROLL", "18456") is winlog.meaning("MSSQLSERVER", "18456") is not None
    assert winlog.meaning("Other$PAYROLL", "18456") is None


def test_a_field_takes_the_first_name_that_has_a_value():
    bits = "Microsoft-Windows-Bits-Client"
    assert logged({"jobOwner": "PC\\eve", "string2": "PC\\bob"}, bits, 3)["user.name"] == "eve"
    assert logged({"string": "x", "string2": "PC\\bob"}, bits, 3)["user.name"] == "bob"


def test_an_event_of_user_data_has_fields_by_the_names_of_its_elements():
    said = {"User": "MAIRIE\\admin.si", "SessionID": "3", "Address": "198.51.100.23"}
    fields = logged(said, "Microsoft-Windows-TerminalServices-LocalSessionManager", 21, "EventXML")
    assert (fields["user.name"], fields["user.domain"], fields["source.ip"]) == ("admin.si", "MAIRIE", "198.51.100.23")
    assert fields["message"] == "MAIRIE\\admin.si logged on to session 3 from 198.51.100.23."


RDP, AUDIT, DEFENDER = (
    "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS",
    "Microsoft-Windows-Security-Auditing",
    "Microsoft-Windows-Windows Defender",
)
SSH = "Failed password for invalid user hacker from 10.23.23.9 port 60096 ssh2"
THREAT = {"Threat Name": "HackTool:Win32/Mimikatz", "Path": "file:_C:\\a\\m.exe; process:_pid:7", "Detection User": "PC\\eve"}
TICKET = {"TargetUserName": "paul@MAIRIE.EXAMPLE", "IpAddress": "::ffff:10.0.0.9", "Status": "0x1b"}
SQL = {"param1": "sa", "param2": " Reason: Password did not match.", "param3": " [CLIENT: 10.1.2.3]"}
KEY = "\\REGISTRY\\MACHINE\\SAM"


@pytest.mark.parametrize(
    ("provider", "code", "data", "expected"),
    [
        (RDP, 131, {"ConnType": "TCP", "ClientIP": "10.0.0.1:361"}, ["source.ip 10.0.0.1", "source.port 361", "network.transport tcp"]),
        (RDP, 131, {"ConnType": "UDP", "ClientIP": "[fe80::1%12]:361"}, ["source.ip fe80::1", "source.port 361"]),
        (AUDIT, 4769, TICKET, ["user.name paul", "source.ip 10.0.0.9", "event.reason only between users"]),
        (
            AUDIT,
            4776,
            {"TargetUserName": "paul", "Workstation": "\\\\PC-7", "Status": "0xC000006A"},
            ["source.domain PC-7", "event.reason wrong password"],
        ),
        (AUDIT, 4663, {"ObjectName": KEY, "ObjectType": "Key"}, [f"registry.path {KEY}", "file.path None"]),
        ("OpenSSH", 4, {"payload": SSH}, ["user.name hacker", "source.ip 10.23.23.9", "source.port 60096", "event.outcome failure"]),
        (
            DEFENDER,
            1116,
            THREAT,
            ["escadre.threat.name HackTool:Win32/Mimikatz", "file.path C:\\a\\m.exe", "file.name m.exe", "user.name eve"],
        ),
        ("Microsoft-Windows-Bits-Client", 59, {"name": "x", "url": "http://evil.example:80/a"}, ["url.domain evil.example"]),
        ("MSSQLSERVER", 18456, SQL, ["user.name sa", "source.ip 10.1.2.3", "event.reason Password did not match."]),
    ],
)
def test_events_say_who_from_where_and_what_in_typed_fields(provider, code, data, expected):
    fields = logged(data, provider, code)
    assert [f"{name} {fields.get(name)}" for name in (said.partition(" ")[0] for said in expected)] == expected


def test_a_description_that_is_not_understood_is_refused_by_file():
    entry = b"events:\n  1:\n    action: user-login\n    category: [authentication]\n    type: [start]\n"
    entry += b"    message: Somebody logged on.\n    fields: {%s}\n"
    wrong = {b"no.such: A": "no.such", b"user.name: A | shout": "no such form", b"user.name: A, user.name: B": "occurs twice"}
    for fields, reason in (wrong | {b"user.name: A | find (": "missing"}).items():
        with pytest.raises(ValueError, match=f"^p.yaml: .*{reason}"):
            winlog.compiled([("p.yaml", entry % fields)])
    for text, reason in ((b"user-login", b"user-sneezed"), (b"action:", b"acton:"), (b"  1:", b"  one:"), (b"events", b"evnts")):
        with pytest.raises(ValueError, match=r"^p\.yaml: "):
            winlog.compiled([("p.yaml", (entry % b"user.name: A").replace(text, reason))])


def test_the_events_that_a_public_table_names_have_fields_and_a_sentence(corpus):
    """EvtxECmd's maps name provider and id of the events that responders look at."""
    named = set()
    for path in sorted((corpus / "detection/EricZimmerman+evtx/evtx/Maps").glob("*.map")):
        said = parse_yaml(path.read_text(encoding="utf-8-sig"))
        named.add((str(said["Provider"]), str(said["EventId"])))
    missing = sorted(event for event in named if winlog.meaning(*event) is None)
    assert len(named) >= 450 and missing == []


def test_attributes_of_elements_are_values_of_their_own(corpus):
    """`<UMDFServiceInstall upgrade="true">` with `<Service name="WpdFs" …/>` in it; `<ComplexData Name="IdleState">01</ComplexData>`."""
    found = {}
    for log in (corpus / SAMPLES / "system.evtx", corpus / "evtx" / "log2timeline+plaso" / "test_data" / "evtx" / "System.evtx"):
        records, _ = read(log.read_bytes())
        found |= {(r.fields["event.provider"].rpartition("-")[2], r.fields["event.code"]): r.fields for r in records}
    user = found["UserMode", "10001"]["winlog.user_data"]
    assert user["UMDFServiceInstall_attributes.upgrade"] in ("true", "false")
    assert user["Service.name"] == "WpdFs"
    power = found["Power", "26"]["winlog.event_data"]
    assert power["ComplexData_attributes.Name"] == "IdleState"
    assert power["ComplexData"] == "01"
    assert "EventData" not in power and "#attributes" not in power
