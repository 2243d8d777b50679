"""What the list of members knows of a file, by its path as the host writes it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from commodore.finding import FILE_FACTS, FileFacts
from commodore.lookup import PackedLookup
from scout.formats import windows_links
from scout.formats.linux_paths import one_path
from scout.formats.windows_paths import is_windows, plain


class Members:
    """Lines of `members/<collection>.jsonl.zst`, by native path: Windows paths without case, `/lib` and `/usr/lib` as one."""

    def __init__(self, lines: Iterable[Mapping[str, Any]]) -> None:
        self._taken, self._others, self._links = PackedLookup(), PackedLookup(), PackedLookup()
        for line in lines:
            path = str(line.get("path") or line.get("source") or "")
            if not path:
                continue
            known = {k: line[k] for k in FILE_FACTS if line.get(k) is not None}
            if line.get("verdict") == "taken":
                self._taken.add(path_key(path), (known,))
            elif known:
                self._others.add(path_key(path), (known,))
            text = line.get("link")
            if isinstance(text, str) and text:
                self._links.add(path_key(str(line.get("leads") or resolved(path, text))), (path,))

    def facts(self, path: str) -> FileFacts:
        """Return the facts of a file; empty where the collection does not name it."""
        key = path_key(path)
        known: FileFacts = (self._taken.get(key)[-1:] or self._others.get(key)[:1] or [({},)])[0][0]
        return known

    def links(self, path: str) -> list[str]:
        """Return the native paths of symbolic links that point to a file, sorted."""
        return sorted({link for (link,) in self._links.get(path_key(path))})


def path_key(path: str) -> str:
    """Return what identifies a native path."""
    return one_path(path) if path.startswith("/") else plain(path).casefold()


def resolved(path: str, text: str) -> str:
    """Return the path that the text of the link at `path` leads to; nothing is looked up."""
    if is_windows(path):
        return windows_links.native(path, text) or text
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), text))
