"""nsswitch: every database keeps a source, and what decides whether the next one is asked stays behind the source that it belongs to.

Source: nsswitch.conf(5).
"""

from __future__ import annotations

from hunter.host.view import FileView


def problem(before: FileView, after: FileView, path: str) -> str:
    """Return why names would be looked up otherwise, but for the source that is gone."""
    left = _databases(after.read(path))
    for name, sources in _databases(before.read(path)).items():
        now = left.get(name, [])
        if sources and not any(not word.startswith(b"[") for word in now):
            return f"no source is left for {name.decode(errors='backslashreplace')}"
        if _actions(sources) != _actions(now):
            return f"an action of {name.decode(errors='backslashreplace')} belongs to it: take both out by hand"
    return ""


def _databases(data: bytes) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for line in data.splitlines():
        name, colon, rest = line.partition(b"#")[0].partition(b":")
        if colon:
            found.setdefault(name.strip(), rest.split())
    return found


def _actions(sources: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Return (source, action) of every action."""
    return [(source, word) for source, word in zip([b"", *sources], sources, strict=False) if word.startswith(b"[")]
