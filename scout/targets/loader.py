"""Reads and checks target definitions. One wrong word in a definition is one clear line with file and id, never a silent gap."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from scout import live
from scout.console import WRONG_USE, Complaint
from scout.data import parse_yaml
from scout.targets.patterns import braces

HERE = Path(__file__).parent
PRIORITIES = {"T": "triage", "F": "full", "O": "on demand"}
ACCESS = {
    "N": "ordinary read",
    "L": "locked on a live host",
    "R": "raw volume only",
    "DB": "consistent group",
    "API": "live state, no file",
}
HEADERS = ("elf", "pe", "script", "class", "php")
_ID = re.compile(r"[WLM][A-Z]\d\d")
_PLACEHOLDER = re.compile(r"<[A-Za-z]+>|%[A-Za-z]+%")
_PLACEHOLDERS = ("<u>", "%systemroot%")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMG]?)i?B?", re.IGNORECASE)
_KEYS = {
    "id",
    "what",
    "why",
    "os",
    "paths",
    "first",
    "live",
    "groups",
    "exclude",
    "secret",
    "stream",
    "rule",
    "priority",
    "order",
    "cap",
    "size",
    "access",
    "reads",
    "unread",
}
_RULE_KEYS = {"headers", "extensions", "double", "total", "count"}


@dataclass(frozen=True, slots=True)
class SampleRule:
    """When a file in the places of its target is suspicious: any one of these."""

    headers: tuple[str, ...] = ()
    """what the first bytes say: elf, pe, script (`#!`), class, php"""
    extensions: tuple[str, ...] = ()
    """lower case, with the dot"""
    double: bool = False
    """`invoice.pdf.exe`: a document's extension before a program's"""
    total: int = 512_000_000
    """bytes that the target takes at most"""
    count: int = 5_000
    """files that it takes at most"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionTarget:
    """One definition. `paths` and `first` are patterns (see `patterns`); `first` are the fact-givers, read before all else."""

    id: str
    what: str
    why: str
    os: str
    paths: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    live: tuple[str, ...] = ()
    """live sources, modules of `scout.live`"""
    groups: Mapping[str, str] = field(default_factory=dict)
    """role → file name of a companion, where {name} is the main file's name"""
    exclude: tuple[str, ...] = ()
    """patterns that are not wanted at all"""
    secret: tuple[str, ...] = ()
    """patterns that are listed in custody and never read: password hashes, private keys"""
    stream: bool = False
    """`%3A` in a file name of a plain tree stands for the colon of an NTFS stream"""
    rule: SampleRule | None = None
    priority: str
    order: int
    cap: int
    """bytes of data per file"""
    size: str
    """what to expect on an ordinary host, in words"""
    access: str
    reads: tuple[str, ...] = ()
    """artefacts that read it"""
    unread: str = ""
    """why no artefact reads it yet"""


@dataclass(frozen=True, slots=True)
class TargetList:
    """All definitions, in order of work."""

    all: tuple[CollectionTarget, ...]

    def __iter__(self) -> Any:
        return iter(self.all)

    def get(self, name: str) -> CollectionTarget | None:
        """The definition with this id, without case."""
        return next((target for target in self.all if target.id.lower() == name.lower()), None)


def parse_size(text: object) -> int:
    """Bytes of `500 MB`, `1G`, `64k`, `4096`; decimal units. Raises ValueError."""
    found = _SIZE.fullmatch(str(text).strip())
    if not found:
        raise ValueError(f"{text!r} is no size such as 500MB or 2G")
    return int(float(found.group(1)) * {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}[found.group(2).lower()])


def load(paths: Iterable[Path] | None = None) -> TargetList:
    """All target files of this folder (or those given). Raises Complaint for the first definition that is wrong."""
    targets: list[CollectionTarget] = []
    seen: dict[str, str] = {}
    for path in sorted(HERE.glob("*.yaml")) if paths is None else paths:
        for number, entry in enumerate(_entries(path), 1):
            target = _target(entry, f"{path.name}, {entry.get('id', f'entry {number}') if isinstance(entry, dict) else f'entry {number}'}")
            if target.id in seen:
                raise Complaint(f"{path.name}: {target.id} is already defined in {seen[target.id]}.", code=WRONG_USE)
            seen[target.id] = path.name
            targets.append(target)
    return TargetList(tuple(sorted(targets, key=lambda target: (target.order, target.id))))


def _entries(path: Path) -> list[Any]:
    try:
        document = parse_yaml(path.read_bytes())
    except OSError as e:
        raise Complaint(f"{path}: {e.strerror or e}.", "Give a YAML file with target definitions.", WRONG_USE) from e
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else str(path)
        raise Complaint(f"{where}: {getattr(e, 'problem', e)}.", "It must be a YAML list of targets.", WRONG_USE) from e
    if not isinstance(document, list):
        raise Complaint(f"{path}: not a list of targets.", code=WRONG_USE)
    return document


