r"""Lists of indicators: hashes, addresses, networks, domains, URLs, paths, file names, defanged or not. Text, CSV, STIX, MISP, OpenIOC.

One indicator a line, or a table with or without a header (separated by `,`, `;`, tab, or `|` between blanks). A line may begin with a word
that says what it is (`domain: evil.example`, `c2 = evil.example`), or be one of `sha256sum`.
`#` and `//` begin a comment, at the beginning of a line or behind a blank.
What would match nearly every host (a top-level domain, `0.0.0.0/0`, `C:\Windows`, `cmd.exe`) is refused with line and reason, and so is
everything that is not understood.
"""

from __future__ import annotations

import csv
import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from scout.console import WRONG_USE, Complaint
from scout.data import load_data
from scout.formats.indicator_documents import DocumentItem, IndicatorFacts, items
from scout.formats.refang import PATH, bare, refang

TYPES = ("md5", "sha1", "sha256", "ip", "cidr", "domain", "url", "path", "filename")
MAX_LINE = 8192
_SEARCHED = 64
"""how often a document is searched from its beginning for values that are not in the order of its text"""

_HASHES = {32: "md5", 40: "sha1", 64: "sha256"}
_HEX = re.compile(r"[0-9a-fA-F]+\Z")
_SUM = re.compile(r"([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})[ \t]+\*?\S[^,;]*")
"""A line of md5sum, sha1sum, sha256sum: hash and name."""
_NAMED_SUM = re.compile(r"([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})\s*[:|]\s*[^\s:|][^:|]*")
"""A hash and the name of its file: `hash:name`."""
_REGISTRY = re.compile(
    r"(?:hkey_[a-z_]+|hk(?:lm|cu|u|cr|cc)):?(?=\\)(?:\\s-1-[\d-]+)?(?:\\system\\(?:currentcontrolset|controlset\d{3}))?", re.IGNORECASE
)
"""The beginning of a registry key that programs spell in several ways: what is behind it is compared."""
_OBJECT = re.compile(r"(?:(?:global|local|basenamedobjects|session)\\|\\{2}[.?]\\pipe\\)", re.IGNORECASE)
_NOT_IN_NAME = re.compile(r'[:<>|"*?/\\]')
_COMMENT = re.compile(r"(?:\A|(?<=\s))(?:#|//).*", re.DOTALL)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_TITLED = re.compile(r"([a-z][\w #()-]{0,40}?)\s*(?:[:=]|=>|->|(?<=\s)[-–—](?=\s))(?!//)\s*(\S.*)\Z", re.IGNORECASE)
"""A word that says what the rest of the line is, and the rest."""
_WORD = re.compile(r"[a-z][a-z0-9 _-]*")
_BEHIND = re.compile(r"\.[a-z0-9]{1,5}\s+(?!.*\.[a-z0-9]{1,5}\Z)|\s[-–—(\[<]")
"""Words behind the name of a file, in its last component."""
_NAME = 512
"""characters of a component in which such words are looked for"""


class Indicator(NamedTuple):
    """An indicator. `value` is normalised: lower case, refanged. A domain includes its subdomains, a path everything below it, `~` any
    home.
    """

    type: str
    value: str
    file: str
    line: int
    facts: IndicatorFacts = IndicatorFacts()


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
    text = raw.decode(_codec(raw), "replace")
    try:
        found = items(text)
    except (ValueError, RecursionError) as e:
        return [], [Refused(path.name, getattr(e, "lineno", 0), f"a document that cannot be read: {e}"[:200])]
    return read_lines(text.splitlines(), path.name) if found is None else read_items(found, text, path.name)


def read_items(found: Iterable[DocumentItem], text: str, name: str) -> tuple[list[Indicator], list[Refused]]:
    """Return the indicators of a structured document, each value once, and what was refused, each with the line that has its value."""
    taken: dict[tuple[str, str], Indicator] = {}
    refused: list[Refused] = []
    lines = _LinesOf(text)
    try:
        for item in found:
            line = lines.of(item.text)
            if item.refused:
                refused.append(Refused(name, line, f"{item.refused}: `{_short(item.text)}`"))
                continue
            try:
                type_, value = normalise(item.text, item.kind)
            except _No as e:
                refused.append(Refused(name, line, str(e)))
                continue
            taken.setdefault((type_, value), Indicator(type_, value, name, line, item.facts))
    except (ValueError, TypeError, AttributeError, RecursionError) as e:
        refused.append(Refused(name, 0, f"the rest of the document cannot be read: {e}"[:200]))
    return list(taken.values()), refused


