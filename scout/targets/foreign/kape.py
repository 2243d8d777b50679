r"""Target definitions of KAPE: `.tkape`, YAML. `Path` is a folder on the drive, `FileMask` a glob or `regex:…` for names in it.

A folder is read with all below it where `Recursive` is true. `%user%` is the name of a folder of profiles. A `Path` that ends in `.tkape`
is another definition. In `regex:` masks a `*` at the beginning, which repeats nothing, is read as `.*`; the expression may match anywhere
in the name.
Source: the KapeDocs pages on targets, and the targets themselves.
"""

from __future__ import annotations

import re
from pathlib import Path
from re import _parser  # type: ignore[attr-defined]
from typing import Any

import yaml

from scout.data import parse_yaml
from scout.targets.foreign.definition import ForeignDefinition, ForeignEntry, NotTranslated, component
from scout.targets.target import PathTest

MAX_EXPRESSION, MAX_REPEATS, MAX_FIXED = 1_000, 4, 64
"""characters of an expression, open repeats in it (a name has 255 characters), and times from which on a repeat counts as open"""
PREFIX = "kape:"
SUFFIX = ".tkape"
_PROFILE = re.compile(r"users/%users?%", re.IGNORECASE)
_USER = re.compile(r"%users?%", re.IGNORECASE)
_WINDOWS = re.compile(r"windows(?=/|$)", re.IGNORECASE)


def read(path: Path, content: bytes) -> list[ForeignDefinition]:
    """Return the definition of one file; one with a failure where the file is no target."""
    name = f"{PREFIX}{path.name.removesuffix(SUFFIX)}"
    try:
        document = parse_yaml(content)
        listed = document["Targets"]
        if not isinstance(listed, list):
            raise TypeError("Targets is no list")
    except (yaml.YAMLError, KeyError, TypeError) as e:
        return [ForeignDefinition(name=name, what=path.name, failures=(f"no KAPE target: {' '.join(str(e).split())[:200]}",))]
    entries, includes, failures = [], [], []
    for number, one in enumerate(listed, 1):
        try:
            place = str(one["Path"])
            if place.lower().endswith(SUFFIX):
                includes.append(PREFIX + re.split(r"[\\/]", place)[-1][: -len(SUFFIX)])
            else:
                entries.append(_entry(one, place))
        except (NotTranslated, KeyError, TypeError, re.error) as e:
            failures.append(f"entry {number}: {e.args[0] if e.args else e}")
    what = " ".join(str(document.get("Description") or path.stem).split())
    return [ForeignDefinition(name=name, what=what, entries=tuple(entries), includes=tuple(includes), failures=tuple(failures))]


def _check(expression: str) -> None:
    """Raise NotTranslated for an expression that a file name of the host could make slow, re.error for one that is none."""
    try:
        repeats = _repeats(_parser.parse(expression), within=False)
    except (RecursionError, OverflowError) as e:
        raise NotTranslated("its expression is too deep") from e
    if len(expression) > MAX_EXPRESSION or repeats > MAX_REPEATS:
        raise NotTranslated("its expression repeats so much that a name could make it slow")


def _repeats(parsed: Any, *, within: bool) -> int:
    """Return the number of open repeats; one with a choice in it, or another repeat, counts as too many."""
    found = 0
    for code, value in parsed:
        if code in (_parser.MAX_REPEAT, _parser.MIN_REPEAT):
            is_open = value[1] > MAX_FIXED
            found += MAX_REPEATS + 1 if within and value[0] != value[1] else is_open
            found += _repeats(value[2], within=within or is_open)
        elif code is _parser.BRANCH:
            found += MAX_REPEATS + 1 if within else max(_repeats(branch, within=within) for branch in value[1])
        elif isinstance(value, tuple):
            found += sum(_repeats(part, within=within) for part in value if isinstance(part, _parser.SubPattern))
    return found


def _entry(one: dict[str, Any], place: str) -> ForeignEntry:
    found = re.fullmatch(r"(?:[A-Za-z]:|%[A-Za-z]*drive%)?\\*(.*?)\\*", place, re.DOTALL)
    folder = found.group(1).replace("\\", "/") if found else place
    if "%" in _USER.sub("", folder) or ".." in folder.split("/"):
        raise NotTranslated(f"{place} has a variable that is not known")
    folder, profile = _PROFILE.subn("<U>", folder, count=1)
    folder = _USER.sub("*", folder)
    parts = [part if part == "<U>" else component(part) for part in folder.split("/") if part]
    before = "/".join(parts)
    if not profile:
        before = _WINDOWS.sub("%SystemRoot%", before, count=1) if _WINDOWS.match(before) else before
    mask, only = str(one.get("FileMask") or "*").strip(), None
    if mask.lower().startswith("regex:"):
        expression = re.sub(r"^\*", ".*", mask[len("regex:") :])
        _check(expression)
        only, mask = PathTest(names=(expression,)), "*"
    mask = "*" if mask == "*.*" else mask
    stream = ":" in mask
    tail = component(mask).replace(":", "{:,%3A}")
    middle = ["**"] if one.get("Recursive") is True else []
    return ForeignEntry(os="windows", paths=("/".join([*([before] if before else []), *middle, tail]),), only=only, stream=stream)
