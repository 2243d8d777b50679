"""Log files that rsyslog and other syslog daemons write: `auth.*  -/srv/log/auth.log`, `action(type="omfile" file="/srv/x")`.

Source: rsyslog.conf(5), syslog.conf(5), "omfile" of the rsyslog documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from scout.collecting.configured import config_lines, folder
from scout.sources.source import EvidenceSource

_SELECTOR = re.compile(r"(?<!\S)[^\s;.]+\.\S+\s+-?(/[^\s;]+)")
_FILE = re.compile(r"""\bfile\s*=\s*["'](/[^"']+)["']""", re.IGNORECASE)
_TEMPLATE = re.compile(r"""(?:\bstring\s*=\s*|^\$template\s+\w+\s*,\s*)["'](/[^"']+)["']""", re.IGNORECASE)
_PROPERTY = re.compile(r"%[^%]*%")


def names(source: EvidenceSource) -> Iterator[str]:
    """Yield the paths, with what rotation appends; a property of a message (`%HOSTNAME%`) is any text."""
    files = [("etc", "rsyslog.conf"), *folder(source, ("etc", "rsyslog.d"), ".conf"), ("etc", "syslog.conf")]
    for line in config_lines(source, files, "syslog"):
        for expression in (_SELECTOR, _FILE, _TEMPLATE):
            for found in expression.finditer(line):
                path = _PROPERTY.sub("*", found.group(1))
                if not path.startswith("/dev/"):
                    yield f"{path.removesuffix('*')}*"
