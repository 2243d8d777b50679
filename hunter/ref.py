"""The name of one thing that HUNTER can change, and its text in plans and messages."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple


class Ref(NamedTuple):
    r"""One thing on a host.

    object   kind of object (a module of `hunter.objects`): `file`, `unit`, `registry-value` …
    name     its name within the kind: a path, a unit, a registry key
    part     the part of it that is meant: the name of a registry value; '' for the thing itself
    """

    object: str
    name: str
    part: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the fields of a journal line."""
        return {"object": self.object, "name": self.name, "part": self.part}

    @staticmethod
    def from_json(line: Mapping[str, Any]) -> Ref:
        """Return the reference of a journal line. KeyError, TypeError for a line without one."""
        return Ref(str(line["object"]), str(line["name"]), str(line.get("part", "")))


def as_words(name: str, raw: bytes) -> dict[str, str]:
    """Return `{name: text}`, or `{name_base64: …}` where the bytes are not UTF-8."""
    try:
        return {name: raw.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(raw).decode()}


def from_words(node: Mapping[str, Any], name: str) -> bytes | None:
    """Return the bytes that `as_words` wrote, None where there are none. ValueError for both forms at once, and for no text."""
    text, coded = node.get(name), node.get(f"{name}_base64")
    if text is not None and coded is not None:
        raise ValueError(f"{name} and {name}_base64 exclude each other")
    try:
        return (
            str(text).encode("utf-8", "surrogatepass")
            if text is not None
            else base64.b64decode(str(coded), validate=True)
            if coded is not None
            else None
        )
    except (ValueError, UnicodeEncodeError) as e:
        raise ValueError(f"{name} is no text") from e