class _LinesOf:
    """The lines of a document in which its values are. Values come in the order of the text, but for a few."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._line, self._left = text, 0, 1, _SEARCHED * len(text)

    def of(self, value: str) -> int:
        """Return the line of a value, counted from 1; 0 where it is not found, or the values before it took too long to find."""
        if not value or self._left < 0:
            return 0
        place = self._text.find(json.dumps(value, ensure_ascii=False)[1:-1], self._at)
        if place >= 0:
            self._line += self._text.count("\n", self._at, place)
            self._at = place
            return self._line
        place = self._text.find(value)
        self._left -= len(self._text)
        return self._text.count("\n", 0, place) + 1 if place >= 0 else 0


def _codec(raw: bytes) -> str:
    """Return the encoding of a list: UTF-16 where a mark of byte order or every other byte says so, UTF-8, else that of Windows."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    head = raw[:4096]
    for codec, zeros, letters in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if len(head) > 3 and zeros.count(0) > len(zeros) // 2 and letters.count(0) <= len(letters) // 8:
            return codec
    try:
        raw.decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def read_lines(lines: Iterable[str], name: str) -> tuple[list[Indicator], list[Refused]]:
    """Return the indicators of the lines, each value once, in order, and the refused lines."""
    found: dict[tuple[str, str], Indicator] = {}
    refused: list[Refused] = []
    columns: list[str] | None = None
    for number, line in enumerate(lines, 1):
        text = _COMMENT.sub("", line.strip("\0\ufeff")).strip()
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
    """Return the fields of a line, split at the separator that comes first; a line without one is one field."""
    if listed := _SUM.fullmatch(text) or _NAMED_SUM.fullmatch(text):
        return [listed[1]]
    if re.search(r"\A\||\s\|\s", text) or ("|" in text and "//" not in text):
        return [cell.strip() for cell in text.strip("|").split("|")]
    separator = re.search(r"[,;\t]", re.sub(r'"[^"]*"', "", text))
    if separator:
        return [c.strip() for c in next(csv.reader([text], delimiter=separator[0]), [])]
    return [text]


def _column(word: str) -> str:
    return re.sub(r"[ -]", "_", word.strip().lower())


def _header(cells: list[str]) -> list[str]:
    """Return the names of the columns where a line is the header of a table: words only, one of which is known as a heading; else []."""
    names = [_column(cell) for cell in cells]
    known = any(name in _words()["types"] or name in _headings() for name in names)
    return names if known and all(not name or _WORD.fullmatch(name) for name in names) else []


def _of_cells(cells: list[str], columns: list[str], name: str, number: int) -> Iterator[Indicator | Refused]:
    """Yield the indicators of one line: the columns that the header names, else every cell that is an indicator."""
    problems: list[tuple[str, str]] = []
    taken = 0
    facts = _facts(dict(zip(columns, cells, strict=False))) if columns else NO_FACTS
    for value, kind in _values(cells, columns):
        try:
            type_, normal = normalise(value, kind)
        except _No as e:
            problems.append((value, str(e)))
            continue
        taken += 1
        yield Indicator(type_, normal, name, number, facts)
    broad = [p for p in problems if "would match" in p[1] and re.search(r"[.*/\\]", p[0])]  # not a word beside an indicator
    if broad or (problems and not taken):
        yield Refused(name, number, (broad or problems)[0][1])


NO_FACTS = IndicatorFacts()


def _facts(about: Mapping[str, str]) -> IndicatorFacts:
    """Return what the columns of a table say of its indicators."""
    expires = next((about[c] for c in ("expires", "expiry", "valid_until", "expiration", "expiration_date") if about.get(c)), "")
    return IndicatorFacts(about.get("tlp", "").upper().removeprefix("TLP:"), about.get("confidence", ""), expires)


def _values(cells: list[str], columns: list[str]) -> list[tuple[str, str]]:
    """Return (cell, type or '') of the cells that hold indicators."""
    if not columns:
        return [(cell, "") for cell in cells if cell.strip("-:= ")]
    types, about = _words()["types"], dict(zip(columns, cells, strict=False))
    given = next((_column(about[c]) for c in _words()["type_columns"] if about.get(c)), "")
    chosen = (
        [c for c in about if c in types]
        or [c for c in about if c in _words()["name_columns"]]
        or [c for c in about if c not in _headings()]
    )
    return [(about[c], types.get(c) or types.get(given, "")) for c in chosen if about[c].strip("-")]


@cache
def _headings() -> frozenset[str]:
    """Return the words of a header that name no type of indicator."""
    return frozenset((*_words()["type_columns"], *_words()["name_columns"], *_words()["other_columns"]))


def normalise(text: str, kind: str = "") -> tuple[str, str]:
    """Return type and normal form of one indicator; `kind`: its type where a column states it. Raises `_No` with the reason."""
    text = bare(text)
    titled = None if kind or PATH.match(text) or _address(refang(text)) else _TITLED.match(text)
    if titled is None:
        return _normal(text, kind)
    word = _column(titled[1])
    if word in _words()["types"]:
        return _normal(bare(titled[2]), _words()["types"][word])
    try:
        return _normal(text, "")
    except _No as no:
        rest = bare(titled[2])
        try:
            type_, value = _normal(rest, "")
        except _No as e:
            raise e if "would match" in str(e) else no from e
        if type_ == "path" and not PATH.match(rest):  # `mutex: Global\\x`
            raise
        return type_, value


