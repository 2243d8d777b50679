"""Log files that syslog-ng writes: `destination d { file("/srv/log/$HOST/auth.log"); };`. Source: syslog-ng.conf(5)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scout.collecting.configured import config_lines, folder
from scout.sources.source import EvidenceSource

_FILE = re.compile(r"""\bfile\s*\(\s*["']?(/[^"')]+)""")
_MACRO = re.compile(r"\$\{[^}]*\}|\$[A-Za-z_.]\w*")


def names(source: EvidenceSource) -> Iterator[str]:
    """Yield the paths, with what rotation appends; a macro is any text."""
    files = [("etc", "syslog-ng", "syslog-ng.conf"), *folder(source, ("etc", "syslog-ng", "conf.d"), ".conf")]
    for line in config_lines(source, files, "syslog"):
        for found in _FILE.finditer(line):
            path = _MACRO.sub("*", found.group(1).strip())
            if not path.startswith(("/dev/", "/proc/")):
                yield f"{path.removesuffix('*')}*"
