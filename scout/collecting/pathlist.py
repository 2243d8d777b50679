r"""A list of paths for `scout collect --plan FILE`: what HUNTER, the Eye or a person writes to fetch what a collection lacks.

One native path a line, UTF-8. Lines that are empty or begin with `#` are comments. A line that begins with `"` is a JSON string, for names
that do not fit on a line: `"/tmp/a\nb"`; a byte that is not UTF-8 is a lone surrogate in it (`"/tmp/\udcff"`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from scout.console import WRONG_USE, Complaint, escape
from scout.formats.json_text import parsed

LARGEST = 16 << 20
"""bytes of a list"""
MOST = 20_000
"""paths of a list"""


def read(path: Path) -> list[str]:
    """Return the paths, each once. Complaint where the file cannot be read, has too many, none, or a line that is no path."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as e:
        raise Complaint(f"--plan {escape(path)}: {e.strerror or e}.", "Give a file with one path a line.", WRONG_USE) from e
    if len(data) > LARGEST:
        raise Complaint(f"--plan {escape(path)}: larger than {LARGEST:,} bytes.", "Divide it.", WRONG_USE)
    found = list(dict.fromkeys(_paths(path, data)))
    if not found:
        raise Complaint(f"--plan {escape(path)}: it names no path.", "Give a file with one path a line.", WRONG_USE)
    if len(found) > MOST:
        raise Complaint(f"--plan {escape(path)}: {len(found):,} paths, more than {MOST:,}.", "Divide it.", WRONG_USE)
    return found


def _paths(path: Path, data: bytes) -> Iterator[str]:
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        line = raw.removesuffix(b"\r")
        if not line.strip() or line.startswith(b"#"):
            continue
        try:
            text = line.decode()
            found = parsed(text) if text.startswith('"') else text
        except ValueError as e:
            what = f"--plan {escape(path)}, line {number}: {'not UTF-8' if isinstance(e, UnicodeDecodeError) else 'no JSON string'}."
            raise Complaint(what, 'Write the path as it is, or as a JSON string: "/tmp/a\\nb".', WRONG_USE) from e
        yield str(found)


def written(paths: list[str]) -> str:
    """Return the content of a list with these paths."""
    return "".join((one if _plain(one) else json.dumps(one)) + "\n" for one in paths)


def _plain(path: str) -> bool:
    return path.isprintable() and not path.startswith(("#", '"')) and path.strip() == path and path != ""
