"""Names by which files deceive: two extensions, hidden characters, names of the system, and names that are almost those."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

from scout.data import load_data

_MARKS = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_BLANKS = re.compile(r"(?<!\s)\s{3,}\.[A-Za-z0-9]{2,4}\s*\Z|[ \u00a0\u3000]\Z|\S[ \u00a0]+\.[A-Za-z0-9]{2,4}\Z")
_LIKE = str.maketrans("01358", "olesb")
_SHORTEST = 6
"""characters of a name from which almost the same is no accident"""


class _Names(NamedTuple):
    home: re.Pattern[str]
    names: frozenset[str]
    unlike: frozenset[str]


@cache
def _data() -> dict[str, Any]:
    """Return the data. Raises ValueError for a file of another form."""
    data: dict[str, Any] = load_data(__package__, "names.yaml")
    lists = [data[name] for name in ("programs", "started", "documents")]
    if not all(isinstance(x, str) and x == x.lower() for found in lists for x in found):
        raise ValueError("names.yaml: extensions in lower case expected")
    return data


@cache
def _system(os: str) -> _Names:
    part = _data()[os]
    return _Names(re.compile(part["home"], re.IGNORECASE), frozenset(part["names"]), frozenset(part["unlike"]))


@cache
def _double() -> re.Pattern[str]:
    data = _data()
    return re.compile(rf"\.(?:{'|'.join(data['documents'])})[\s._-]*\.(?:{'|'.join(data['started'])})\s*\Z", re.IGNORECASE)


@cache
def programs() -> frozenset[str]:
    """Return the extensions of programs that Windows starts or loads."""
    return frozenset(_data()["programs"])


@cache
def documents() -> frozenset[str]:
    """Return the extensions of documents, pictures, archives and texts."""
    return frozenset(_data()["documents"])


def odd(name: str) -> bool:
    """Return whether a name has hidden characters, blanks that hide something, or two extensions."""
    return _MARKS.search(name) is not None or _BLANKS.search(name) is not None or _double().search(name) is not None


def facts(path: str, name: str, os: str) -> dict[str, Any]:
    """Return the facts of a name (`marks`, `blanks`, `double`, `system_name`, `lookalike`, `hidden`, `system_folder`)."""
    found: dict[str, Any] = {
        "marks": _MARKS.search(name) is not None,
        "blanks": _BLANKS.search(name) is not None,
        "double": _double().search(name) is not None,
    }
    if os not in ("windows", "linux"):
        return found
    system = _system(os)
    home = system.home.search(path) is not None
    found["system_folder"] = home
    low = name.lower() if os == "windows" else re.split(r"[/:-]", name.strip("[]"))[0] if name.startswith("[") else name
    if not home and low in system.names:
        found["system_name"] = low
    elif low not in system.names and len(low) >= _SHORTEST:
        found["lookalike"] = next((known for known in sorted(system.names) if _almost(low, known)), "") if low not in system.unlike else ""
    if os == "linux":
        found["hidden"] = any(part.startswith(".") and part not in (".", "..") for part in path.split("/"))
    return found


def _almost(name: str, known: str) -> bool:
    """Return whether two different names differ by digits for letters, one letter, or two letters in turn."""
    if name == known or abs(len(name) - len(known)) > 1 or len(known) < _SHORTEST:
        return False
    if name.translate(_LIKE) == known.translate(_LIKE) or name.replace("rn", "m") == known:
        return True
    stem, other = name.rpartition(".")[0], known.rpartition(".")[0]
    if not stem or name[len(stem) :] != known[len(other) :] or len(other) < 5:
        return False
    at = next((n for n, (a, b) in enumerate(zip(stem, other, strict=False)) if a != b), min(len(stem), len(other)))
    rest, others = stem[at:], other[at:]
    if len(stem) == len(other):
        return rest[1:] == others[1:] or (rest[2:] == others[2:] and rest[:2] == others[1::-1])
    return rest[1:] == others if len(stem) > len(other) else rest == others[1:]
