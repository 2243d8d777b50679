"""Triggers of the task cache, written as the published grammar says (numbers and texts begin at multiples of 8 bytes), and read back."""

from __future__ import annotations

from struct import pack

import pytest

from commodore.readers.hives.task_triggers import task_triggers
from fixtures.hives.writer import BINARY, Value
from tests.commodore.described import ticks
from tests.commodore.registry_hives import SID, SOFTWARE, run

FILL = b"\x48"
"""what Windows puts between the elements"""
BEGIN, END = "2026-10-30T08:00:00.0000000Z", "2027-10-30T08:00:00.0000000Z"
MACHINE = bytes.fromhex("010500000000000515000000") + pack("<4I", 1111, 2222, 3333, 1104)
TASK = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tasks\\{0A1B2C3D-1111-2222-3333-444455556666}"
ENABLED, HIDDEN, HIGHEST = 0x42412138, 0x800000, 0x1000000
SETTINGS = bytes(44)


def aligned(raw: bytes) -> bytes:
    return raw + FILL * (-len(raw) % 8)


def number(value: int) -> bytes:
    return aligned(pack("<I", value))


def byte(value: int) -> bytes:
    return aligned(bytes([value]))


def blob(raw: bytes) -> bytes:
    return number(len(raw)) + aligned(raw)


def wide(text: str) -> bytes:
    return f"{text}\0".encode("utf-16-le")


def counted(text: str) -> bytes:
    """A text whose length is in characters, without the end mark."""
    return number(len(text)) + (aligned(wide(text)) if text else b"")


def moment(when: str = "", *, local: bool = False, never: bool = False) -> bytes:
    return pack("<B7xQ", local, 0xFFFFFFFFFFFFFFFF if never else ticks(when) if when else 0)


def user(sid: bytes = b"", name: str = "") -> bytes:
    if not sid and not name:
        return byte(1)
    return byte(0) + (byte(0) + number(1) + blob(sid) if sid else byte(1)) + blob(wide(name) if name else b"")


def identity(version: int) -> bytes:
    name = "t".encode("utf-16-le")
    return aligned(pack("<I", len(name)) + name) if version >= 0x16 else b""


def head(version: int = 0x17, flags: int = ENABLED, settings: bytes = SETTINGS) -> bytes:
    texts = [blob(wide("Author"))] * (version >= 0x16) + [blob(b"")] * (version >= 0x17)
    start = byte(version) + moment() + moment(never=True) + number(flags) + number(0xC66E747F)
    return start + b"".join(texts) + user(MACHINE, "MAIRIE\\agnes.m") + number(len(settings)) + aligned(settings)


def general(kind: int, version: int = 0x17, *, enabled: bool = True, delay: int = 0, interval: int = 0, duration: int = 0) -> bytes:
    numbers = pack("<5I4x", delay, 0xFFFFFFFF, interval, duration, duration) + pack("<B7x8x", enabled)
    return number(kind) + moment() + moment(never=True) + numbers + identity(version)


def calendar(mode: int, days: tuple[int, int, int], *, local: bool = True, end: str = "", limit: int = 0xFFFFFFFF, delay: int = 0) -> bytes:
    times = moment(BEGIN, local=local) + moment(end, local=local) + moment()
    return (
        number(0xDDDD)
        + times
        + pack("<4I", 3600 * (mode == 1), 43200 * (mode == 1), limit, mode)
        + pack("<3H2x", *days)
        + pack("<BB2xII4x", 0, 1, 0, delay)
        + identity(0x17)
    )


