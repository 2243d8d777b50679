"""Files and links: replaced by one rename, removed by one unlink (`hunter.host.posix`, `hunter.host.windows.files`).

What `undo` restores of a file: bytes, mode, owner, extended attributes with ACLs and capabilities, file flags, mtime and atime in ns. Not
restorable: inode number, ctime, birth time.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, ClassVar

from hunter.host.area import changed, survey
from hunter.host.host import RemovalHost
from hunter.host.state import NEEDED, ObjectState, differences, expectation_of, lacking, presence
from hunter.host.tree import parts
from hunter.objects import Areas, Change, Content, Described, State
from hunter.ref import Ref, as_words, from_words
from hunter.unsafe import SurpriseError, UnsafeError
from scout.console import escape

_GLOB = re.compile(r"[*?\[\]{}]")
"""characters of a pattern: a path that has one is written as base64"""
_BLANK = b" \t\r\n\v\f:"


class _Files:
    kind = "file"
    exact = True
    fleeting = False
    drifts = True
    address = frozenset({"path", "path_base64"})
    facts: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys((name for needed in NEEDED.values() for name in needed), "text"),
        "dev": "text",
        "xattrs": "map",
        "mounts": "list",
    }

    def words(self, ref: Ref) -> dict[str, str]:
        """Pattern characters are written as base64, so that no pattern that a person types becomes a path."""
        raw = os.fsencode(ref.name)
        return {"path_base64": base64.b64encode(raw).decode()} if _GLOB.search(ref.name) else as_words("path", raw)

    def ref(self, words: Mapping[str, Any]) -> Ref:
        raw = from_words(words, "path")
        if raw is None:
            raise ValueError("it has no path")
        path = os.fsdecode(raw)
        try:
            parts(path)
        except ValueError as e:
            raise ValueError(f"{escape(path)}: {e}") from e
        if _GLOB.search(path) and "path_base64" not in words:
            coded = base64.b64encode(os.fsencode(path)).decode()
            raise ValueError(f"{escape(path)}: a pattern is no target; a name that really has such a character is path_base64={coded}")
        return Ref(self.kind, path)

    def told(self, ref: Ref) -> str:
        return ref.name

    def place(self, ref: Ref) -> str:
        return ref.name.lstrip("/")

    def observe(self, host: RemovalHost, ref: Ref) -> Described:
        state = host.files.state(ref.name)
        return state.to_json() if state else None

    @contextmanager
    def content(self, host: RemovalHost, ref: Ref) -> Iterator[BinaryIO]:
        with host.files.content(ref.name) as source:
            yield source

    def edited(self, before: State, data: bytes, stamp: int) -> State:
        return ObjectState.from_json(before).with_content(hashlib.sha256(data).hexdigest(), len(data), stamp).to_json()

    def blank(self, state: State, data: bytes) -> bool:  # noqa: ARG002
        return not data.strip(_BLANK)

    def recorded(self, facts: Mapping[str, Any], root_ino: object) -> dict[str, Any]:
        return expectation_of(facts, root_ino)

    def same(self, one: Described, other: Described) -> bool:
        if one is None or other is None:
            return one is other
        return ObjectState.from_json(one).same(ObjectState.from_json(other))

    def like(self, now: Described, before: Described) -> bool:
        if now is None or before is None:
            return now is before
        return all(now[name] == before[name] for name in ("type", "sha256", "link"))

    def changes(self, was: Described, now: Described) -> str:
        if was is None or now is None:
            return presence(was, now)
        return "; ".join(ObjectState.from_json(was).changes(ObjectState.from_json(now)))

    def expectation(self, state: State) -> dict[str, Any]:
        return ObjectState.from_json(state).expectation()

    def lacking(self, expect: Mapping[str, Any]) -> list[str]:
        return lacking(expect)

    def differences(self, expect: Mapping[str, Any], now: State, *, copy: bool) -> list[tuple[str, str, str]]:
        return differences(expect, ObjectState.from_json(now), copy=copy)

    def controller(self, host: RemovalHost, ref: Ref) -> int:
        return host.files.controller(ref.name)

    def barrier(self, host: RemovalHost, ref: Ref) -> str:
        return host.files.barrier(ref.name)

    def not_restorable(self, state: State) -> str:
        return f"its file flags {state['fixed']} (lsattr)" if state["fixed"] else ""

    def survey(self, host: RemovalHost, refs: Iterable[Ref]) -> Areas:
        return {folder: area.to_json() for folder, area in survey(host.files, (ref.name for ref in refs)).items()}

    def changed(self, host: RemovalHost, before: Areas, explained: set[Ref]) -> tuple[list[str], int]:
        return changed(before, host.files, {ref.name for ref in explained})

    def restore_areas(self, host: RemovalHost, before: Areas) -> list[str]:
        failed = []
        for folder, was in before.items():
            try:
                host.files.set_folder_times(folder, (was["atime_ns"], was["mtime_ns"]))
            except (OSError, SurpriseError, UnsafeError) as e:
                failed.append(f"{folder}: its times could not be restored: {e}")
        return failed

    def put(self, host: RemovalHost, ref: Ref, now: Described, then: Described, content: Content | None, mark: str) -> None:
        host.files.put(ref.name, now, then, content, mark)

    def bundle(self, host: RemovalHost, ref: Ref) -> str:  # noqa: ARG002
        return ""

    def put_all(self, host: RemovalHost, changes: Sequence[Change], mark: str) -> None:
        for ref, now, then, content in changes:
            self.put(host, ref, now, then, content, mark)

    def tidy(self, host: RemovalHost, ref: Ref, mark: str) -> None:
        with suppress(FileNotFoundError, NotADirectoryError):
            host.files.tidy(ref.name, mark)


OBJECT = _Files()
