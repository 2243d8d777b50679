"""An indicator as others see it: the pattern by which it is found in text, its title, its type in ECS."""

from __future__ import annotations

import re

from scout.formats.indicators import Indicator

_DEVICE = r"(?:\\device\\harddiskvolume\d+|\\volume\{[0-9a-f-]+\})"
"""The place of a drive in paths that the kernel writes: event logs, prefetch."""
_BEFORE = {
    "md5": r"(?<![0-9a-z])",
    "ip": r"(?:(?<![0-9a-z.:])|(?<=::ffff:)|(?<=::ffff:0:))",
    "domain": r"(?<![0-9a-z_-])",
    "url": r"(?<![0-9a-z_-])",
    "path": r"(?<![0-9a-z])",
    "root": r"(?<![\w.-])",
    "filename": r"(?<![0-9a-z._-])",
    "mutex": r"(?<![0-9a-z_.-])",
    "pipe": r"(?<![0-9a-z_.-])",
}
_AFTER = {
    "md5": r"(?![0-9a-z])",
    "ip": r"(?![0-9a-z]|\.[0-9]|:[0-9a-f]*:)",
    "domain": r"(?![0-9a-z_-]|\.[0-9a-z])",
    "url": r"(?![0-9a-z_-]|\.[0-9a-z])",
    "path": r"(?![0-9a-z._-])",
    "filename": r"(?![0-9a-z_-]|\.[0-9a-z])",
    "mutex": r"(?![0-9a-z_.-])",
    "pipe": r"(?![0-9a-z_-]|\.[0-9a-z])",
}


def expression(indicator: Indicator) -> str:
    """Return the pattern of an indicator that is compared as text, in lower case, with what may be before and behind it."""
    kind = "md5" if indicator.type in ("sha1", "sha256") else indicator.type
    return _beginning(kind, indicator.value) + _ending(kind, indicator.value)


def _beginning(kind: str, value: str) -> str:
    r"""Return the pattern of the value and of what may precede it; a value that begins with `\` or `~` is the end of a longer path."""
    if kind == "path" and value[1:2] == ":":
        return f"(?:{_BEFORE[kind]}{value[:2]}|{_DEVICE}){re.escape(value[2:])}"
    if kind == "path" and value[:1] in "\\~":
        return re.escape(value.removeprefix("~"))
    return _BEFORE["root" if value[:1] == "/" else kind] + re.escape(value)


def _ending(kind: str, value: str) -> str:
    """Return the pattern of what may not follow; a URL may go on after `/` or `=`."""
    return "" if kind == "url" and not value[-1:].isalnum() else _AFTER[kind]


def title(indicator: Indicator) -> str:
    """Return an indicator as the name of a rule: `Domain evil.example`."""
    return f"{_NAMES[indicator.type]} {indicator.value}"


def ecs_type(indicator: Indicator) -> str:
    """Return `threat.indicator.type`."""
    return "ipv6-addr" if indicator.type in ("ip", "cidr") and ":" in indicator.value else _ECS[indicator.type]


_NAMES = {
    "md5": "File hash",
    "sha1": "File hash",
    "sha256": "File hash",
    "ip": "Address",
    "cidr": "Network",
    "domain": "Domain",
    "url": "URL",
    "path": "Path",
    "filename": "File name",
    "mutex": "Mutex",
    "pipe": "Named pipe",
}
_ECS = {
    "md5": "file",
    "sha1": "file",
    "sha256": "file",
    "ip": "ipv4-addr",
    "cidr": "ipv4-addr",
    "domain": "domain-name",
    "url": "url",
    "path": "file",
    "filename": "file",
    "mutex": "mutex",
    "pipe": "artifact",
}
