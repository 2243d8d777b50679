r"""Member names: convert a native path to its name in the archive and back, without loss.

`files/<volume>/<path>`: components are joined by `/`. What tar or another operating system cannot store is written as `%XX`, byte by byte:

- `%`, `:`, `\`, `"`, `*`, `<`, `>`, `?`, `|`, control characters (U+0000 to U+001F, U+007F to U+009F), and `/` inside a Windows component
- bytes of a POSIX name that are not UTF-8, and lone surrogates of a Windows name (three bytes each, as in WTF-8)
- the last character of a component if it is a dot or a space, and every dot of the components `.` and `..`
- the first character of a component that Windows reserves for a device (`CON`, `nul.txt`, `COM1` …)
- an empty component becomes a single `%`

A volume of one letter (`C`), alone or followed by `@` and the name of a shadow copy or image (`C@vss3`), is a Windows volume: its paths
are `C:\…`. Every other volume is POSIX: its paths begin with `/`. POSIX names are text as `os.fsdecode` returns it (bytes that are not
UTF-8 are U+DC80 to U+DCFF).

Sources: POSIX.1-2017 3.282 (path name), Microsoft "Naming Files, Paths, and Namespaces", WTF-8 (Simon Sapin, section 3).
"""

from __future__ import annotations

import re
from functools import lru_cache

_WINDOWS = re.compile(r"[A-Za-z](@.*)?", re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:\\", re.DOTALL)
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])[ ]*(\..*)?", re.IGNORECASE | re.DOTALL)
_PLAIN = re.compile(r"[^%:\\\"*<>?|/\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")


@lru_cache(maxsize=64)
def windows(volume: str) -> bool:
    r"""Return whether paths of this volume are written `C:\…`."""
    return _WINDOWS.fullmatch(volume) is not None


def below(source: str, volume: str) -> str:
    r"""Return the path below the volume's root, with the native separator: `Windows\System32`, `etc/passwd`. Raises ValueError for a path
    that is not absolute.
    """
    if windows(volume):
        if not _DRIVE.match(source):
            raise ValueError(f"not an absolute Windows path: {source!r}")
        return source[3:]
    if not source.startswith("/"):
        raise ValueError(f"not an absolute path: {source!r}")
    return source[1:]


def encode(volume: str, path: str) -> str:
    """Return the archive name of `path` (below the volume's root, native separators): `files/C/Windows/System32/config/SYSTEM`."""
    native = windows(volume)
    if not path:
        return _folder(volume, None)
    folder, cut, last = path.rpartition("\\" if native else "/")
    return _folder(volume, folder if cut else None) + "/" + _component(last, "surrogatepass" if native else "surrogateescape")


def decode(name: str) -> tuple[str, str]:
    """Return (volume, native path) of an archive name below `files/`. Raises ValueError for any other name. A `%` that begins no escape is
    literal.
    """
    parts = name.split("/")
    if parts[0] != "files" or len(parts) < 2 or not parts[1]:
        raise ValueError(f"not below files/: {name!r}")
    volume = _plain(parts[1], "surrogatepass")
    native = windows(volume)
    errors = "surrogatepass" if native else "surrogateescape"
    rest = [_plain(part, errors) for part in parts[2:]]
    return volume, f"{volume[0]}:\\" + "\\".join(rest) if native else "/" + "/".join(rest)


@lru_cache(maxsize=1024)
def _folder(volume: str, path: str | None) -> str:
    """Return the archive name of a folder; None is the root of the volume. Cached: many files share a folder."""
    native = windows(volume)
    errors = "surrogatepass" if native else "surrogateescape"
    parts = [] if path is None else [_component(part, errors) for part in path.split("\\" if native else "/")]
    return "/".join(("files", _component(volume, "surrogatepass"), *parts))


def _component(part: str, errors: str) -> str:
    if not part:
        return "%"
    if part in (".", ".."):
        return "%2E" * len(part)
    if _DEVICE.fullmatch(part):
        return f"%{ord(part[0]):02X}" + _escaped(part[1:], errors)
    return _escaped(part, errors)


def _escaped(part: str, errors: str) -> str:
    if part.endswith((".", " ")):
        return _inner(part[:-1], errors) + f"%{ord(part[-1]):02X}"
    return _inner(part, errors)


def _inner(part: str, errors: str) -> str:
    if _PLAIN.fullmatch(part):
        return part
    out, at = [], 0
    for plain in _PLAIN.finditer(part):
        out.append(_hex(part[at : plain.start()], errors))
        out.append(plain.group())
        at = plain.end()
    out.append(_hex(part[at:], errors))
    return "".join(out)


def _hex(text: str, errors: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", errors))


def _plain(part: str, errors: str) -> str:
    if part == "%":
        return ""
    if "%" not in part:
        return part
    raw = _ESCAPED.sub(lambda m: bytes([int(m[1], 16)]), part.encode("utf-8", "surrogatepass"))
    try:
        return raw.decode("utf-8", errors)
    except UnicodeDecodeError:
        return raw.decode("utf-8", "surrogateescape")
