r"""One indicator as a person writes it → its type and normal form: refanged, in lower case, without what programs spell in several ways.

What would match nearly every host (a top-level domain, `0.0.0.0/0`, `C:\Windows`, `cmd.exe`) is refused, and so is what is not understood.
"""

from __future__ import annotations

import ipaddress
import re
from functools import cache
from typing import Any

from scout.data import load_data
from scout.formats.refang import PATH, bare, refang

TYPES = ("md5", "sha1", "sha256", "ip", "cidr", "domain", "url", "path", "filename", "mutex", "pipe")
_HASHES = {32: "md5", 40: "sha1", 64: "sha256"}
_HEX = re.compile(r"[0-9a-fA-F]+\Z")
_REGISTRY = re.compile(
    r"(?:hkey_[a-z_]+|hk(?:lm|cu|u|cr|cc)):?(?=\\)(?:\\s-1-[\d-]+)?(?:\\system\\(?:currentcontrolset|controlset\d{3}))?", re.IGNORECASE
)
"""The beginning of a registry key that programs spell in several ways: what is behind it is compared."""
_MUTEX = re.compile(r"(?:\\?(?:sessions\\\d+\\)?basenamedobjects\\)?(?:(?:global|local|session\\\d+)\\)?", re.IGNORECASE)
"""Where Windows keeps the names of mutexes: every session has a folder of its own."""
_PIPE = re.compile(r"(?:\\\\[^\\]+|\\\?\?|\\device|)\\?(?:pipe|namedpipe)\\", re.IGNORECASE)
_OBJECT = re.compile(
    r"\\\\[^\\]+\\pipe\\|\\device\\namedpipe\\|\\(?:sessions\\\d+\\)?basenamedobjects\\|(?:global|local|session\\\d+)\\", re.IGNORECASE
)
"""The beginning of a name that is one of a pipe or mutex, even where no word says so."""
_OBJECTS = {"mutex": _MUTEX, "pipe": _PIPE}
_SHORTEST = 5
"""characters of the name of a mutex or pipe"""
_NOT_IN_NAME = re.compile(r'[:<>|"*?/\\]')
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_TITLED = re.compile(r"([a-z][\w #()-]{0,40}?)\s*(?:[:=]|=>|->|(?<=\s)[-–—](?=\s))(?!//)\s*(\S.*)\Z", re.IGNORECASE)
"""A word that says what the rest of the line is, and the rest."""
_PLAIN = re.compile(
    r"(?P<hash>[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})|(?P<address>[1-9]\d{0,2}(?:\.(?:0|[1-9]\d{0,2})){3})"
    r"|(?P<domain>[a-z][a-z0-9]{0,30}(?:\.[a-z][a-z0-9]{0,30}){0,4}\.[a-z]{2,24})"
)
"""An indicator as long lists have it: there is nothing to undo, and nothing else that it could be."""
_BEHIND = re.compile(r"\.[a-z0-9]{1,5}\s+(?!.*\.[a-z0-9]{1,5}\Z)|\s[-–—(\[<]")
"""Words behind the name of a file, in its last component."""
_ESCAPE = re.compile(r"\\[^a-z0-9]")
_CHOICE = re.compile(r"[\[\]{}|+*^$]|\(\?")
_CLASS = re.compile(r"\[[^\]]*\][{+*]|\{\d+,?\d*\}|\(\?|\\[sdwb](?![a-z0-9_])")
_FILE = re.compile(r"\A\\\\[^\\]*\.[a-z0-9]{2,4}\Z")
_NAME = 512
"""characters of a component in which such words are looked for"""


class NoIndicatorError(Exception):
    """The reason why a text is no usable indicator."""


def column(word: str) -> str:
    """Return a heading in lower case, its blanks and dashes as underscores."""
    return re.sub(r"[ -]", "_", word.strip().lower())


def normalise(text: str, kind: str = "") -> tuple[str, str]:
    """Return type and normal form of one indicator; `kind`: its type where a column states it. NoIndicatorError says why not."""
    if not kind and (plain := plain_form(text)):
        return plain
    text = bare(text)
    titled = None if kind or PATH.match(text) or _address(refang(text)) else _TITLED.match(text)
    if titled is None:
        return _normal(text, kind)
    word = column(titled[1])
    if word in words()["types"]:
        return _normal(bare(titled[2]), words()["types"][word])
    if other := no_file(word, bare(titled[2])):
        raise NoIndicatorError(f"a value of the kind {other} is not looked for: `{short(text)}`")
    try:
        return _normal(text, "")
    except NoIndicatorError as no:
        rest = bare(titled[2])
        try:
            type_, value = _normal(rest, "")
        except NoIndicatorError as e:
            raise e if "would match" in str(e) else no from e
        if type_ == "path" and not PATH.match(rest):  # `mutex: Global\\x`
            raise
        return type_, value


