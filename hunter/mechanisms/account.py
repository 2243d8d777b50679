"""One account of Linux: disabled, not deleted, as `usermod --lock --expiredate 1 --shell nologin` does. Its files and groups stay.

In passwd the shell becomes one that lets nobody in, and a password field that does not point to shadow gets a `!` in front; in shadow the
password gets a `!` in front and the account expires on the first day of 1970. Neither plan nor journal holds a password field: an edit says
at which byte a `!` comes in. Sources: passwd(5), shadow(5), usermod(8) of shadow-utils.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._parts import Operation, file_at, obstacles
from hunter.objects._text import Cut, Put, lines
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref
from hunter.unsafe import UnsafeError

_SHADOW = Ref("file", "/etc/shadow")
_NO_LOGIN = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false")
_EXPIRED = b"1"
_LOCKED = (b"!", b"*")
_FIELDS = {"passwd": 7, "shadow": 9}


class _Account(Operation):
    operation = "account"
    stays = True
    starts = False

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        name = str(fields.get("name") or "").encode("utf-8", "surrogateescape")
        if not name or b":" in name or b"\n" in name or name[:1] in (b"+", b"-"):
            raise ValueError("the finding does not name an account")
        return [RemovalTarget(file_at(fields), name)]

    def belongings(self, view: HostView, ref: Ref) -> list[Ref]:  # noqa: ARG002
        return [_SHADOW] if view.files.state(_SHADOW.name) else []

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        found = Inspection(stays=True)
        for ref in (target.ref, _SHADOW):
            state = view.files.state(ref.name)
            if state is None and ref == _SHADOW:
                continue
            found.states[ref] = state.to_json() if state else None
            found.problems += obstacles(ref.name, state)
        if found.states[target.ref] is None:
            found.gone = "the file is not there"
            return found
        if not found.problems:
            edits = _edits(view, target)
            if edits is None:
                found.gone = "the account is not there"
            elif not any(cuts or puts for cuts, puts in edits.values()):
                found.gone = "the account is disabled"
            found.edits = edits or {}
            found.states = {ref: state for ref, state in found.states.items() if ref == target.ref or any(found.edits.get(ref, ()))}
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:  # noqa: ARG002
        return [Edit("cut", ref, cuts=cuts, puts=puts) for ref, (cuts, puts) in reversed(list(found.edits.items())) if cuts or puts]


def _edits(view: HostView, target: RemovalTarget) -> dict[Ref, tuple[list[Cut], list[Put]]] | None:
    """Return what changes in passwd and shadow; None where the account is in neither. UnsafeError for a line of another form."""
    name = target.line or b""
    rows = _rows(_read(view, target.ref), name, "passwd")
    if not rows:
        return None
    shell = next((path for path in _NO_LOGIN if view.files.state(path)), _NO_LOGIN[-1]).encode()
    cuts: list[Cut] = []
    puts: list[Put] = []
    for at, fields in rows:
        if fields[1] != b"x" and not fields[1].startswith(_LOCKED):
            puts.append((at[1], b"!"))
        bare = fields[6].rstrip(b"\r\n")
        if bare.decode("latin-1") not in _NO_LOGIN:
            cuts += [(at[6], at[6] + len(bare))] if bare else []
            puts.append((at[6], shell))
    edits = {target.ref: (cuts, puts), _SHADOW: (list[Cut](), list[Put]())}
    for at, fields in _rows(_read(view, _SHADOW), name, "shadow"):
        cuts, puts = edits[_SHADOW]
        if not fields[1].startswith(_LOCKED):
            puts.append((at[1], b"!"))
        if fields[7] not in (b"0", _EXPIRED):
            cuts += [(at[7], at[7] + len(fields[7]))] if fields[7] else []
            puts.append((at[7], _EXPIRED))
    return edits


def _rows(data: bytes, name: bytes, file: str) -> list[tuple[list[int], list[bytes]]]:
    """Return (where each field begins, fields) of every line of this account."""
    found = []
    for begin, end in lines(data):
        fields = data[begin:end].split(b":")
        if fields[0] != name:
            continue
        if len(fields) != _FIELDS[file]:
            raise UnsafeError(f"the line of the account in {file} has {len(fields)} fields, not {_FIELDS[file]}: look at it")
        found.append(([begin + sum(len(f) + 1 for f in fields[:i]) for i in range(len(fields))], fields))
    return found


def _read(view: HostView, ref: Ref) -> bytes:
    try:
        return view.files.read(ref.name)
    except (FileNotFoundError, NotADirectoryError):
        return b""


MECHANISM = _Account()
