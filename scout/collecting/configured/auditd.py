"""The log of the audit daemon, where it is not in /var/log/audit: `log_file = /srv/audit/audit.log`. Source: auditd.conf(5)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scout.collecting.configured import config_lines
from scout.sources.source import EvidenceSource


def names(source: EvidenceSource) -> Iterator[str]:
    """Yield the path, with what rotation appends."""
    for line in config_lines(source, [("etc", "audit", "auditd.conf")]):
        found = re.fullmatch(r"log_file\s*=\s*(/\S+)", line, re.IGNORECASE)
        if found:
            yield f"{found.group(1)}*"