def no_file(word: str, value: str) -> str:
    """Return the part of a name of a column or type that says that a value is no hash of a file, although it looks like one, or ''."""
    if word in words()["types"] or not _HEX.match(value) or len(value) not in _HASHES:
        return ""
    return next((part for part in re.split(r"[_.:|]", word) if part in words()["no_file"]), "")


def also(text: str, type_: str, value: str) -> tuple[str, str] | None:
    """Return what a bare name is beside a domain: `update.sh` is a file too. None where it is one thing."""
    name = refang(bare(text)).lower()
    if type_ != "domain" or name != value or value.count(".") > 2 or value.rpartition(".")[2] not in words()["both"]:
        return None
    try:
        return "filename", _filename(value)
    except NoIndicatorError:
        return None


def plain_form(text: str) -> tuple[str, str] | None:
    """Return the same as `normalise` for a plain text, in a tenth of the time; None for any other, and for one that may be refused."""
    found = _PLAIN.fullmatch(text)
    if found is None:
        return None
    if found.lastgroup == "hash":
        return _HASHES[len(text)], text.lower()
    if found.lastgroup == "address":
        octets = [int(octet) for octet in text.split(".")]
        return ("ip", text) if octets[0] != 127 and max(octets) < 256 and min(octets) < 255 else None
    ending = text.rpartition(".")[2]
    try:
        return None if ending in words()["extensions"] or ending in words()["both"] else ("domain", _domain(text))
    except NoIndicatorError:
        return None


def _normal(text: str, kind: str) -> tuple[str, str]:
    if kind in _OBJECTS:
        return kind, _object_name(kind, text)
    given, text = text, refang(text)
    if kind in ("path", "filename") and "/" not in text and "\\" not in text:
        return "filename", _filename(text)
    if _HEX.match(text) and len(text) in _HASHES:
        return _HASHES[len(text)], text.lower()
    if kind in ("md5", "sha1", "sha256"):
        raise NoIndicatorError(f"not a {kind}: `{short(text)}`")
    found = _address(text) or _url(text) or _path(text)
    if found:
        if found[0] == "path" and text != given and not PATH.match(text):  # defanged, and what follows the name is neither
            raise NoIndicatorError(f"not an indicator: `{short(given)}`")
        return found
    name = re.sub(r"(?<=[a-z]):\d{1,5}\Z", "", text.lower()).rstrip(".")
    if kind != "domain" and "." in name and " " not in name and name.rsplit(".", 1)[1] in words()["extensions"]:
        return "filename", _filename(name)
    return "domain", _domain(name)


def short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"


