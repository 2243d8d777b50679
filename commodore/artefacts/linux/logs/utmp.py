"""utmp, wtmp, btmp: current, past and failed logins, and the starts of the host."""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from typing import Any, NamedTuple

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.fence import fenced
from commodore.host import Host
from commodore.readers.appended import AppendedOrder
from commodore.readers.instants import seconds
from commodore.readers.lines import pieces, text
from commodore.sentence import sentence

ARTEFACT = Artefact(
    name="utmp",
    title="Login accounting (utmp, wtmp, btmp)",
    about="One record per slot of fixed size: logins, logouts, failed logins (btmp), boots and run levels. Programs only append to wtmp, "
    "so somebody wiped a slot that is empty between others. Empty slots are records too: the number of slots is that of the records and of "
    "the slots that could not be read.",
    match=("var/run/utmp", "run/utmp", "var/log/wtmp*", "var/log/btmp*", "var/log/utmp*", "etc/utmp"),
    targets=("LF06",),
    fields=(
        "escadre.utmp.type",
        "escadre.utmp.id",
        "escadre.utmp.session",
        "escadre.utmp.exit_termination",
        "escadre.format",
        "escadre.tty",
        "process.pid",
        "process.exit_code",
        "user.name",
        "source.ip",
        "source.address",
        "source.domain",
        "event.outcome",
        "related.ip",
        "related.user",
    ),
    times={"@timestamp": "ut_tv: when the entry was made (UTC, microseconds)"},
    kind="event",
    category=("authentication", "session"),
    type=("info",),
    action="accounting-entry-recorded",
    attack=("T1078",),
    message="The entry of type {escadre.utmp.type} names [{user.name!q}|no user][ on {escadre.tty}][ from {source.address!q}].",
    confidence="logged",
    version=2,
    sources=(
        "utmp(5); glibc, bits/utmp.h (struct utmp: 384 bytes; 400 bytes where time_t and long have 64 bits without the 32-bit "
        "compatibility layout)",
        "last(1) and utmpdump(1) of util-linux: meaning of the types; btmp holds failed logins",
    ),
)

_TYPES = (
    "EMPTY",
    "RUN_LVL",
    "BOOT_TIME",
    "NEW_TIME",
    "OLD_TIME",
    "INIT_PROCESS",
    "LOGIN_PROCESS",
    "USER_PROCESS",
    "DEAD_PROCESS",
    "ACCOUNTING",
)
_ENOUGH = 64 * 400
"""Bytes from which the layout is recognised."""


class _Layout(NamedTuple):
    name: str
    entry: struct.Struct
    begins: re.Pattern[bytes]
    """the type of an entry that is not empty, with its padding"""

    @property
    def size(self) -> int:
        return self.entry.size


