"""What the path of a cron table says of it. Sources: cron(8), run-parts(8), anacrontab(5)."""

from __future__ import annotations

import re
from typing import NamedTuple

PERIODIC = "periodic"
"""Kind of a script in `cron.daily` and its like."""
_PERIOD = re.compile(r"/cron\.(hourly|daily|weekly|monthly|yearly)/[^/]*$")
_RUN_PARTS = re.compile(r"[A-Za-z0-9_-]+")


class CronTable(NamedTuple):
    """Facts that follow from the path: kind of table, its user, and whether cron ignores the file."""

    kind: str
    user: str
    passed_over: bool


def table_of(source: str) -> CronTable:
    """Return the facts that follow from the path of a table."""
    name = source.rsplit("/", 1)[-1]
    if _PERIOD.search(source):
        return CronTable(PERIODIC, "root", not _RUN_PARTS.fullmatch(name))
    if name == "anacrontab":
        return CronTable("anacron", "root", False)
    if "/spool/cron/" in source:
        return CronTable("user", name, False)
    return CronTable("system", "", "/cron.d/" in source and not _RUN_PARTS.fullmatch(name))
