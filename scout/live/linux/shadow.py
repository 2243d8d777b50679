"""State of the passwords of all accounts (`shadow/1`), from /etc/shadow: never a hash, never a part of one, and no salt.

name; state: password, locked (a password behind `!`), none (`!` or `*`: no password fits), empty (anybody may log in)
algorithm: yescrypt, gost-yescrypt, scrypt, bcrypt, sha512, sha256, md5, des … of the password
changed, expires: days as dates (UTC); minimum, maximum, warning, inactive: days

Source: shadow(5), crypt(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from scout.lines import number
from scout.live.linux import procfs

SCHEMA = 1
_ALGORITHMS = {
    "y": "yescrypt",
    "gy": "gost-yescrypt",
    "7": "scrypt",
    "2": "bcrypt",
    "2a": "bcrypt",
    "2b": "bcrypt",
    "2x": "bcrypt",
    "2y": "bcrypt",
    "6": "sha512",
    "5": "sha256",
    "sha1": "sha1",
    "md5": "sunmd5",
    "1": "md5",
    "3": "nt",
}


def collect() -> Iterator[dict[str, Any]]:
    """Yield all accounts of the file; PermissionError where this account may not read it."""
    with open("/etc/shadow", "rb"):  # the error is the message
        pass
    yield from states(procfs.lines("/etc/shadow"))


def states(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Yield the state of each line; what is no line of shadow is left out."""
    for line in lines:
        fields = line.split(":")
        if len(fields) >= 8 and fields[0] and not line.startswith("#"):
            days = [number(one) for one in fields[2:8]]
            known = {
                "name": fields[0],
                **_password(fields[1]),
                "changed": _day(days[0]),
                "minimum": days[1],
                "maximum": days[2],
                "warning": days[3],
                "inactive": days[4],
                "expires": _day(days[5]),
            }
            yield {key: value for key, value in known.items() if value is not None}


def _password(text: str) -> dict[str, str]:
    """Return `state` and `algorithm` of the second field; of the hash itself only its marker is looked at."""
    if not text:
        return {"state": "empty"}
    plain = text.lstrip("!")
    if not plain or (plain[0] in "*x" and len(plain) < 13):
        return {"state": "none"}
    algorithm = "unknown"
    if plain.startswith("$") and plain.count("$") >= 2:
        algorithm = _ALGORITHMS.get(plain.split("$")[1], "unknown")
    elif plain.startswith("_") or len(plain) == 13:
        algorithm = "des"
    return {"state": "locked" if text.startswith("!") else "password", "algorithm": algorithm}


def _day(days: int | None) -> str | None:
    if days is None or not 0 <= days < 2_900_000:
        return None
    return (date(1970, 1, 1) + timedelta(days)).isoformat()
