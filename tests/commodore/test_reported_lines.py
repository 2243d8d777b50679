"""Lines of logs as other daemons and older hosts write them, and years that a log itself gives."""

from __future__ import annotations

import pytest

from tests.commodore.cases import records
from tests.commodore.reported import *  # noqa: F403  (a fixture)

LOGIN = "sshd[8]: Accepted password for h from 192.0.2.8 port 1 ssh2"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"Feb 21 12:00:07 web01 auth.info {LOGIN}", {"user.name": "h", "process.name": "sshd"}),  # BusyBox syslogd: Alpine, OpenWrt
        (f"Feb 21 12:00:07 web01 <auth.info> {LOGIN}", {"user.name": "h", "process.name": "sshd"}),  # FreeBSD syslogd -v
        (f"Feb 21 12:00:07 {LOGIN}", {"user.name": "h", "process.name": "sshd"}),  # no host name
        (f"Feb 21 12:00:07 web01 /usr/sbin/{LOGIN}", {"user.name": "h", "process.name": "sshd"}),
        ("Feb 21 12:00:06 web01 sshd(pam_unix)[7]: session opened for user g by (uid=0)", {"user.name": "g", "process.name": "sshd"}),
        (f"Feb 21 12:00:07 web01 {LOGIN}".replace("192.0.2.8", "::ffff:192.0.2.8"), {"source.ip": "192.0.2.8"}),
        (f"Feb 21 12:00:07 web01 {LOGIN}".replace("192.0.2.8", "fe80::1%eth0"), {"source.ip": "fe80::1"}),
    ],
)  # fmt: skip
def test_a_line_names_its_user_whatever_daemon_wrote_it(host, line, expected):
    (found,) = records(host({"var/log/auth.log": line + "\n"}), "auth_log")
    assert {name: found.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("days", "full", "written", "years"),
    [
        (
            ["Feb 20", "Feb 21", "Feb 29"],
            "2026-02-21T12:00:09Z",
            "2026-02-21T12:00:10Z",
            [2026, 2026, None],
        ),  # a forged day: that year has none
        (["Mar 20", "Mar 21"], "2023-03-21T12:00:09Z", "2026-05-01T00:00:00Z", [2023, 2023]),  # copied without its times
        (["Dec 30", "Dec 31"], "2026-01-01T00:00:01Z", "2026-01-01T00:00:10Z", [2025, 2025]),  # New Year before the first full time
        (["Dec 31", "Jan  1"], "2026-01-02T00:00:01Z", "2026-01-02T00:00:10Z", [2025, 2026]),
    ],
)
def test_a_line_with_a_year_gives_the_lines_before_it_theirs(host, days, full, written, years):
    """rsyslog's default became the full time in Debian 12 and Ubuntu 24.04: one log has both (fox-it/dissect.target 903)."""
    lines = [f"{day} 12:00:07 web01 {LOGIN}" for day in days] + [f"{full} web01 {LOGIN}"]
    found = records(host({"var/log/auth.log": "\n".join(lines) + "\n", "etc/timezone": "UTC\n"}, written), "auth_log")
    found.sort(key=lambda r: r["escadre.line_number"])
    assert [int(r["@timestamp"][:4]) if r["@timestamp"] else None for r in found[:-1]] == years
    assert [r["user.name"] for r in found] == ["h"] * len(lines)