LINES = [
    (general(0xFFFF), "BootTrigger"),
    (general(0xFFFF, enabled=False, delay=30), "BootTrigger Enabled=false Delay=PT30S"),
    (general(0xEEEE), "IdleTrigger"),
    (general(0x8888, interval=300, duration=900), "RegistrationTrigger Repetition/Interval=PT300S Repetition/Duration=PT900S"),
    (general(0xAAAA) + user(), "LogonTrigger"),
    (general(0xAAAA) + user(MACHINE, "MAIRIE\\agnes.m"), "LogonTrigger UserId=MAIRIE\\agnes.m"),
    (general(0xAAAA) + user(MACHINE), f"LogonTrigger UserId={SID}"),
    (general(0x7777) + number(8) + user(), "SessionStateChangeTrigger StateChange=SessionUnlock"),
    (general(0x7777) + number(9) + user(), "SessionStateChangeTrigger StateChange=9"),
    (
        general(0xCCCC) + counted("<QueryList/>") + bytes(8) + counted("") + number(1) + counted("n") + counted("v"),
        "EventTrigger Subscription=<QueryList/>",
    ),
    (general(0x6666) + bytes.fromhex("7518bca32b188341") + number(1) + b"\1", "WnfStateChangeTrigger StateName=4183182BA3BC1875 Data=01"),
    (calendar(0, (0, 0, 0)), "TimeTrigger StartBoundary=2026-10-30T08:00:00.0000000"),
    (
        calendar(0, (0, 0, 0), local=False, end=END, limit=259200, delay=60),
        f"TimeTrigger StartBoundary={BEGIN} EndBoundary={END} ExecutionTimeLimit=PT259200S RandomDelay=PT60S",
    ),
    (
        calendar(1, (3, 0, 0)),
        "CalendarTrigger StartBoundary=2026-10-30T08:00:00.0000000 Repetition/Interval=PT3600S Repetition/Duration=PT43200S DaysInterval=3",
    ),
    (
        calendar(2, (4, 0x62, 0)),
        "CalendarTrigger StartBoundary=2026-10-30T08:00:00.0000000 WeeksInterval=4 DaysOfWeek=Monday,Friday,Saturday",
    ),
    (
        calendar(3, (0x0001, 0x8000, 0x801)),
        "CalendarTrigger StartBoundary=2026-10-30T08:00:00.0000000 DaysOfMonth=1,Last Months=January,December",
    ),
    (
        calendar(4, (0x08, 0x11, 0x22)),
        "CalendarTrigger StartBoundary=2026-10-30T08:00:00.0000000 Weeks=1,Last DaysOfWeek=Wednesday Months=February,June",
    ),
]


@pytest.mark.parametrize(("trigger", "line"), LINES, ids=[line[:40] for _, line in LINES])
def test_each_kind_of_trigger_is_one_line(trigger, line):
    for others in (b"", general(0xEEEE)):
        found = task_triggers(head() + trigger + others)
        assert found.lines == [line, *(["IdleTrigger"] if others else [])]
        assert (found.sid, found.account, found.enabled, found.hidden, found.highest) == (SID, "MAIRIE\\agnes.m", True, False, False)
    for end in range(len(head()) + 1, len(head() + trigger)):
        if "Data" not in line and not (head() + trigger)[end:].strip(FILL):
            continue  # only filling is missing
        with pytest.raises(ValueError, match="cut"):
            task_triggers((head() + trigger)[:end])


@pytest.mark.parametrize("version", [0x15, 0x16, 0x17])
@pytest.mark.parametrize("size", [0, 0x2C, 0x38, 0x58])
def test_each_version_and_size_of_the_settings_is_read(version, size):
    found = task_triggers(head(version, settings=bytes(size)) + general(0xFFFF, version, delay=5))
    assert (found.lines, found.sid) == (["BootTrigger Delay=PT5S"], SID)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (head(0x14), "version 0x14"),
        (head(0x18), "version 0x18"),
        (head() + general(0x5555), "kind 0x5555"),
        (head() + calendar(5, (0, 0, 0)), "unknown way: 5"),
        (head()[:60], "cut at 60"),
        (b"\x17", "cut at 1"),
    ],
)
def test_a_neighbouring_layout_is_refused_and_the_task_stays(raw, reason):
    with pytest.raises(ValueError, match=reason):
        task_triggers(raw)
    ((record,), (problem,)) = run("task_cache", {TASK: {"Path": "\\T", "Triggers": Value("", BINARY, raw)}}, SOFTWARE)
    assert reason in problem.reason
    assert record["escadre.task.path"] == "\\T"
    assert record.keys().isdisjoint({"escadre.trigger", "user.id", "escadre.task.enabled"})


def test_a_record_has_the_triggers_and_the_account_of_its_task():
    raw = head(flags=ENABLED & ~0x400000 | HIDDEN | HIGHEST) + general(0xAAAA) + user() + calendar(1, (1, 0, 0))
    (record,), problems = run("task_cache", {TASK: {"Path": "\\T", "Triggers": Value("", BINARY, raw)}}, SOFTWARE)
    assert not problems
    assert record["escadre.trigger"][0] == "LogonTrigger"
    assert len(record["escadre.trigger"]) == 2
    assert (record["user.id"], record["user.name"]) == (SID, "agnes.m")
    assert (record["escadre.task.enabled"], record["escadre.task.hidden"]) == (False, True)
    assert record["escadre.settings"] == ["RunLevel=HighestAvailable"]
