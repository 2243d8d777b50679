"""Read definitions of scheduled tasks: the XML of Task Scheduler 2.0, all schema versions, UTF-16 or UTF-8, from bytes.

The text is hostile: no DTD, no entities, namespaces are ignored, the size is bounded.
Source: [MS-TSCH] Task Scheduler Service Remoting Protocol, section 2.5 "Task Definition XML".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

LARGEST = 4 << 20
"""bytes of a definition; real ones stay below 100 kB"""
MOST = 1_000
"""actions, triggers and principals that are read; the scheduler allows 32 actions and 48 triggers"""


class BadTask(ValueError):  # noqa: N818  (the word says it)
    """The bytes are no task definition; the text gives the reason."""


@dataclass(frozen=True, slots=True)
class Action:
    """An action of a task. `kind`: Exec, ComHandler, SendEmail or ShowMessage; `parts`: its elements by name, text as written."""

    kind: str
    parts: dict[str, str]

    @property
    def command_line(self) -> str:
        """Command and arguments of an Exec action, the command quoted where it contains blanks; '' for others."""
        command, arguments = self.parts.get("Command", ""), self.parts.get("Arguments", "")
        if re.search(r"\s", command) and not command.startswith('"'):
            command = f'"{command}"'
        return f"{command} {arguments}".strip() if self.kind == "Exec" else ""

    @property
    def line(self) -> str:
        """The action in one line for a person."""
        return self.command_line or " ".join([self.kind, *(f"{name}={text}" for name, text in self.parts.items() if text)])


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger of a task. `parts`: path of the elements below it (`Repetition/Interval`) → text as written."""

    kind: str
    parts: dict[str, str]

    @property
    def start(self) -> str:
        """Start boundary as written: local time of the host where it has no zone; '' if none."""
        return self.parts.get("StartBoundary", "")

    @property
    def line(self) -> str:
        """The trigger in one line for a person."""
        return " ".join([self.kind, *(f"{name}={text}" if text else name for name, text in self.parts.items())])


_FIELDS = {
    "RegistrationInfo": ("URI", "Author", "Description", "Date"),
    "Settings": ("Enabled", "Hidden"),
    "Principals": ("UserId", "GroupId", "RunLevel", "LogonType"),
}
"""Elements that a field of the task has, by section."""


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """One definition. Texts are as written, '' where absent; `enabled` and `hidden` have the schema's defaults where absent."""

    version: str
    uri: str
    author: str
    description: str
    registered: str
    user: str
    group: str
    run_level: str
    logon_type: str
    enabled: bool
    hidden: bool
    actions: tuple[Action, ...]
    triggers: tuple[Trigger, ...]
    others: tuple[tuple[str, str], ...] = ()
    """(path below the task, text) of all other elements with a text: `Settings/WakeToRun`, `RegistrationInfo/SecurityDescriptor`"""


def read(data: bytes) -> ScheduledTask:
    """Return the definition in `data`. Raises BadTask."""
    if len(data) > LARGEST:
        raise BadTask(f"no task definition: {len(data)} bytes")
    if not data.strip(b"\0\r\n\t "):
        raise BadTask("empty file" if not data else "no task definition: nothing but zeroes and blanks")
    try:
        root: Element = fromstring(_decoded(data), forbid_dtd=True)
    except DefusedXmlException:
        raise BadTask("refused: a task definition has no document type or entities of its own") from None
    except (ParseError, ValueError, LookupError, RecursionError) as error:
        raise BadTask(f"no XML that can be read: {error}") from None
    if _name(root) != "Task":
        raise BadTask(f"no task definition: its root is {_name(root)[:60]}")
    return _task(root)


def _decoded(data: bytes) -> str:
    """Decode the text without byte order mark and XML declaration. The declared encoding may be wrong; the bytes decide."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
    elif data[1:2] == b"\0":
        text = data[: len(data) // 2 * 2].decode("utf-16-le", "replace")
    elif data[:1] == b"\0":
        text = data[: len(data) // 2 * 2].decode("utf-16-be", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
    return re.sub(r"\A\s*<\?xml[^>]{0,200}\?>", "", text).rstrip("\0")


def _task(root: Element) -> ScheduledTask:
    info, settings, principal = _child(root, "RegistrationInfo"), _child(root, "Settings"), _principal(root)
    return ScheduledTask(
        version=root.get("version", ""),
        uri=_text(info, "URI"),
        author=_text(info, "Author"),
        description=_text(info, "Description"),
        registered=_text(info, "Date"),
        user=_text(principal, "UserId"),
        group=_text(principal, "GroupId"),
        run_level=_text(principal, "RunLevel"),
        logon_type=_text(principal, "LogonType"),
        enabled=_text(settings, "Enabled").lower() not in ("false", "0"),
        hidden=_text(settings, "Hidden").lower() in ("true", "1"),
        actions=tuple(Action(_name(e), dict(_leaves(e))) for e in _children(root, "Actions")),
        triggers=tuple(Trigger(_name(e), dict(_leaves(e))) for e in _children(root, "Triggers")),
        others=tuple(_others(root, principal)),
    )


def _others(root: Element, principal: Element | None) -> Iterator[tuple[str, str]]:
    """Yield the elements that no field of the task has: of other principals and sections all, and the folders of further actions."""
    for section in root:
        name = _name(section)
        if name in ("RegistrationInfo", "Settings"):
            yield from ((f"{name}/{path}", text) for path, text in _leaves(section) if text and path not in _FIELDS[name])
        elif name not in ("Actions", "Triggers", "Principals"):
            if text := (section.text or "").strip():
                yield name, text
            yield from ((f"{name}/{path}", text) for path, text in _leaves(section) if text)
    for number, one in enumerate(_children(root, "Principals"), 1):
        known = _FIELDS["Principals"] if one is principal else ()
        yield from ((f"Principals/{number}/{path}", text) for path, text in _leaves(one) if text and path not in known)
    for number, action in enumerate(_children(root, "Actions"), 1):
        if number > 1 and (folder := _text(action, "WorkingDirectory")):
            yield f"Actions/{number}/WorkingDirectory", folder


def _principal(root: Element) -> Element | None:
    """Return the principal that the actions name in their context, else the first."""
    actions = _child(root, "Actions")
    context = actions.get("Context", "") if actions is not None else ""
    principals = list(_children(root, "Principals"))
    return next((p for p in principals if context and p.get("id") == context), principals[0] if principals else None)


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _child(element: Element | None, name: str) -> Element | None:
    return next((e for e in element if _name(e) == name), None) if element is not None else None


def _children(root: Element, name: str) -> Iterator[Element]:
    """Yield the elements of all sections with this name."""
    count = 0
    for section in root:
        if _name(section) == name:
            for element in section:
                count += 1
                if count > MOST:
                    return
                yield element


def _text(element: Element | None, name: str) -> str:
    found = _child(element, name)
    return (found.text or "").strip() if found is not None else ""


def _leaves(element: Element) -> Iterator[tuple[str, str]]:
    """Yield (path below `element`, text) of elements without children, at most ten levels deep; texts of a repeated path are joined."""
    found: dict[str, list[str]] = {}
    stack = [("", child) for child in reversed(element)]
    while stack and len(found) < MOST:
        path, child = stack.pop()
        path = f"{path}/{_name(child)}" if path else _name(child)
        if len(child) and path.count("/") < 10:
            stack.extend((path, inner) for inner in reversed(child))
        else:
            found.setdefault(path, []).append((child.text or "").strip())
    for path, texts in found.items():
        yield path, ", ".join(text for text in texts if text)
