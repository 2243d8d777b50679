r"""Accounts of the host: names, numbers, times, flags and counters from the SAM hive. Never password hashes."""

from __future__ import annotations

from struct import unpack_from
from typing import Any

from commodore.registry import At, Made, Part, Problem, each_key, registry_artefact
from scout.formats.regf import Key
from scout.formats.regf.data import filetime, sid

_BASE = 0xCC
"""where the texts of the value V begin"""
_TEXTS = {0x0C: "user.name", 0x18: "user.full_name", 0x24: "escadre.description"}
"""place of offset and length in V → field. The places of the hashes are not read"""
_FLAGS = (
    *("disabled", "home directory required", "password not required", "temporary duplicate", "normal", "mns logon", "interdomain trust"),
    *("workstation trust", "server trust", "password does not expire", "locked out", "encrypted password allowed", "smartcard required"),
    *("trusted for delegation", "not delegated", "des keys only", "preauthentication not required", "password expired"),
    *("trusted to authenticate for delegation", "no authorization data required", "partial secrets", "aes keys"),
)


def _machine(at: At) -> str:
    """Return the SID of the host's own domain with a hyphen behind it, from the end of the domain's value V; '' where it is not there."""
    if "machine" not in at.hive.memo:
        found = next((domain.key.value("V") for domain in at.hive.find("SAM\\Domains\\Account")), None)
        domain_sid = sid(found.raw[-24:]) if found else ""
        at.hive.memo["machine"] = f"{domain_sid}-" if domain_sid.startswith("S-1-5-21-") else ""
    return str(at.hive.memo["machine"])


def _user(at: At, key: Key) -> Made:
    facts, texts = key.value("F"), key.value("V")
    if facts is None:
        return None  # the key of the names
    raw = facts.raw
    if len(raw) < 80 or len(raw) != 80 + unpack_from("<H", raw, 6)[0] or unpack_from("<H", raw)[0] not in (2, 3):
        return [
            Problem(
                f"account facts of {len(raw)} bytes, revision {raw[:2].hex()}: only 80 bytes of revision 2 and 3 are known",
                key.name,
                lost=1,
            )
        ]
    login, password, expires, failed = (filetime(unpack_from("<Q", raw, place)[0]) or None for place in (8, 24, 32, 40))
    (rid, _, flags), (failures, logins) = unpack_from("<3I", raw, 48), unpack_from("<HH", raw, 64)
    rest = ([f"FailedLogons={failures}"] if failures else []) + ([f"Expires={expires}"] if expires else [])
    made: dict[str, Any] = {
        "user.id": f"{_machine(at)}{rid}",
        "escadre.account.flags": [
            *(name for bit, name in enumerate(_FLAGS) if flags >> bit & 1),
            *([f"{flags >> len(_FLAGS) << len(_FLAGS):#x}"] if flags >> len(_FLAGS) else []),
        ],
        "escadre.account.last_login": login,
        "escadre.account.password_set": password,
        "escadre.account.failed_login": failed,
        "escadre.account.logins": logins,
        "escadre.settings": rest or None,
    }
    blob, problems = texts.raw if texts else b"", list[Problem]()
    for place, field in _TEXTS.items():
        if place + 8 <= len(blob):
            offset, length = unpack_from("<II", blob, place)
            if _BASE + offset + length > len(blob):
                problems.append(Problem(f"a text of the account lies outside its {len(blob)} bytes: {field}", key.name))
            elif length:
                made[field] = blob[_BASE + offset : _BASE + offset + length].decode("utf-16-le", "backslashreplace")
        elif blob:
            problems.append(Problem(f"names of an account in {len(blob)} bytes: a header of {_BASE} is known", key.name))
            break
    return [Part("", made), *problems]


ARTEFACT, parse, expected = registry_artefact(
    name="sam_users",
    title="Accounts of the host",
    about="Each local account: name, number (RID), flags, last logon, last change of the password, last failed logon, number of logons "
    "and of failures since the last good one. Hidden and re-numbered accounts show here. Password hashes are not read.",
    proves_not="Logons with an account of the domain or of Microsoft, which the host does not count here. The counter of logons is not "
    "kept for all kinds of logon.",
    keys=(r"SAM\Domains\Account\Users\*",),
    read=each_key(_user),
    fields=(
        "user.full_name",
        "escadre.description",
        "escadre.account.flags",
        "escadre.account.last_login",
        "escadre.account.password_set",
        "escadre.account.failed_login",
        "escadre.account.logins",
        "escadre.settings",
    ),
    times={
        "@timestamp": "last write of the account's key: last logon, failed logon or change of the account",
        "escadre.account.last_login": "last logon",
        "escadre.account.password_set": "last change of the password",
        "escadre.account.failed_login": "last failed logon",
    },
    category=("iam",),
    type=("user", "info"),
    action="account-observed",
    attack=("T1136.001", "T1087.001", "T1098"),
    message="The account [{user.name!q}|without a name] ({user.id}) logged on {escadre.account.logins} {escadre.account.logins:time|times}"
    "[, last at {escadre.account.last_login}][; it is {escadre.account.flags}].",
    sources=(
        "Security Account Manager keys, libyal winreg-kb",
        "[MS-SAMR] 2.2.1.12 USER_ACCOUNT Codes",
        "Syskey and the SAM, C. Nelson, B. D. Mullins",
    ),
    version=2,
)