def _normal(text: str, kind: str) -> tuple[str, str]:
    given, text = text, refang(text)
    if kind in ("path", "filename") and "/" not in text and "\\" not in text:
        return "filename", _filename(text)
    if _HEX.match(text) and len(text) in _HASHES:
        return _HASHES[len(text)], text.lower()
    if kind in ("md5", "sha1", "sha256"):
        raise _No(f"not a {kind}: `{_short(text)}`")
    found = _address(text) or _url(text) or _path(text)
    if found:
        if found[0] == "path" and text != given and not PATH.match(text):  # defanged, and what follows the name is neither
            raise _No(f"not an indicator: `{_short(given)}`")
        return found
    name = re.sub(r"(?<=[a-z]):\d{1,5}\Z", "", text.lower()).rstrip(".")
    if kind != "domain" and "." in name and " " not in name and name.rsplit(".", 1)[1] in _words()["extensions"]:
        return "filename", _filename(name)
    return "domain", _domain(name)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"


@cache
def _words() -> dict[str, Any]:
    raw = load_data("scout.formats", "indicators.yaml")
    return {part: values if isinstance(values, dict) else tuple(str(v) for v in values) for part, values in raw.items()}


def _address(text: str) -> tuple[str, str] | None:
    bare = text.strip("[]")
    port = re.fullmatch(r"(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}", bare) or re.fullmatch(r"\[([0-9a-fA-F:.]+)\]:\d{1,5}", text)
    bare = port.group(1) if port else bare
    try:
        if "/" in bare:
            network = ipaddress.ip_network(bare, strict=False)
            if network.prefixlen < (8 if network.version == 4 else 20):
                raise _No(f"{text} would match far too many addresses")
            if network.num_addresses > 1:
                return "cidr", str(network)
            bare = str(network.network_address)
        address = ipaddress.ip_address(bare.partition("%")[0])
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
    rooted = PATH.match(text) is not None
    windows = "\\" in text or re.match(r"[a-zA-Z]:/|%[\w()]+%/", text) is not None
    if not windows and not rooted:
        return None
    if _OBJECT.match(text):
        raise _No(f"neither a file nor a registry key: `{_short(text)}`; names of mutexes and pipes are not looked for")
    text = text[found.end() :] if (found := _REGISTRY.match(text)) else text
    first = re.split(r"[\\/]", text, maxsplit=1)[0]
    if not rooted and (re.search(r'[:<>|"\[\]]', text) or _of_network(first) or not re.search(r"[\\/].", text)):
        raise _No(f"not an indicator: `{_short(text)}`")
    value = text.lower()
    if windows:
        value = value.replace("/", "\\").rstrip("\\")
        share = "\\\\" if value.startswith("\\\\") else ""
        value = share + re.sub(r"\\+", r"\\", value.lstrip("\\") if share else value)
        value = re.sub(r"\A(\\\\[?.]\\|\\\?\?\\)", "", value)
        value = re.sub(r"\A(?:%[\w()]+%|\\device\\harddiskvolume\d+(?=\\)|\\systemroot(?=\\))", "", value)
    else:
        value = re.sub(r"/+", "/", value).rstrip("/")
    parts = [p for p in re.split(r"[\\/]", re.sub(r"\A[a-z]:", "", value)) if p]
    if not parts or value in _words()["paths"] or (len(parts) == 1 and "." not in parts[0]):
        raise _No(f"{_short(text)} would match on nearly every host")
    if "*" in value or "?" in value:
        raise _No(f"wildcards in a path are not supported: {_short(text)}")
    if _BEHIND.search(parts[-1][:_NAME]):
        raise _No(f"words behind a path (a comment begins with #): `{_short(text)}`")
    return "path", value


def _of_network(name: str) -> bool:
    r"""Return whether the first part of a path is an address or a domain: `evil.example\x` is neither a file nor a URL."""
    if _address(name):
        return True
    try:
        return _domain(name.lower()).rpartition(".")[2] not in _words()["extensions"]
    except _No:
        return False


def _filename(text: str) -> str:
    name = text.lower()
    if name in _words()["names"]:
        raise _No(f"{text} would match on nearly every host")
    if _NOT_IN_NAME.search(name):
        raise _No(f"no name of a file: `{_short(text)}`")
    if len(name) < 4 or "." not in name.strip("."):
        raise _No(f"too short or without extension for a file name: `{_short(text)}`")
    return name


def _domain(name: str) -> str:
    bare = name.removeprefix("*.").lstrip(".")
    try:
        bare = bare if bare.isascii() else bare.encode("idna").decode("ascii")
    except UnicodeError as e:
        raise _No(f"not an indicator: `{_short(name)}`") from e
    labels = bare.split(".")
    if bare in _words()["suffixes"] or (len(labels) == 1 and _LABEL.match(bare) and (name != bare or len(bare) <= 6)):
        raise _No(f"`{_short(name)}` is a suffix under which anybody has names: it would match far too much")
    if (
        len(labels) < 2
        or len(bare) > 253
        or not all(_LABEL.match(x) for x in labels)
        or not re.fullmatch(r"[a-z]{2,63}|xn--[a-z0-9-]+", labels[-1])
    ):
        raise _No(f"not an indicator: `{_short(name)}`")
    return bare
