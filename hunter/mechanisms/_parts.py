"""Parts that several mechanisms share."""

from __future__ import annotations

import base64
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from hunter.host.state import ObjectState
from hunter.host.tree import parts
from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.objects._text import AmbiguousError, Cut, NotFoundError
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref
from hunter.unsafe import UnsafeError

_SYSTEM_VOLUME = re.compile(r"(?i)c:[\\/]")
_OTHER_VOLUME = re.compile(r"(?i)[abd-z]:[\\/]|\\\\")
Finder = Callable[[bytes, bytes, "int | None"], tuple[list[Cut], int]]


class Operation:
    """The methods of `hunter.mechanisms.Mechanism` for a target that stands alone."""

    starts = True
    stays = False
    loads = False
    encloses = False
    names_others = False

    def bind(self, options: Mapping[str, Any]) -> Self:
        if options:
            raise ValueError(f"an operation without options has {', '.join(options)}")
        return self

    def recorded(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Of a file: its facts, as the collection has them."""
        return fields.get("file") or {}

    def belongings(self, view: HostView, ref: Ref) -> list[Ref]:  # noqa: ARG002
        return []

    def companions(self, fields: Mapping[str, Any]) -> list[Ref]:  # noqa: ARG002
        return []

    def names(self, ref: Ref, other: Ref) -> bool:  # noqa: ARG002
        return False

    def starters(self, view: HostView, ref: Ref) -> list[tuple[Ref, str]]:  # noqa: ARG002
        return []

    def unit(self, ref: Ref) -> str:  # noqa: ARG002
        return ""

    def returned(self, view: HostView, target: RemovalTarget, expect: Mapping[str, Any]) -> str:  # noqa: ARG002
        return ""

    def restore(self, edits: Sequence[Edit]) -> Sequence[Edit]:
        return list(reversed(edits))


def file_at(fields: Mapping[str, Any]) -> Ref:
    r"""Return the file that a finding names. ValueError where that is no plain absolute path.

    A path of Windows names the file below the root of its volume: `C:\x` is `/x` of a mounted root.
    """
    path = str(fields.get("path"))
    if _OTHER_VOLUME.match(path):
        raise ValueError(f"{path} is on another volume than Windows")
    if _SYSTEM_VOLUME.match(path):
        path = path[2:].replace("\\", "/")
    try:
        parts(path)
    except ValueError as e:
        raise ValueError(f"{path}: {e}") from e
    return Ref("file", path)


def obstacles(path: str, state: ObjectState | None) -> list[str]:
    """Return what forbids changing this file."""
    if state is None:
        return []
    found = []
    if state.type not in ("file", "link"):
        found.append(f"{path} is a {state.type}")
    if state.type == "file" and state.nlink > 1:
        found.append(f"{path} has {state.nlink} names (hard links): removing one leaves the others, and undo could not restore the link")
    if state.flags:
        found.append(f"{path} is {state.flags} (chattr): clear the flag first")
    return found


def raw_line(fields: Mapping[str, Any]) -> bytes | None:
    """Return the raw bytes of the line that a finding names; None where it does not hold them. ValueError for bytes that are no base64."""
    if fields.get("line_bytes"):
        return base64.b64decode(str(fields["line_bytes"]), validate=True)
    line = fields.get("line")
    return str(line).rstrip("\n").encode("utf-8", "surrogateescape") if line is not None else None


class Surgery(Operation):
    """An operation that removes one line or element from a text file and keeps every other byte."""

    stays = True

    def __init__(self, operation: str, find: Finder, *, drop_if_blank: bool = False) -> None:
        self.operation, self._find, self._drop = operation, find, drop_if_blank

    def data(self, fields: Mapping[str, Any]) -> bytes | None:
        """Return the bytes to remove; None where the finding does not hold them."""
        return raw_line(fields)

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        ref = file_at(fields)
        try:
            line = self.data(fields)
        except ValueError:
            line = None
        if line is None:
            raise ValueError("the finding does not hold the raw line")
        number = fields.get("line_number")
        return [RemovalTarget(ref, line, int(number) if isinstance(number, int) and number > 0 else None)]

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        path = target.ref.name
        state = view.files.state(path)
        found = Inspection({target.ref: state.to_json() if state else None})
        if state is None:
            found.gone = "the file is not there"
            return found
        found.problems += obstacles(path, state)
        if state.type != "file":
            found.problems += [] if found.problems else [f"{path} is a {state.type}"]
            return found
        try:
            found.cuts, found.copies = self._find(view.files.read(path), target.line or b"", target.number)
        except NotFoundError as e:
            found.gone = str(e)
        except AmbiguousError as e:
            found.problems.append(str(e))
            found.copies = e.count
        except ValueError as e:
            found.problems.append(f"{path}: {e}")
        except (FileNotFoundError, NotADirectoryError) as e:
            raise UnsafeError("it disappeared while it was read") from e
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        return [Edit("cut", target.ref, cuts=found.cuts, drop_if_blank=self._drop)]


def base_name(ref: Ref) -> str:
    """Return the last component of the path of a file."""
    return posixpath.basename(ref.name)
