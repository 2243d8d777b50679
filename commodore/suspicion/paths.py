"""What identifies a native path."""

from __future__ import annotations

from scout.formats.linux_paths import one_path


def key(path: str) -> str:
    """Return what identifies a native path: Windows paths without case, `/lib` and `/usr/lib` as one."""
    return path.lower() if "\\" in path else one_path(path)
