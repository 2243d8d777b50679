"""Parts that several mechanisms share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hunter.host.state import ObjectState, UnsafeError
from hunter.host.tree import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.objects._text import AmbiguousError, Cut, NotFoundError
from hunter.plan.model import RemovalTarget

Finder = Callable[[bytes, bytes, "int | None"], tuple[list[Cut], int]]


def obstacles(path: str, state: ObjectState | None) -> list[str]:
    """Return what forbids changing this object."""
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


def kept(found: Inspection) -> list[str]:
    """Return every regular file among the states."""
    return [path for path, state in found.states.items() if state and state.type == "file"]


@dataclass(frozen=True, slots=True)
class Surgery:
    """A mechanism that removes one line or element from a file and keeps every other byte."""

    kind: str
    find: Finder
    drop_if_blank: bool = False

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        found = Inspection()
        state = view.state(target.path)
        found.states[target.path] = state
        if state is None:
            found.gone = "the file is not there"
            return found
        found.problems += obstacles(target.path, state)
        if state.type != "file":
            found.problems += [] if found.problems else [f"{target.path} is a {state.type}"]
            return found
        try:
            found.cuts, found.copies = self.find(view.read(target.path), target.line or b"", target.number)
        except NotFoundError as e:
            found.gone = str(e)
        except AmbiguousError as e:
            found.problems.append(str(e))
            found.copies = e.count
        except (FileNotFoundError, NotADirectoryError) as e:
            raise UnsafeError("it disappeared while it was read") from e
        return found

    def backup(self, found: Inspection) -> Sequence[str]:
        return kept(found)

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        return [Edit("cut", "file", target.path, cuts=found.cuts, drop_if_blank=self.drop_if_blank)]

    def restore(self, edits: Sequence[Edit]) -> Sequence[Edit]:
        return list(reversed(edits))
