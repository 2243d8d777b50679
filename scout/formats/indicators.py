r"""Lists of indicators as text or CSV: hashes, addresses, networks, domains, URLs, paths and file names, defanged or not.

One indicator a line, or a CSV with or without a header. A line may name its type (`domain: evil.example`), or be one of `sha256sum`.
`#` and `//` begin a comment, at the begin of a line or behind a blank.
What would match nearly every host (a top-level domain, `0.0.0.0/0`, `C:\Windows`, `cmd.exe`) is refused with line and reason.
"""

from __future__ import annotations

import csv
import ipaddress
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from scout.console import WRONG_USE, Complaint
from scout.data import load_data

TYPES = ("md5", "sha1", "sha256", "ip", "cidr", "domain", "url", "path", "filename")
MAX_LINE = 8192

_HASHES = {32: "md5", 40: "sha1", 64: "sha256"}
_HEX = re.compile(r"[0-9a-fA-F]+\Z")
_SUM = re.compile(r"([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})[ \t]+\*?\S[^,;]*")
"""a line of md5sum, sha1sum, sha256sum: hash and name"""
_COMMENT = re.compile(r"(?:\A|(?<=\s))(?:#|//).*", re.DOTALL)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_TYPED = re.compile(
    r"\s*(md5|sha1|sha256|hash|ip|ipv4|ipv6|cidr|domain|hostname|host|url|path|filename|file)\s*[:=]\s*(?!//)(.+)\Z", re.IGNORECASE
)
_COLUMNS = {
    "md5": "",
    "sha1": "",
    "sha256": "",
    "hash": "",
    "ip": "ip",
    "ipv4": "ip",
    "ipv6": "ip",
    "ip_address": "ip",
    "cidr": "cidr",
    "domain": "domain",
    "hostname": "domain",
    "host": "domain",
    "fqdn": "domain",
    "url": "url",
    "path": "path",
    "filepath": "path",
    "file_path": "path",
    "filename": "filename",
    "file_name": "filename",
    "file": "filename",
    "value": "",
    "indicator": "",
    "ioc": "",
    "observable": "",
}
_KINDS = {
    "hash": "",
    "ipv4": "ip",
    "ipv6": "ip",
    "hostname": "domain",
    "host": "domain",
    "file": "filename",
    "filepath": "path",
    "ip-dst": "ip",
    "ip-src": "ip",
    "ipv4-addr": "ip",
    "ipv6-addr": "ip",
    "domain-name": "domain",
}


class Indicator(NamedTuple):
    """An indicator. `value` is normalised: lower case, refanged. A domain includes its subdomains, a path everything below it, `~` any
    home.
    """

    type: str
    value: str
    file: str
    line: int


class Refused(NamedTuple):
    """A line that was refused, and the reason."""

    file: str
    line: int
    reason: str


class _No(Exception):  # noqa: N818
    """The reason why a text is no usable indicator."""


