"""Scheduled tasks: every schema version, both encodings, legacy jobs; hostile XML is a line of the ledger."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commodore.artefact import Record
from commodore.artefacts.windows.files import scheduled_tasks
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.sentence import sentence
from scout.formats import task_xml
from scout.formats.task_xml import BadTask

HOST = Host("c", timezone="Europe/Paris", system_root="C:\\Windows", users={"S-1-5-18": "SYSTEM"})
SOURCE = "C:\\Windows\\System32\\Tasks\\Folder\\Name"
TASK = (
    '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"><RegistrationInfo><Date>{date}</Date></RegistrationInfo>'
    "<Principals><Principal id='A'><UserId>{user}</UserId></Principal></Principals><Actions Context='A'>{actions}</Actions></Task>"
)
EXEC = "<Exec><Command>%windir%\\system32\\x.exe</Command><Arguments>-a</Arguments></Exec>"


def run(data, source=SOURCE, host=HOST, **facts):
    out = list(scheduled_tasks.parse(Evidence(source, data, facts=facts), host))
    return [r.fields for r in out if isinstance(r, Record)], [p for p in out if not isinstance(p, Record)]


def task(date="2026-07-01T10:00:00", user="S-1-5-18", actions=EXEC):
    return TASK.format(date=date, user=user, actions=actions)


@pytest.mark.parametrize(
    "encode",
    [
        lambda t: t.encode("utf-16"),
        lambda t: t.encode("utf-16-le"),
        lambda t: b"\xfe\xff" + t.encode("utf-16-be"),
        lambda t: t.encode("utf-8"),
        lambda t: t.encode("utf-8-sig"),
        lambda t: ('<?xml version="1.0" encoding="UTF-16"?>\r\n' + t).encode("utf-8"),
        lambda t: ('<?xml version="1.0" encoding="UTF-8"?>' + t).encode("utf-16"),
        lambda t: t.encode("utf-16") + b"\0\0",
    ],
)
def test_any_encoding_is_read_whatever_the_declaration_says(encode):
    (fields,), problems = run(encode(task()))
    assert not problems
    assert fields["process.command_line"] == "%windir%\\system32\\x.exe -a"
    assert fields["process.executable"] == "C:\\Windows\\system32\\x.exe"
    assert (fields["user.id"], fields["user.name"]) == ("S-1-5-18", "SYSTEM")
    assert fields["escadre.task.path"] == "\\Folder\\Name"


@pytest.mark.parametrize(
    ("date", "utc", "inferred"),
    [
        ("2026-07-01T10:00:00", "2026-07-01T08:00:00Z", ["zone"]),
        ("2026-01-01T10:00:00.1234567", "2026-01-01T09:00:00.1234567Z", ["zone"]),
        ("2026-07-01T10:00:00Z", "2026-07-01T10:00:00Z", None),
        ("2026-07-01T10:00:00.5-05:00", "2026-07-01T15:00:00.5Z", None),
        ("yesterday", None, None),
        ("0001-01-01T00:00:00+14:00", None, None),
        ("", None, None),
    ],
)
def test_the_registration_date_is_utc_and_says_when_the_zone_was_inferred(date, utc, inferred):
    (fields,), _ = run(task(date=date).encode())
    assert fields.get("@timestamp") == utc
    assert fields.get("escadre.time_inferred") == inferred


def test_without_a_known_zone_a_local_date_is_no_timestamp():
    (fields,), _ = run(task().encode(), host=Host("c"))
    assert "@timestamp" not in fields
    assert "Date=2026-07-01T10:00:00" in fields["escadre.settings"]
    (fields,), _ = run(task().encode(), host=Host("c", timezone="-03:30"))
    assert fields["@timestamp"] == "2026-07-01T13:30:00Z"


def test_all_actions_are_kept_in_their_order():
    actions = (
        EXEC + "<ComHandler><ClassId>{C}</ClassId></ComHandler><SendEmail><To>a@example.org</To></SendEmail>"
        "<ShowMessage><Body>b</Body></ShowMessage>"
    )
    (fields,), _ = run(task(actions=actions).encode())
    assert [a.split()[0] for a in fields["escadre.task.actions"][1:]] == ["ComHandler", "SendEmail", "ShowMessage"]
    assert fields["escadre.task.commands"] == [fields["escadre.task.actions"][0], "", "", ""]
    assert sentence(scheduled_tasks.ARTEFACT.message)(fields) == (
        'The task \\Folder\\Name runs "%windir%\\system32\\x.exe -a", "ComHandler ClassId={C}", "SendEmail To=a@example.org" '
        'and "ShowMessage Body=b" as SYSTEM.'
    )


def test_tasks_of_the_corpus(corpus):
    folder = corpus / "tasks"
    files = list(folder.rglob("*.xml"))
    assert len(files) == 7
    read = {p.stem: run(p.read_bytes(), f"C:\\Windows\\System32\\Tasks\\{p.name}") for p in files}
    assert all(len(records) == 1 and not problems for records, problems in read.values())
    shell = read["69e80dbe4900"][0][0]  # its name in the 4698 event that it was lifted from: \eviltask
    assert ("URI=\\eviltask" in shell["escadre.settings"], shell["process.executable"]) == (True, "C:\\tools\\shell.cmd")
    hidden = read["T1053_05_SCTASK_HIDDEN_ATTRIB"][0][0]
    assert hidden["escadre.task.hidden"] is True
    assert [t.split()[0] for t in hidden["escadre.trigger"]] == ["LogonTrigger"]
    com = read["f4e8ad96a373"][0][0]
    assert [a.split()[0] for a in com["escadre.task.actions"]] == ["ComHandler"]
    assert "process.command_line" not in com


def test_a_legacy_job_is_as_plaso_reads_it(corpus):
    tests = json.loads((corpus / "truth-shared/plaso_expected.json").read_text())["tests"]
    truth = next(t for t in tests if "winjob" in t["test"])
    (fields,), problems = run((corpus / truth["on_disk"][0]).read_bytes(), "C:\\Windows\\Tasks\\wintask.job")
    job, trigger = truth["events"]
    assert not problems
    assert fields["process.executable"] == job["application"]
    assert fields["process.command_line"].endswith(job["parameters"])
    assert fields["escadre.description"] == job["comment"]
    assert f"Author={job['username']}" in fields["escadre.settings"]
    assert f"LastRun={job['last_run_time'][:23]}" in fields["escadre.settings"]
    assert [t.split()[:2] for t in fields["escadre.trigger"]] == [["Daily", f"StartBoundary={trigger['start_time']}"]]


BOMB = "<!DOCTYPE t [<!ENTITY a 'aaaaaaaaaa'>" + "".join(f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(9)) + "]>"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"\0" * 64, "nothing but zeroes"),
        (b"<Task>", "no XML"),
        (b"<html/>", "its root is html"),
        (b"\xff\xfe<", "no XML"),
        ((BOMB + "<Task><Actions>&j;</Actions></Task>").encode(), "no document type"),
        (b'<!DOCTYPE t SYSTEM "file:///etc/passwd"><Task/>', "no document type"),
        (b"<Task>" + b"<a>" * 100_000, "no XML"),
        (b"MZ\x90\0" + bytes(300), "no XML"),
    ],
)
def test_what_is_no_task_is_one_problem(data, reason):
    records, problems = run(data)
    assert not records
    assert len(problems) == 1
    assert reason in problems[0].reason
    assert problems[0].lost == (1 if data else 0)


def test_deep_and_wide_definitions_are_bounded():
    deep = b"<Task><Actions><Exec>" + b"<a>" * 50_000 + b"</a>" * 50_000 + b"</Exec></Actions></Task>"
    assert len(task_xml.read(deep).actions) == 1
    wide = b"<Task><Actions>" + b"<Exec/>" * 50_000 + b"</Actions></Task>"
    assert len(task_xml.read(wide).actions) == task_xml.MOST
    with pytest.raises(BadTask, match="5000000 bytes"):
        task_xml.read(b" " * 5_000_000)


JOB = bytes.fromhex("00060100") + b"Z" * 16 + bytes.fromhex("46005000") + bytes(44) + bytes(12) + bytes.fromhex("0000")


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from([task().encode("utf-16"), task().encode(), JOB]),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), max_size=20),
    st.integers(0, 900),
)
def test_damage_never_raises(data, flips, end):
    data = bytearray(data)
    for at, value in flips:
        data[at % len(data)] = value
    records, problems = run(bytes(data[:end]))
    assert len(records) <= 1 and (len(problems) == 1 or (records and not problems))  # a job that is cut gives its record and a problem