@cache
def words() -> dict[str, Any]:
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
                raise NoIndicatorError(f"{text} would match far too many addresses")
            if network.num_addresses > 1:
                return "cidr", str(network)
            bare = str(network.network_address)
        address = ipaddress.ip_address(bare.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
    except ValueError:
        return None
    if address.is_unspecified or address.is_loopback or str(address) == "255.255.255.255":
        raise NoIndicatorError(f"{text} would match every host")
    return "ip", str(address)


def _url(text: str) -> tuple[str, str] | None:
    """Return the URL that a text begins with; what follows a blank is a comment, as a URL has none."""
    text = (text.split(maxsplit=1) or [""])[0]
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
    if kernel := _OBJECT.match(text):
        kind = "pipe" if kernel[0].lower().endswith("pipe\\") else "mutex"
        return kind, _object_name(kind, text)
    text = text[found.end() :] if (found := _REGISTRY.match(text)) else text
    first = re.split(r"[\\/]", text, maxsplit=1)[0]
    if not rooted and (re.search(r'[:<>|"\[\]]', text) or _of_network(first) or not re.search(r"[\\/].", text)):
        raise NoIndicatorError(f"not an indicator: `{short(text)}`")
    value = _unescaped(text.lower(), windows)
    windows = windows and ("\\" in value or value[1:2] == ":" or not value.startswith("/"))
    if windows:
        value = value.replace("/", "\\").rstrip("\\")
        share = "\\\\" if value.startswith("\\\\") else ""
        value = share + re.sub(r"\\+", r"\\", value.lstrip("\\") if share else value)
        value = re.sub(r"\A(\\\\[?.]\\|\\\?\?\\)", "", value)
        value = re.sub(r"\A(?:%[\w()]+%|\\device\\harddiskvolume\d+(?=\\)|\\systemroot(?=\\))", "", value)
    else:
        value = re.sub(r"/+", "/", value).rstrip("/")
    parts = [p for p in re.split(r"[\\/]", re.sub(r"\A[a-z]:", "", value)) if p]
    if not parts or value in words()["paths"] or (len(parts) == 1 and "." not in parts[0]):
        raise NoIndicatorError(f"{short(text)} would match on nearly every host")
    if "*" in value or "?" in value:
        raise NoIndicatorError(f"wildcards in a path are not supported: {short(text)}")
    if _BEHIND.search(parts[-1][:_NAME]):
        raise NoIndicatorError(f"words behind a path (a comment begins with #): `{short(text)}`")
    return "path", value


def _unescaped(value: str, windows: bool) -> str:
    r"""Return a path that is written as a regular expression or as JSON, `\\users\\public\\a\.exe`, as it is on the host.

    It is one where all its backslashes are escapes. NoIndicatorError where it stands for more than one path.
    """
    inner = re.sub(r"\A\^|\$\Z", "", value)
    single = _ESCAPE.sub("", inner)
    begins_share = inner.startswith("\\\\\\\\") or (inner.count("\\\\") == 1 and not _FILE.search(inner))
    if "\\" in single or (windows and "\\\\" not in inner and "\\." not in inner) or (begins_share and "\\." not in inner):
        if _CLASS.search(inner):
            raise NoIndicatorError(f"a regular expression: `{short(value)}`")
        return value
    if _CHOICE.search(single):
        raise NoIndicatorError(f"a regular expression: `{short(value)}`")
    return re.sub(r"\\(.)", r"\1", inner)


def _object_name(kind: str, text: str) -> str:
    """Return the name of a mutex or pipe in lower case, without the folder that it is in."""
    found = _OBJECTS[kind].match(text)
    name = (text[found.end() :] if found else text).strip("\\").lower()
    if len(name) < _SHORTEST or name in words()["objects"]:
        raise NoIndicatorError(f"{short(text)} would match on nearly every host")
    if "*" in name or "?" in name or "\\" in name or not name.isprintable():
        raise NoIndicatorError(f"no name of a {kind}: `{short(text)}`")
    return name


def _of_network(name: str) -> bool:
    r"""Return whether the first part of a path is an address or a domain: `evil.example\x` is neither a file nor a URL."""
    if _address(name):
        return True
    try:
        return _domain(name.lower()).rpartition(".")[2] not in words()["extensions"]
    except NoIndicatorError:
        return False


def _filename(text: str) -> str:
    name = text.lower()
    if name in words()["names"]:
        raise NoIndicatorError(f"{text} would match on nearly every host")
    if _NOT_IN_NAME.search(name):
        raise NoIndicatorError(f"no name of a file: `{short(text)}`")
    if len(name) < 4 or "." not in name.strip("."):
        raise NoIndicatorError(f"too short or without extension for a file name: `{short(text)}`")
    return name


def _domain(name: str) -> str:
    bare = name.removeprefix("*.").lstrip(".")
    try:
        bare = bare if bare.isascii() else bare.encode("idna").decode("ascii")
    except UnicodeError as e:
        raise NoIndicatorError(f"not an indicator: `{short(name)}`") from e
    labels = bare.split(".")
    if bare in words()["suffixes"] or (len(labels) == 1 and _LABEL.match(bare) and (name != bare or len(bare) <= 6)):
        raise NoIndicatorError(f"`{short(name)}` is a suffix under which anybody has names: it would match far too much")
    if (
        len(labels) < 2
        or len(bare) > 253
        or not all(_LABEL.match(x) for x in labels)
        or not re.fullmatch(r"[a-z]{2,63}|xn--[a-z0-9-]+", labels[-1])
    ):
        raise NoIndicatorError(f"not an indicator: `{short(name)}`")
    return bare
