"""systemd unit files and drop-ins as systemd reads them: settings with their section, and the commands of `Exec…=`.

Sources: systemd.syntax(7); systemd, conf-parser.c and fileio.c (what ends a line); systemd.unit(5); systemd.service(5), Command lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from scout.formats import commandline
from scout.formats.textlines import Line, decode
from scout.formats.unit_names import KINDS

_BLANK = " \t\n\r"
"""White space as systemd strips it; any other is part of a name or value."""
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_PREFIX = re.compile(r"[@\-:+!|]*")
"""Prefixes of a command: `-/bin/x`, `+/bin/x`"""
TRIGGERS = frozenset(
    {
        "OnActiveSec",
        "OnBootSec",
        "OnStartupSec",
        "OnUnitActiveSec",
        "OnUnitInactiveSec",
        "OnCalendar",
        "OnClockChange",
        "OnTimezoneChange",
        "ListenStream",
        "ListenDatagram",
        "ListenSequentialPacket",
        "ListenFIFO",
        "ListenSpecial",
        "ListenNetlink",
        "ListenMessageQueue",
        "ListenUSBFunction",
        "PathExists",
        "PathExistsGlob",
        "PathChanged",
        "PathModified",
        "DirectoryNotEmpty",
        "Where",
    }
)
"""Settings that say when a unit starts"""
_MOST = 20_000
"""Most settings of one file, and most lines of one setting."""
_END = re.compile(r"\r\0|\0\r|[\r\0]")
"""Besides the line feed, systemd ends a line at these; different ones in a row are one end."""
_LAST_END = re.compile(r"(?:\r\0?|\0\r?)\Z")
_OPEN = re.compile(r"(?<!\\)(?:\\\\)*\\$")
"""An odd number of backslashes at the end of a line."""

_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|([0-3][0-7]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(s)|.)", re.DOTALL)
_TOKEN = re.compile(r"""(?<!\S)(;)(?!\S)|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?:\\.|[^\\"';])+|.""", re.DOTALL)

Settings = dict[str, list[str]]
"""`Section.Key` → values after resets, in order."""


class UnitRefusal(NamedTuple):
    """The reason why systemd does not load a file."""

    reason: str


class UnitTrouble(NamedTuple):
    """A part of a file that was not read, or that systemd ignores: why, and the number of its line."""

    reason: str
    line: int


def ignored(key: str, kind: str) -> bool:
    """Return whether systemd passes over a setting (`Section.Key`) of a unit of this kind.

    It reads [Unit], [Install] and the section of the kind, whose names have fixed capitals; [Unit] and [Install] start nothing.
    """
    section, dot, name = key.rpartition(".")
    if not dot or kind not in KINDS or section == kind.capitalize():
        return False
    return section not in ("Unit", "Install") or name.startswith(("Exec", "Environment")) or name in TRIGGERS


def settings_of(lines: Iterable[Line]) -> Iterator[tuple[str, str] | UnitRefusal | UnitTrouble]:
    """Yield (`Section.Key`, value) in the order of the file, continuation lines joined; ('', '') for content that is no setting.

    Of a file that systemd refuses, the settings before and behind that line are yielded too.
    """
    section, count = "", 0
    for number, logical in _logical(lines):
        if isinstance(logical, UnitTrouble):
            yield logical
            continue
        if _NOT_UTF8.search(logical):
            yield UnitRefusal(f"line {number} is not UTF-8")
        if logical.startswith("["):
            section = logical[1:-1]
            yield UnitRefusal(f"line {number} is no section header") if logical[-1] != "]" else ("", "")
        else:
            key, equals, value = logical.partition("=")
            count += 1
            if count > _MOST:
                yield UnitTrouble(f"more than {_MOST} settings; the rest was not read", number)
                return
            if not equals or not section:
                reason = "line is no setting; systemd ignores it" if section else "setting before any section"
                yield UnitTrouble(reason, number)
                yield "", ""
            else:
                yield f"{section}.{key.strip(_BLANK)}", value.strip(_BLANK)


def _logical(lines: Iterable[Line]) -> Iterator[tuple[int, str | UnitTrouble]]:
    """Yield (number, logical line). A trailing backslash joins the next line with a blank; comment lines in between are skipped."""
    held: list[str] = []
    first = 0
    for number, part in _physical(lines):
        if isinstance(part, UnitTrouble):
            yield number, part
            continue
        bare = part.lstrip(" \t")
        if bare[:1] in ("#", ";") or (not bare and not held):
            continue
        first = first if held else number
        if _OPEN.search(bare) and len(held) < _MOST:
            held.append(bare[:-1] + " ")
            continue
        yield first, ("".join(held) + bare).strip(_BLANK)
        held = []
    if held:
        yield first, "".join(held).strip(_BLANK)


def _physical(lines: Iterable[Line]) -> Iterator[tuple[int, str | UnitTrouble]]:
    r"""Yield (number, line) as systemd ends lines: at `\n`, `\r` or NUL, where several different ones in a row are one end (`\r\n`).

    One byte order mark is skipped, at whichever line it is.
    """
    used, marked = "", False
    for line in lines:
        if line.cut:
            yield line.number, UnitTrouble(f"line of {line.length:,} bytes was read only to {len(line.raw):,}", line.number)
        body = decode(line.raw)
        while line.number > 1 and body[:1] in ("\r", "\0") and body[0] not in used:  # the rest of the end before
            used, body = used + body[0], body[1:]
        end = _LAST_END.search(body)
        used = end[0] if end else ""
        for part in _END.split(body[: len(body) - len(used)]):
            first = not marked and part.startswith("\ufeff")
            marked = marked or first
            yield line.number, part[1:] if first else part


def assign(settings: Settings, key: str, value: str) -> None:
    """Add a value to its setting; an empty value removes those before it."""
    if not key:
        return
    if value:
        settings.setdefault(key, []).append(value)
    else:
        settings[key] = []


def commands_of(value: str) -> list[str]:
    """Return the commands of one setting, which a separate `;` divides, with escape sequences decoded."""
    parts: list[list[str]] = [[]]
    for found in _TOKEN.finditer(value):
        if found[1]:
            parts.append([])
        else:
            parts[-1].append(spelt(found[0]))
    return [command for part in parts if (command := "".join(part).strip())]


def words_of(command: str, home: str = "") -> tuple[str, list[str]]:
    """Return a command without its prefixes, and its arguments: argv[0] is the program; `home` fills `~` and `$HOME`."""
    prefix = _PREFIX.match(command)
    plain = command[prefix.end() if prefix else 0 :].strip()
    words = commandline.split_posix(plain, home=home)
    if prefix and "@" in prefix[0] and len(words) > 1:
        del words[1]  # with @ the second word is argv[0]
    return plain, words


def spelt(value: str) -> str:
    r"""Decode the escape sequences of a token or text: `/\x74mp` is /tmp. A character that would separate or quote keeps a backslash."""
    plain = "/._-+:@%,=~" + (" ;&|<>()#*?[]{}!" if value[:1] in ("'", '"') else "")

    def character(found: re.Match[str]) -> str:
        digits = found[1] or found[3] or found[4]
        code = int(digits, 16) if digits else int(found[2], 8) if found[2] else 32 if found[5] else -1
        if not 32 <= code < 0x110000 or 0xD800 <= code < 0xE000:
            return found[0]
        return chr(code) if chr(code).isalnum() or chr(code) in plain else f"\\{chr(code)}"

    return _ESCAPE.sub(character, value) if "\\" in value else value
