r"""Who administers a Windows that does not run: the members of its group Administrators that may log on, from SAM.

Source: libyal winreg-kb, Security Account Manager (`F` of an account, `C` of a group, `V` of a domain ends with its SID).
"""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack_from

from hunter.host.view import HostView
from scout.formats.regf.data import sid

ACCOUNTS = r"HKLM\SAM\SAM\Domains\Account"
_GROUP = r"HKLM\SAM\SAM\Domains\Builtin\Aliases\00000220"
_BASE, _FLAGS, _DISABLED = 0x34, 0x38, 0x0001


def administrators(view: HostView, data: Callable[[str], bytes | None]) -> list[str]:
    """Return the SIDs of Administrators that may log on: those of other domains, and accounts of this host that are not disabled.

    `data` returns the value F of a key of an account, None where it is not there. UnsafeError where SAM cannot be read.
    """
    group, domain = view.registry.value(_GROUP, "C"), view.registry.value(ACCOUNTS, "V")
    if group is None or len(group.data) < _BASE:
        return []
    own = (
        "S-1-5-21-" + "-".join(map(str, unpack_from("<III", domain.data, len(domain.data) - 12)))
        if domain and len(domain.data) >= 12
        else ""
    )
    found = []
    for member in _members(group.data):
        above, _, number = member.rpartition("-")
        facts = data(f"{ACCOUNTS}\\Users\\{int(number):08X}") if above == own else None
        if above == own and (facts is None or len(facts) <= _FLAGS + 1 or unpack_from("<H", facts, _FLAGS)[0] & _DISABLED):
            continue
        found.append(member)
    return found


def _members(raw: bytes) -> list[str]:
    place, size, count = unpack_from("<III", raw, 0x28)
    at, end = _BASE + place, min(_BASE + place + size, len(raw))
    found: list[str] = []
    while at < end and len(found) < count and (name := sid(raw[at:end])):
        found.append(name)
        at += 8 + 4 * raw[at + 1]
    return found