def read_file(path: Path) -> tuple[list[Indicator], list[Refused]]:
    """Return all indicators of a file, and the refused lines. Raises Complaint where the file cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError as e:
        raise Complaint(f"cannot read the indicators in {path}: {e.strerror or e}", "Give a text or CSV file.", WRONG_USE) from e
    codec = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return read_lines(raw.decode(codec, "replace").splitlines(), path.name)


def read_lines(lines: Iterable[str], name: str) -> tuple[list[Indicator], list[Refused]]:
    """Return the indicators of the lines, each value once, in order, and the refused lines."""
    found: dict[tuple[str, str], Indicator] = {}
    refused: list[Refused] = []
    columns: list[str] | None = None
    for number, line in enumerate(lines, 1):
        text = _COMMENT.sub("", line).strip()
        if not text or text.startswith(";"):
            continue
        if len(text) > MAX_LINE:
            refused.append(Refused(name, number, f"longer than {MAX_LINE} characters"))
            continue
        cells = _cells(text)
        if number == 1 or columns is None:
            columns = _header(cells)
            if columns:
                continue
        for item in _of_cells(cells, columns or [], name, number):
            if isinstance(item, Refused):
                refused.append(item)
            else:
                found.setdefault((item.type, item.value), item)
    return list(found.values()), refused


def _cells(text: str) -> list[str]:
    """Return the fields of a CSV line, split at the separator that comes first; a line without one is one field."""
    if listed := _SUM.fullmatch(text):
        return [listed[1]]
    separator = re.search(r"[,;\t]", re.sub(r'"[^"]*"', "", text))
    if separator:
        return [c.strip() for c in next(csv.reader([text], delimiter=separator[0]), [])]
    return [text.strip('"')]


def _header(cells: list[str]) -> list[str]:
    names = [c.strip().lower() for c in cells]
    return names if any(n in _COLUMNS for n in names) and all(not n or re.fullmatch(r"[a-z][a-z0-9 _-]*", n) for n in names) else []


def _of_cells(cells: list[str], columns: list[str], name: str, number: int) -> Iterator[Indicator | Refused]:
    """Yield the indicators of one line: the columns that the header names, else every cell that is an indicator."""
    pairs = [(cells[i], _COLUMNS[c]) for i, c in enumerate(columns) if c in _COLUMNS and i < len(cells) and cells[i]]
    if columns:
        given = [cells[i].lower() for i, c in enumerate(columns) if c in ("type", "ioc_type", "indicator_type") and i < len(cells)]
        pairs = [(v, _KINDS.get(given[0], given[0]) if given and not kind else kind) for v, kind in pairs]
    else:
        pairs = [(c, "") for c in cells if c]
    problems: list[str] = []
    taken = 0
    for value, kind in pairs:
        try:
            type_, normal = normalise(value, kind if kind in TYPES else "")
        except _No as e:
            problems.append(str(e))
            continue
        taken += 1
        yield Indicator(type_, normal, name, number)
    broad = [p for p in problems if "would match" in p]
    if broad or (problems and not taken):
        yield Refused(name, number, (broad or problems)[0])


def refang(text: str) -> str:
    """Refang a text: `hxxp[:]//evil[.]example` → `http://evil.example`."""
    text = re.sub(r"\[\s*(?:\.|dot)\s*\]|\(\s*(?:\.|dot)\s*\)|\{\s*(?:\.|dot)\s*\}", ".", text, flags=re.IGNORECASE)
    text = re.sub(r"\[\s*(:|://|/|@)\s*\]", r"\1", text)
    return re.sub(
        r"\A(h[x*]{2}p|fxp|meow)(s?)(?=:|\b)",
        lambda m: ("ftp" if m.group(1).lower() == "fxp" else "http") + m.group(2),
        text,
        flags=re.IGNORECASE,
    )


def normalise(text: str, kind: str = "") -> tuple[str, str]:
    """Return type and normal form of one indicator. Raises `_No` with the reason."""
    typed = _TYPED.match(text) if not kind and not text.lower().startswith(("http", "hxxp")) else None
    if typed and not re.match(r"[a-z]:[\\/]", text, re.IGNORECASE):
        word = typed.group(1).lower()
        kind, text = _KINDS.get(word, word), typed.group(2)
        kind = kind if kind in TYPES else ""
    text = refang(text.strip().strip("\"'").strip())
    if kind in ("path", "filename") and "/" not in text and "\\" not in text:
        return "filename", _filename(text)
    if _HEX.match(text) and len(text) in _HASHES:
        return _HASHES[len(text)], text.lower()
    if kind in ("md5", "sha1", "sha256"):
        raise _No(f"not a {kind}: `{_short(text)}`")
    found = _address(text) or _url(text) or _path(text)
    if found:
        return found
    name = text.lower().rstrip(".")
    if kind != "domain" and "." in name and " " not in name and name.rsplit(".", 1)[1] in _broad()["extensions"]:
        return "filename", _filename(name)
    return "domain", _domain(name)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"


@cache
def _broad() -> dict[str, frozenset[str]]:
    raw = load_data("scout.formats", "indicators.yaml")
    return {k: frozenset(str(v) for v in values) for k, values in raw.items()}


def _address(text: str) -> tuple[str, str] | None:
    bare = text.strip("[]")
    port = re.fullmatch(r"(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}", bare)
    bare = port.group(1) if port else bare
    try:
        if "/" in bare:
            network = ipaddress.ip_network(bare, strict=False)
            if network.prefixlen < (8 if network.version == 4 else 20):
                raise _No(f"{text} would match far too many addresses")
            if network.num_addresses > 1:
                return "cidr", str(network)
            bare = str(network.network_address)
        address = ipaddress.ip_address(bare)
        address = getattr(address, "ipv4_mapped", None) or address
    except ValueError:
        return None
    if address.is_unspecified or address.is_loopback or str(address) == "255.255.255.255":
        raise _No(f"{text} would match every host")
    return "ip", str(address)


def _url(text: str) -> tuple[str, str] | None:
    parts = re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]{1,15}://(?:[^/@\s]*@)?(\[[0-9a-fA-F:.]+\]|[^/:?#\s]+)(:\d+)?([/?#].*)?", text)
    parts = parts or re.fullmatch(r"((?:[a-zA-Z0-9_-]+\.)+[a-zA-Z]{2,24})(:\d+)?(/.*)", text)  # often written without the scheme
    if not parts:
        return None
    host, port, rest = parts.group(1).lower(), parts.group(2) or "", parts.group(3) or ""
    if rest in ("", "/"):
        return _address(host) or ("domain", _domain(host.rstrip(".")))
    return "url", (host + port + rest).lower()


def _path(text: str) -> tuple[str, str] | None:
    windows = bool(re.match(r"[a-zA-Z]:[\\/]|\\\\|%[\w()]+%[\\/]|\\[^\\]", text)) or "\\" in text
    if not windows and not text.startswith(("/", "~/")):
        return None
    value = text.lower()
    if windows:
        value = value.replace("/", "\\").rstrip("\\")
        value = re.sub(r"\A(\\\\[?.]\\|\\\?\?\\)", "", value)
        value = re.sub(r"\A%[\w()]+%", "", value)
    else:
        value = re.sub(r"/+", "/", value).rstrip("/")
    parts = [p for p in re.split(r"[\\/]", re.sub(r"\A[a-z]:", "", value)) if p]
    if not parts or value in _broad()["paths"] or (len(parts) == 1 and "." not in parts[0]):
        raise _No(f"{_short(text)} would match on nearly every host")
    if "*" in value or "?" in value:
        raise _No(f"wildcards in a path are not supported: {_short(text)}")
    return "path", value


def _filename(text: str) -> str:
    name = text.lower()
    if name in _broad()["names"]:
        raise _No(f"{text} would match on nearly every host")
    if len(name) < 4 or "." not in name.strip(".") or "*" in name:
        raise _No(f"too short or without extension for a file name: `{_short(text)}`")
    return name


def _domain(name: str) -> str:
    bare = name.removeprefix("*.").lstrip(".")
    try:
        bare = bare if bare.isascii() else bare.encode("idna").decode("ascii")
    except UnicodeError as e:
        raise _No(f"not an indicator: `{_short(name)}`") from e
    labels = bare.split(".")
    if bare in _broad()["suffixes"] or (len(labels) == 1 and _LABEL.match(bare) and (name != bare or len(bare) <= 6)):
        raise _No(f"`{_short(name)}` is a suffix under which anybody has names: it would match far too much")
    if (
        len(labels) < 2
        or len(bare) > 253
        or not all(_LABEL.match(x) for x in labels)
        or not re.fullmatch(r"[a-z]{2,63}|xn--[a-z0-9-]+", labels[-1])
    ):
        raise _No(f"not an indicator: `{_short(name)}`")
    return bare
