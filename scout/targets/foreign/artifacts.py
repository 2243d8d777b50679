r"""Artifact definitions of ForensicArtifacts: YAML documents with a `name` and `sources`.

FILE names files. PATH names contents of a path: the file of that name, or the files directly in the folder of that name. REGISTRY_KEY and
REGISTRY_VALUE name keys: the hive with its logs is taken. `**` is one to ten levels, `**N` one to N (as Plaso reads it). COMMAND and WMI
are not run.
Source: "Artifact definition format and style guide" of ForensicArtifacts, with its rules for variables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from scout.data import parse_all
from scout.targets.foreign.definition import ForeignDefinition, ForeignEntry, NotTranslated, expand_stars

PREFIX = "artifacts:"
SUFFIX = ".yaml"
_VARIABLE = re.compile(r"%%([a-z_.0-9]+)%%", re.IGNORECASE)
_USER = "<U>"
_VALUES = {
    "users.homedir": (_USER,),
    "users.userprofile": (_USER,),
    "users.appdata": (f"{_USER}/AppData/Roaming", f"{_USER}/Application Data"),
    "users.localappdata": (f"{_USER}/AppData/Local", f"{_USER}/Local Settings/Application Data"),
    "users.localappdata_low": (f"{_USER}/AppData/LocalLow",),
    "users.temp": (f"{_USER}/AppData/Local/Temp", f"{_USER}/Local Settings/Temp"),
    "users.username": ("*",),
    "environ_systemroot": ("%SystemRoot%",),
    "environ_windir": ("%SystemRoot%",),
    "environ_systemdrive": ("",),
    "environ_programfiles": ("Program Files",),
    "environ_programfilesx86": ("Program Files (x86)",),
    "environ_programdata": ("ProgramData",),
    "environ_allusersprofile": ("ProgramData", "Documents and Settings/All Users"),
    "environ_allusersappdata": ("ProgramData", "Documents and Settings/All Users/Application Data"),
}
_MACHINE = {
    "software": "SOFTWARE",
    "system": "SYSTEM",
    "sam": "SAM",
    "security": "SECURITY",
    "components": "COMPONENTS",
    "drivers": "DRIVERS",
}
_LOGS = (("log", "{name}.LOG"), ("log1", "{name}.LOG1"), ("log2", "{name}.LOG2"))
_CONFIG = "%SystemRoot%/System32/config"
_CLASSES = f"{_USER}/AppData/Local/Microsoft/Windows/UsrClass.dat"


def read(path: Path, content: bytes) -> list[ForeignDefinition]:
    """Return all definitions of a file; [] where it holds none."""
    if not re.search(rb"^sources:", content, re.MULTILINE):
        return []
    try:
        documents = _documents(content)
    except yaml.YAMLError as e:
        return [ForeignDefinition(name=f"{PREFIX}{path.stem}", what=path.name, failures=(f"no YAML: {' '.join(str(e).split())[:200]}",))]
    return [_definition(one) for one in documents if isinstance(one, dict) and "name" in one and isinstance(one.get("sources"), list)]


def _documents(content: bytes) -> list[Any]:
    """Return the documents of a file. The loader in C is faster, and stricter with colons in flow lists."""
    try:
        return parse_all(content)
    except yaml.YAMLError:
        return parse_all(content, yaml.SafeLoader)


def _definition(document: dict[str, Any]) -> ForeignDefinition:
    entries: list[ForeignEntry] = []
    includes: list[str] = []
    commands: list[str] = []
    failures: list[str] = []
    for number, source in enumerate(document["sources"], 1):
        try:
            kind, given = source["type"], source.get("attributes") or {}
            systems = source.get("supported_os") or document.get("supported_os") or ["Windows", "Linux"]
            if kind == "ARTIFACT_GROUP":
                includes += [PREFIX + name for name in given["names"]]
            elif kind == "COMMAND":
                commands.append(" ".join([str(given["cmd"]), *map(str, given.get("args") or [])]))
            elif kind == "WMI":
                commands.append(f"WMI {given['query']}")
            elif kind in ("FILE", "PATH"):
                entries += _files(given, systems, listed=kind == "PATH")
            elif kind in ("REGISTRY_KEY", "REGISTRY_VALUE"):
                keys = given.get("keys") or [pair["key"] for pair in given["key_value_pairs"]]
                entries += [entry for key in keys for entry in _hives(str(key))]
            else:
                raise NotTranslated(f"unknown source type {kind}")
        except (NotTranslated, KeyError, TypeError, AttributeError) as e:
            failures.append(f"source {number}: {e.args[0] if e.args else e}")
    return ForeignDefinition(
        name=f"{PREFIX}{document['name']}",
        what=str(document.get("doc") or document["name"]).strip().split("\n")[0],
        entries=tuple(dict.fromkeys(entries)),
        includes=tuple(includes),
        aliases=tuple(f"{PREFIX}{one}" for one in document.get("aliases") or []),
        commands=tuple(commands),
        failures=tuple(failures),
    )


def _files(given: dict[str, Any], systems: list[str], *, listed: bool) -> Iterator[ForeignEntry]:
    separator = given.get("separator") or "/"
    families = dict.fromkeys("windows" if system == "Windows" else "linux" for system in systems)
    for text in given["paths"]:
        patterns = [pattern for variant in _variants(str(text), separator, systems) for pattern in _patterns(variant, separator)]
        if listed:
            patterns = [one for pattern in patterns for one in (pattern, f"{pattern}/*")]
        for family in families:
            yield ForeignEntry(os=family, paths=tuple(patterns))


def _variants(text: str, separator: str, systems: list[str]) -> list[str]:
    """Return the path for each value of its variables."""
    out = [text]
    while (found := _VARIABLE.search(out[0])) is not None:
        name = found.group(1).lower()
        values = _VALUES.get(name)
        if values is None:
            raise NotTranslated(f"{text}: the variable {found.group(0)} is not known")
        if name == "users.homedir" and "Darwin" in systems:
            values = (*values, "Users/*")
        out = [one.replace(found.group(0), value.replace("/", separator), 1) for one in out for value in values]
    return out


def _patterns(text: str, separator: str) -> list[str]:
    parts = [part for part in text.split(separator) if part]
    if ".." in parts:
        raise NotTranslated(f"{text} leads upwards")
    known = [at for at, part in enumerate(parts) if part in ("<U>", "%SystemRoot%")]
    if known:
        first, rest = parts[: known[0] + 1], parts[known[0] + 1 :]
        return [f"{first[-1]}/{pattern}" for pattern in expand_stars(rest)] if rest else [first[-1]]
    return expand_stars(parts)


def _hives(key: str) -> Iterator[ForeignEntry]:
    """Yield the hives that have a key."""
    names = [part for part in key.split("\\") if part]
    root, first = names[0].upper(), names[1].lower() if len(names) > 1 else ""
    if root in ("HKEY_LOCAL_MACHINE", "HKLM"):
        if first == "bcd00000000":
            yield ForeignEntry(os="windows", paths=("{Boot,EFI/Microsoft/Boot}/BCD",), groups=_LOGS)
        elif first == "hardware":
            raise NotTranslated(f"{key} exists in memory only, in no hive")
        elif first in _MACHINE:
            yield ForeignEntry(os="windows", paths=(f"{_CONFIG}/{_MACHINE[first]}",), groups=_LOGS)
        else:
            raise NotTranslated(f"{key}: its hive is not known")
    elif root in ("HKEY_USERS", "HKEY_CURRENT_USER", "HKU", "HKCU"):
        paths = (f"{_USER}/NTUSER.DAT", f"{_CONFIG}/DEFAULT", _CLASSES)
        yield ForeignEntry(os="windows", paths=paths, groups=_LOGS)
    elif root in ("HKEY_CLASSES_ROOT", "HKCR"):
        yield ForeignEntry(os="windows", paths=(f"{_CONFIG}/SOFTWARE", _CLASSES), groups=_LOGS)
    else:
        raise NotTranslated(f"{key}: its hive is not known")
