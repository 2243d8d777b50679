"""Keywords of sshd_config(5), for the artefact that reads its lines and for the order of its files."""

from __future__ import annotations

import re

REPEATED = re.compile(
    "(?:allow|deny)(?:groups|users)|acceptenv|host(?:certificate|key)|include|listenaddress|permit(?:listen|open)|port|setenv|subsystem"
)
"""keywords in lower case whose further lines count too"""