def _target(entry: Any, where: str) -> CollectionTarget:
    try:
        return _checked(entry)
    except (ValueError, TypeError, KeyError, AttributeError) as e:
        reason = f"{e.args[0]} is missing" if isinstance(e, KeyError) else str(e)
        raise Complaint(f"{where}: {reason}.", "scout targets WR01 shows a definition as it should be.", WRONG_USE) from e


def _checked(entry: Any) -> CollectionTarget:
    if not isinstance(entry, dict):
        raise TypeError("a target is a mapping")
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise ValueError(f"unknown word {unknown[0]!r}")
    target = CollectionTarget(
        id=_one_of(str(entry["id"]), _ID),
        what=_text(entry, "what"),
        why=_text(entry, "why"),
        os=_choice(entry["os"], ("windows", "linux"), "os"),
        paths=_patterns(entry, "paths"),
        first=_patterns(entry, "first"),
        live=_sources(entry),
        groups=_groups(entry),
        exclude=_patterns(entry, "exclude"),
        secret=_patterns(entry, "secret"),
        stream=_flag(entry, "stream"),
        rule=_rule(entry.get("rule")),
        priority=_choice(entry["priority"], tuple(PRIORITIES), "priority"),
        order=_order(entry["order"]),
        cap=parse_size(entry.get("cap", "500 MB")),
        size=_text(entry, "size"),
        access=_choice(entry["access"], tuple(ACCESS), "access"),
        reads=_names(entry, "reads"),
        unread=str(entry.get("unread", "")),
    )
    if not (target.paths or target.first or target.live):
        raise ValueError("it names neither paths nor live sources")
    if bool(target.reads) == bool(target.unread):
        raise ValueError("it must say either which artefacts read it (reads) or why none does (unread)")
    return target


def _one_of(text: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(text):
        raise ValueError(f"{text!r} is no target id such as WR01")
    return text


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry[key]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key} must be a sentence")
    return value.strip()


def _choice(value: Any, known: Sequence[str], key: str) -> str:
    if value not in known:
        raise ValueError(f"{key} is {value!r}, not one of {', '.join(known)}")
    return str(value)


def _names(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in value):
        raise ValueError(f"{key} must be a list of names")
    return tuple(value)


def _sources(entry: Mapping[str, Any]) -> tuple[str, ...]:
    names = _names(entry, "live")
    for name in names:
        if not live.exists(name):
            raise ValueError(f"there is no live source {name!r}")
    return names


def _flag(entry: Mapping[str, Any], key: str) -> bool:
    value = entry.get(key, False)
    if not isinstance(value, bool):
        raise TypeError(f"{key} must be true or false")
    return value


def _order(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("order must be a whole number")
    return value


def _patterns(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(pattern, str) and pattern for pattern in value):
        raise ValueError(f"{key} must be a list of patterns")
    for pattern in value:
        if "\\" in pattern or ".." in pattern.split("/"):
            raise ValueError(f"pattern {pattern!r} must use / and stay below the root")
        braces(pattern)
        unknown = next((name for name in _PLACEHOLDER.findall(pattern) if name.lower() not in _PLACEHOLDERS), None)
        if unknown:
            raise ValueError(f"pattern {pattern!r} has the unknown {unknown}; known are <U> and %SystemRoot%")
    return tuple(value)


def _groups(entry: Mapping[str, Any]) -> dict[str, str]:
    value = entry.get("groups", {})
    if not isinstance(value, dict) or not all("{name}" in str(name) and "/" not in str(name) for name in value.values()):
        raise ValueError("groups must map roles to file names with {name} in them")
    return {str(role): str(name) for role, name in value.items()}


def _rule(value: Any) -> SampleRule | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) - _RULE_KEYS:
        raise ValueError(f"rule must be a mapping of {', '.join(sorted(_RULE_KEYS))}")
    headers = tuple(_choice(header, HEADERS, "header") for header in value.get("headers", []))
    extensions = tuple(str(extension) for extension in value.get("extensions", []))
    if any(not extension.startswith(".") or extension != extension.lower() for extension in extensions):
        raise ValueError("extensions are lower case with a dot")
    if not (headers or extensions or value.get("double")):
        raise ValueError("a rule needs headers, extensions or double")
    total, count = parse_size(value.get("total", "512 MB")), int(value.get("count", 5_000))
    return SampleRule(headers, extensions, _flag(value, "double"), total, count)


def select(targets: TargetList, *, os_name: str, profile: str, names: Sequence[str] = (), live: bool = True) -> list[CollectionTarget]:
    """Targets of one operating system and profile, or those named (ids, or beginnings such as `WR`). Complaint for an unknown name."""
    priorities = {"triage": "T", "full": "TF"}.get(profile)
    if priorities is None:
        raise Complaint(f"there is no profile {profile!r}.", "Profiles are triage and full.", WRONG_USE)
    for name in names:
        if not any(target.id.lower().startswith(name.lower()) for target in targets):
            raise Complaint(f"there is no target {name!r}.", "scout targets lists them.", WRONG_USE)
    return [
        target
        for target in targets
        if target.os == os_name
        and (live or not target.live)
        and (any(target.id.lower().startswith(name.lower()) for name in names) if names else target.priority in priorities)
    ]
