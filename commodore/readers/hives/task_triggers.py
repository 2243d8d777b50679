"""What starts a task, as the task scheduler keeps it in the registry (value Triggers of the task cache).

A header (version, earliest start, latest end), the job (flags, checksum, principal, account, settings), then the triggers. Numbers and
texts begin at multiples of 8 bytes. The words are those of a task's XML file. Versions 0x15 to 0x17 (Windows 7 to 11) are known.
Sources: Windows Registry Analysis – Tasks, G DATA Advanced Analytics, with the grammar of winreg-tasks; [MS-TSCH] 2.4.2.11 and 2.5.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from struct import unpack_from
from typing import NamedTuple

from scout.formats.regf.data import filetime, sid, text

_VERSIONS = range(0x15, 0x18)
_NEVER = 0xFFFFFFFFFFFFFFFF
_NO_LIMIT = 0xFFFFFFFF
_ENABLED, _HIDDEN, _HIGHEST = 0x400000, 0x800000, 0x1000000
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (*("January", "February", "March", "April", "May", "June"), *("July", "August", "September", "October", "November", "December"))
_SESSIONS = {1: "ConsoleConnect", 2: "ConsoleDisconnect", 3: "RemoteConnect", 4: "RemoteDisconnect", 7: "SessionLock", 8: "SessionUnlock"}
"""TASK_SESSION_STATE_CHANGE_TYPE of taskschd.h"""


class TaskTriggers(NamedTuple):
    """A job: one line for each trigger, its account (SID and name, '' if none), and its state."""

    lines: list[str]
    sid: str
    account: str
    enabled: bool
    hidden: bool
    highest: bool
    """it runs with the highest rights of its account"""


def task_triggers(raw: bytes) -> TaskTriggers:
    """Decode the value Triggers. Raises ValueError for another version or kind of trigger, and where it is cut."""
    try:
        return _Reader(raw).job()
    except struct.error:
        raise ValueError(f"task triggers are cut at {len(raw)} bytes") from None


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self._raw, self._at = raw, 0
        self._version = unpack_from("<B", raw)[0]
        if self._version not in _VERSIONS:
            raise ValueError(f"task triggers of version {self._version:#x}: only 0x15 to 0x17 are known")

    def job(self) -> TaskTriggers:
        self._at = 40  # version, start and end of all triggers
        flags = self._number()
        self._number()  # checksum of the XML
        for since in (0x16, 0x17):  # principal, name
            if self._version >= since:
                self._blob()
        owner, account = self._user()
        self._skip(self._number())  # settings
        lines: list[str] = []
        while self._at < len(self._raw):
            lines.append(" ".join(self._trigger()))
        return TaskTriggers(lines, owner, account, bool(flags & _ENABLED), bool(flags & _HIDDEN), bool(flags & _HIGHEST))

    def _trigger(self) -> list[str]:
        kind = self._number()
        if kind not in _KINDS:
            raise ValueError(f"task trigger of an unknown kind {kind:#x}")
        word, read = _KINDS[kind]
        return [*([word] if word else []), *read(self)]

    # --- parts of triggers

    def general(self) -> list[str]:
        """Read what all triggers but those of time have."""
        start, end = self._times()
        delay, limit, interval, duration, enabled = unpack_from("<4I8xB", self._raw, self._at)
        self._skip(40)
        self._identity()
        parts = _limits(start, end, bool(enabled), interval, duration, limit)
        return [*parts, f"Delay=PT{delay}S"] if delay else parts

    def logon(self) -> list[str]:
        return [*self.general(), *self._for_user()]

    def session(self) -> list[str]:
        parts = self.general()
        state = self._number()
        return [*parts, f"StateChange={_SESSIONS.get(state, state)}", *self._for_user()]

    def event(self) -> list[str]:
        parts = self.general()
        query = self._text()
        self._skip(8)
        self._text()
        for _ in range(min(self._number(), len(self._raw))):
            self._text()
            self._text()
        return [*parts, f"Subscription={query}"]

    def state(self) -> list[str]:
        parts = self.general()
        name = unpack_from("<Q", self._raw, self._at)[0]
        self._skip(8)
        end = self._number() + self._at  # the next trigger follows at once
        if end > len(self._raw):
            raise struct.error
        data, self._at = self._raw[self._at : end], end
        return [*parts, f"StateName={name:016X}", *([f"Data={data.hex()}"] if data else [])]

    def calendar(self) -> list[str]:
        start, end = self._times()
        self._skip(16)
        interval, duration, limit, mode, first, second, third, enabled, delay = unpack_from("<4I3H3xB6xI", self._raw, self._at)
        self._skip(40)
        self._identity()
        parts = _limits(start, end, bool(enabled), interval, duration, limit)
        return [
            "CalendarTrigger" if mode else "TimeTrigger",
            *parts,
            *_schedule(mode, first, second, third),
            *([f"RandomDelay=PT{delay}S"] if delay else []),
        ]

    def _for_user(self) -> list[str]:
        owner, name = self._user()
        return [f"UserId={name or owner}"] if name or owner else []

    # --- elements

    def _skip(self, length: int) -> None:
        if self._at + length > len(self._raw):
            raise struct.error
        self._at += -(-length // 8) * 8

    def _number(self) -> int:
        (number,) = unpack_from("<I", self._raw, self._at)
        self._at += 8
        return int(number)

    def _bytes(self, length: int) -> bytes:
        start = self._at
        self._skip(length)
        return self._raw[start : start + length]

    def _blob(self) -> bytes:
        return self._bytes(self._number())

    def _text(self) -> str:
        """Read a text whose length in characters does not count the end mark; an empty one has none."""
        length = self._number()
        return text(self._bytes(2 * length + 2)) if length else ""

    def _times(self) -> tuple[str, str]:
        """Read when a trigger begins and ends to count, '' for never. Local times have no zone."""
        found = []
        for _ in range(2):
            local, ticks = unpack_from("<B7xQ", self._raw, self._at)
            self._at += 16
            time = filetime(ticks) if 0 < ticks < _NEVER else ""
            found.append(time.rstrip("Z") if local else time)
        return found[0], found[1]

    def _identity(self) -> None:
        """Pass over the id of a trigger, whose length stands in its first four bytes."""
        if self._version >= 0x16:
            self._skip(4 + int(unpack_from("<I", self._raw, self._at)[0]))

    def _user(self) -> tuple[str, str]:
        """Read an account: SID and name."""
        if self._number() & 0xFF:
            return "", ""
        owner = ""
        if not self._number() & 0xFF:
            self._number()  # kind of the SID
            owner = sid(self._blob())
        return owner, text(self._blob())


def _limits(start: str, end: str, enabled: bool, interval: int, duration: int, limit: int) -> list[str]:
    """Return the parts that every kind of trigger may have."""
    return [
        *([] if enabled else ["Enabled=false"]),
        *([f"StartBoundary={start}"] if start else []),
        *([f"EndBoundary={end}"] if end else []),
        *([f"Repetition/Interval=PT{interval}S"] if interval else []),
        *([f"Repetition/Duration=PT{duration}S"] if interval and duration not in (0, _NO_LIMIT) else []),
        *([f"ExecutionTimeLimit=PT{limit}S"] if limit not in (0, _NO_LIMIT) else []),
    ]


def _names(bits: int, names: tuple[str, ...]) -> str:
    return ",".join(name for bit, name in enumerate(names) if bits >> bit & 1)


def _schedule(mode: int, first: int, second: int, third: int) -> list[str]:
    """Return on which days a trigger of time counts. Raises ValueError for an unknown way to count them."""
    if mode == 0:
        return []
    if mode == 1:
        return [f"DaysInterval={first}"]
    if mode == 2:
        return [f"WeeksInterval={first}", f"DaysOfWeek={_names(second, _DAYS)}"]
    months = f"Months={_names(third, _MONTHS)}"
    if mode == 3:
        days = [str(day + 1) if day < 31 else "Last" for day in range(32) if (second << 16 | first) >> day & 1]
        return [f"DaysOfMonth={','.join(days)}", months]
    if mode == 4:
        weeks = _names(second, ("1", "2", "3", "4", "Last"))
        return [f"Weeks={weeks}", f"DaysOfWeek={_names(first, _DAYS)}", months]
    raise ValueError(f"task trigger counts days in an unknown way: {mode}")


_KINDS: dict[int, tuple[str, Callable[[_Reader], list[str]]]] = {
    0x6666: ("WnfStateChangeTrigger", _Reader.state),
    0x7777: ("SessionStateChangeTrigger", _Reader.session),
    0x8888: ("RegistrationTrigger", _Reader.general),
    0xAAAA: ("LogonTrigger", _Reader.logon),
    0xCCCC: ("EventTrigger", _Reader.event),
    0xDDDD: ("", _Reader.calendar),
    0xEEEE: ("IdleTrigger", _Reader.general),
    0xFFFF: ("BootTrigger", _Reader.general),
}