_BODY = "hxxi32s4s32s256shh"
_LITTLE, _BIG = re.compile(rb"[\x01-\x09]\0\0\0"), re.compile(rb"\0[\x01-\x09]\0\0")
_LAYOUTS = (
    _Layout("384 little-endian", struct.Struct(f"<{_BODY}iIi16s20s"), _LITTLE),
    _Layout("400 little-endian", struct.Struct(f"<{_BODY}qqq16s20s4x"), _LITTLE),
    _Layout("384 big-endian", struct.Struct(f">{_BODY}iIi16s20s"), _BIG),
    _Layout("400 big-endian", struct.Struct(f">{_BODY}qqq16s20s4x"), _BIG),
)


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    failed = evidence.name.startswith("btmp")
    order = AppendedOrder(seconds(host.collected)) if evidence.name.startswith(("wtmp", "btmp")) else None
    layout, offset, held, skipped = None, 0, b"", 0
    for piece in chain(_pieces(evidence), [None]):
        if isinstance(piece, Problem):
            yield piece
            continue
        held += piece or b""
        layout = layout or _layout(held)
        at = start = 0
        while at + (layout.size if piece is None else 2 * layout.size) <= len(held):
            gap = _gap(held, at, layout)
            if not gap:
                at += layout.size
                continue
            yield from fenced(
                range(start, at, layout.size), partial(_locator, offset), partial(_entry, held, offset, layout, failed, order)
            )
            yield Problem(f"{gap} bytes are no entry: one was not written completely, or something else was written", str(offset + at))
            at = start = at + gap
            skipped += gap
        yield from fenced(range(start, at, layout.size), partial(_locator, offset), partial(_entry, held, offset, layout, failed, order))
        held, offset = held[at:], offset + at
    if order is not None:
        written, changed = (seconds(evidence.facts.get(name)) for name in ("mtime", "ctime"))
        yield from order.ends(written if written is not None and changed is not None and changed > written else None)
    if layout and held:
        noun = "byte" if len(held) == 1 else "bytes"
        yield Problem(f"{len(held)} {noun} at the end: no whole entry of {layout.size} bytes", str(offset))
    if layout and (lost := (skipped + len(held)) // layout.size):
        yield Problem(f"the bytes between entries have the size of {lost} entries", lost=lost)


def _gap(held: bytes, at: int, layout: _Layout) -> int:
    """Return the number of bytes from `at` to the next sound entry, where those at `at` are none; 0 where no entry begins within a slot.

    Slots have no mark of their own: after a write that was cut, all entries behind it are out of step.
    """
    if not _odd(held, at, layout):
        return 0
    for found in layout.begins.finditer(held, at + 1, at + layout.size + 3):
        if found.start() + layout.size <= len(held) and _sound(layout.entry.unpack_from(held, found.start())):
            return found.start() - at
    return 0


def _odd(held: bytes, at: int, layout: _Layout) -> bool:
    """Return whether a slot is not as programs write it: an unknown type, an empty one that is not zero, text behind the end of a text."""
    slot = layout.entry.unpack_from(held, at)
    if slot[0] == 0:
        return held.count(0, at, at + layout.size) != layout.size
    return not 0 < slot[0] < len(_TYPES) or not all(map(_padded, (slot[2], slot[4], slot[5])))


def _sound(slot: tuple[Any, ...]) -> bool:
    """Return whether a slot certainly is an entry."""
    kind, _, line, _, user, host, *_, seconds, micros, _, _ = slot
    texts = (line, user, host)
    return (
        0 < kind < len(_TYPES)
        and 1 << 29 <= seconds < 1 << 33
        and 0 <= micros < 1_000_000
        and all(map(_padded, texts))
        and all(map(_clean, texts))
        and any(any(text) for text in texts)
        and _plausible(slot) == 1.0
    )


def _padded(raw: bytes) -> bool:
    return b"\0" not in raw.rstrip(b"\0")


def _locator(offset: int, at: int) -> str:
    return str(offset + at)


def _entry(held: bytes, offset: int, layout: _Layout, failed: bool, order: AppendedOrder | None, at: int) -> Iterator[Record | Problem]:
    """Yield the slot at `at` in `held`, which begins at `offset` in the file."""
    slot = layout.entry.unpack_from(held, at)
    item = _slot(slot, offset + at, layout, failed)
    yield item
    if order is not None:
        yield from order.contradictions(offset + at, slot[0], slot[9], empty=not any(held[at : at + layout.size]))
    if isinstance(item, Record) and _disagrees(item.fields):
        named = item.fields["source.address"]
        yield Problem(f"the host field says {named}, the address field {item.fields['source.ip']}", item.locator)


def expected(evidence: Evidence) -> int:
    """Return the number of slots: the unpacked size of the file, divided by the size of a slot."""
    size, total = 0, 0
    for piece in _pieces(evidence):
        if isinstance(piece, bytes):
            size = size or _layout(piece).size
            total += len(piece)
    return total // size if size else 0


def _pieces(evidence: Evidence) -> Iterator[bytes | Problem]:
    """Yield the unpacked content in pieces. The first one is large enough to recognise the layout."""
    held = b""
    for piece in pieces(evidence, packed=True):
        if isinstance(piece, Problem):
            yield piece
            continue
        held += piece
        if len(held) >= _ENOUGH:
            yield held
            held = b""
    if held:
        yield held


def _layout(head: bytes) -> _Layout:
    """Return the layout in which most of the first slots are plausible: known type, recent time, unused bytes zero.

    Where none fits, the first slots are out of step: then the one of which most entries are found, wherever they begin.
    """
    scores = {layout: _score(head, layout) for layout in _LAYOUTS}
    best = max(_LAYOUTS, key=lambda layout: scores[layout])
    if scores[best] > 0.99 or len(head) < best.size:
        return best
    return max(_LAYOUTS, key=lambda layout: (_found(head, layout), scores[layout]))


def _score(head: bytes, layout: _Layout) -> float:
    slots = [layout.entry.unpack_from(head, at) for at in range(0, len(head) - layout.size + 1, layout.size)][:64]
    return sum(map(_plausible, slots)) / len(slots) if slots else 0.0


def _found(head: bytes, layout: _Layout) -> int:
    places = (found.start() for found in layout.begins.finditer(head) if found.start() + layout.size <= len(head))
    return sum(_sound(layout.entry.unpack_from(head, at)) for at in islice(places, 4096))


def _plausible(slot: tuple[Any, ...]) -> float:
    kind, pid, line, _, user, _, _, _, _, seconds, micros, _, unused = slot
    signs = (
        0 <= kind < len(_TYPES),
        0 <= pid < 1 << 22,
        seconds == 0 or 1 << 29 <= seconds < 1 << 33,
        0 <= micros < 1_000_000,
        not any(unused),
        _clean(line),
        _clean(user),
    )
    return sum(map(bool, signs)) / len(signs)


def _clean(raw: bytes) -> bool:
    return raw.split(b"\0", 1)[0].isascii()


def _slot(slot: tuple[Any, ...], offset: int, layout: _Layout, failed: bool) -> Record | Problem:
    kind, pid, line, id_, user, host, termination, exit_code, session, seconds, micros, address, _ = slot
    if not 0 <= kind < len(_TYPES):
        return Problem(f"entry has the unknown type {kind}", str(offset), 1)
    out: dict[str, Any] = {"escadre.utmp.type": _TYPES[kind], "escadre.format": layout.name}
    if time := _time(seconds, micros):
        out["@timestamp"] = time
    for field, raw in (("escadre.tty", line), ("escadre.utmp.id", id_), ("user.name", user), ("source.address", host)):
        if value := text(raw.split(b"\0", 1)[0]):
            out[field] = value
    numbers = {
        "process.pid": pid,
        "escadre.utmp.session": session,
        "escadre.utmp.exit_termination": termination,
        "process.exit_code": exit_code,
    }
    out |= {field: number for field, number in numbers.items() if number}
    named = "" if kind in (1, 2) else out.get("source.address", "")  # at a boot the host field has the kernel's version
    if ip := _address(address, named):
        out["source.ip"], out["related.ip"] = ip, [ip]
    elif "." in out.get("source.address", "") and kind in (6, 7):
        out["source.domain"] = out["source.address"]
    _explain(out, kind, pid, failed, offset // layout.size)
    return Record(str(offset), out)


def _time(seconds: int, micros: int) -> str | None:
    """Return RFC 3339 UTC, or None without a time or after the year 9999. Impossible microseconds are left out."""
    if not 0 < seconds < 253_402_300_800:
        return None
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.{micros:06d}Z" if 0 < micros < 1_000_000 else f"{stamp}Z"


def _address(raw: bytes, host: str) -> str:
    """Return the address of an entry, '' if there is none.

    ut_addr_v6 holds an IPv6 address, or an IPv4 address in its first four bytes and zeros. `2001:db8::` and 32.1.13.184 are the same bytes:
    where the host field names one of the two it decides, and where the field is all zero it may hold the address alone.
    """
    named = _written(host)
    if not any(raw):
        return str(named or "")
    v6 = ipaddress.IPv6Address(raw)
    if any(raw[4:]) or named == v6:
        return str(v6.ipv4_mapped or v6)
    return str(ipaddress.IPv4Address(raw[:4]))


def _written(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        return None


def _disagrees(fields: dict[str, Any]) -> bool:
    """Return whether the host field names another address than the address field."""
    named = _written(str(fields.get("source.address", "")))
    if named is None or "source.ip" not in fields:
        return False
    return str(getattr(named, "ipv4_mapped", None) or named) != str(fields["source.ip"])


def _explain(out: dict[str, Any], kind: int, pid: int, failed: bool, number: int) -> None:
    """Add action, outcome, category and sentence, which depend on the type of the entry."""
    name = _name(out, kind, failed)
    action, type_, template = _MEANINGS[name]
    level = chr(pid & 0xFF) if 32 < pid & 0xFF < 127 else ""
    message = sentence(template)(out | {"slot": number, "level": level})
    out |= {"event.action": action, "event.type": [type_], "message": message}
    if name in ("failed", "login"):
        out["event.outcome"] = "failure" if name == "failed" else "success"
    if kind in (1, 2, 3, 4, 0):
        out["event.category"] = ["host"] if kind else []
    elif kind in (7, 8) and "user.name" in out:
        out["related.user"] = [out["user.name"]]


def _name(out: dict[str, Any], kind: int, failed: bool) -> str:
    """Return the key of `_MEANINGS` for an entry."""
    if kind == 0 and len(out) == 2:
        return "empty"
    if failed and kind in (6, 7):
        return "failed"
    if kind == 1 and out.get("user.name") == "shutdown":
        return "shutdown"
    return {1: "level", 2: "boot", 3: "new time", 4: "old time", 6: "prompt", 7: "login", 8: "logout"}.get(kind, "other")


_WHO = "[{user.name!q}|An unknown user]"
_WHERE = "[ on {escadre.tty}][ from {source.address!q}]"
_MEANINGS = {
    "empty": ("accounting-slot-empty", "info", "Slot {slot} is empty: it was never used, or it was wiped."),
    "failed": ("user-login", "start", f"{_WHO} failed to log in{_WHERE}."),
    "login": ("user-login", "start", f"{_WHO} logged in{_WHERE}."),
    "logout": ("user-logout", "end", "The session[ on {escadre.tty}] ended."),
    "prompt": ("login-prompt-opened", "info", "A login prompt waits[ on {escadre.tty}]."),
    "boot": ("host-started", "info", "The host started[ with kernel {source.address!q}]."),
    "shutdown": ("host-shut-down", "info", "The host was shut down."),
    "level": ("run-level-changed", "info", "The run level changed[ to {level}]."),
    "new time": ("clock-changed", "info", "The clock was set; this entry holds the new time."),
    "old time": ("clock-changed", "info", "The clock was set; this entry holds the old time."),
    "other": ("accounting-entry-recorded", "info", ARTEFACT.message),
}
"""Kind of entry → action, event.type and sentence."""
