"""How one value of a Windows event becomes the value of a field: the forms that `events/*.yaml` names, and the types of the registry."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from commodore.schema import registry
from commodore.schema.winlog.audit import SUBCATEGORIES

Convert = Callable[[str], Any]
"""Raw value → what the registry's type wants, or None where there is nothing to say."""


def converter(where: str, target: str, form: str) -> Convert:
    """Return the conversion of a value for a field. Raises ValueError for a field or form that is not known; `where` begins its message."""
    known = registry().get(target)
    name, _, argument = form.partition(" ")
    if known is None or (form and form not in FORMS and name not in PATTERNS):
        raise ValueError(f"{where}: {target} | {form}: not in the field registry, or no such form")
    typed = TYPED.get(known.type, text)
    try:
        one = PATTERNS[name](argument, typed) if name in PATTERNS else FORMS[form] if form else typed
    except re.error as e:
        raise ValueError(f"{where}: {target} | {form}: {e}") from e
    if not known.many:
        return one

    def several(raw: str) -> list[Any] | None:
        made = one(raw)
        return None if made is None else [made]

    return several


def text(raw: str) -> str | None:
    """Text as it stands; `-` and nothing mean that there is none."""
    return None if raw in ("", "-") else raw


def number(raw: str) -> int | None:
    """Decimal or 0x hexadecimal."""
    try:
        return int(raw, 16 if raw[:2] in ("0x", "0X") else 10)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def address(raw: str) -> str | None:
    """An IP address in its normal form; `::ffff:10.0.0.1` is 10.0.0.1; anything else is none."""
    try:
        found = ipaddress.ip_address(raw.strip().partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)


def time(raw: str) -> str | None:
    """Sysmon's `2025-12-06 21:11:02.632` (UTC) as RFC 3339."""
    return (
        f"{raw[:10]}T{raw[11:]}Z"
        if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", raw)
        else (raw if _RFC3339.fullmatch(raw) else None)
    )


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def last(raw: str) -> str | None:
    """Last component of a Windows path."""
    return raw.rsplit("\\", 1)[-1] or None if raw != "-" else None


def account(raw: str) -> str | None:
    r"""`account` of `DOMAIN\account`."""
    return text(raw.rpartition("\\")[2])


def domain(raw: str) -> str | None:
    r"""`DOMAIN` of `DOMAIN\account`."""
    return text(raw.rpartition("\\")[0])


def _hash(kind: str) -> Convert:
    pattern = re.compile(rf"(?:^|,){kind}=([0-9A-Fa-f]+)")

    def pick(raw: str) -> str | None:
        found = pattern.search(raw)
        return found[1].lower() if found else None

    return pick


def endpoint(raw: str) -> str | None:
    """The address of `10.0.0.1:3389` or `[fe80::1%12]:3389`; a bare address too."""
    found = _ENDPOINT.fullmatch(raw)
    return address(found[1] or found[2]) if found else address(raw)


def endpoint_port(raw: str) -> int | None:
    """The port of `10.0.0.1:3389` or `[fe80::1%12]:3389`."""
    found = _ENDPOINT.fullmatch(raw)
    return int(found[3]) if found else None


_ENDPOINT = re.compile(r"(?:\[([0-9A-Fa-f:.%]+)\]|([0-9.]+)):(\d{1,5})")


def computer(raw: str) -> str | None:
    r"""A computer's name without the backslashes before it; an address is none, it has a field of its own."""
    name = raw.lstrip("\\")
    return None if address(name) else text(name)


def host(raw: str) -> str | None:
    r"""The computer of `\\FILES01\share`."""
    return text(raw.lstrip("\\").partition("\\")[0])


def unc_address(raw: str) -> str | None:
    r"""The address of `\\10.0.0.1`, `\\[fe80::1]:445` or `10.0.0.1:3389`; a name is none."""
    bare = raw.lstrip("\\")
    return endpoint(bare) or address(bare.removeprefix("[").removesuffix("]"))


def principal(raw: str) -> str | None:
    """The account of `account@REALM`."""
    return text(raw.partition("@")[0])


def file_object(raw: str) -> str | None:
    r"""The name of an audited object if it is a file: it begins with a drive, `\Device\` or `\??\`."""
    return raw if raw[1:3] == ":\\" or raw.startswith(("\\Device\\", "\\??\\")) else None


def key_object(raw: str) -> str | None:
    r"""The name of an audited object if it is a registry key: it begins with `\REGISTRY\`."""
    return raw if raw[:10].upper() == "\\REGISTRY\\" else None


def logon(raw: str) -> str | None:
    """A logon type in the words of Windows. Source: Microsoft, 4624(S), table of logon types; NTSecAPI.h, SECURITY_LOGON_TYPE."""
    return LOGON_TYPES.get(raw, text(raw))


LOGON_TYPES = {
    "0": "System",
    "2": "Interactive",
    "3": "Network",
    "4": "Batch",
    "5": "Service",
    "6": "Proxy",
    "7": "Unlock",
    "8": "NetworkCleartext",
    "9": "NewCredentials",
    "10": "RemoteInteractive",
    "11": "CachedInteractive",
    "12": "CachedRemoteInteractive",
    "13": "CachedUnlock",
}


def status(raw: str) -> str | None:
    """An NTSTATUS of a failed logon in words, others as found. Source: [MS-ERREF] section 2.3.1."""
    return None if raw in ("-", "", "0x0", "0x00000000") else _STATUS.get(raw.lower().removeprefix("0x").lstrip("0"), raw)


_STATUS = {
    "c0000064": "no such account",
    "c000006a": "wrong password",
    "c000006d": "wrong account or password",
    "c000006e": "account restriction",
    "c000006f": "not at this time of day",
    "c0000070": "not from this workstation",
    "c0000071": "password expired",
    "c0000072": "account disabled",
    "c00000dc": "server in the wrong state",
    "c0000133": "clocks differ too much",
    "c000015b": "logon type not granted",
    "c0000193": "account expired",
    "c0000224": "password must be changed",
    "c0000234": "account locked out",
    "c0000413": "not allowed by the authentication policy",
}


def kerberos(raw: str) -> str | None:
    """A Kerberos error code in words, others as found. Source: RFC 4120 section 7.5.9."""
    return None if raw in ("-", "", "0x0") else _KERBEROS.get(raw.lower(), raw)


_KERBEROS = {
    "0x6": "no such account",
    "0x7": "no such service",
    "0x9": "account has no key",
    "0xc": "policy does not allow it",
    "0xe": "encryption type not supported",
    "0x12": "account disabled, expired or locked out",
    "0x17": "password expired",
    "0x18": "wrong password",
    "0x19": "pre-authentication needed",
    "0x1b": "only between users",
    "0x1f": "ticket altered",
    "0x20": "ticket expired",
    "0x25": "clocks differ too much",
}


def insertion(raw: str) -> str | None:
    """Text with codes of messages (`%%1053`) in words, where the code is known.

    Sources: [MS-ERREF] section 2.2 (errors of Windows, which the service control manager gives so); Microsoft, 4719(S).
    """
    return text(_CODE.sub(lambda found: _CODES.get(found[1], found[0]), raw))


def subcategory(raw: str) -> str | None:
    """The name of a subcategory of the audit policy, whose GUID an event has; a GUID that is not known stays."""
    return text(SUBCATEGORIES.get(raw.upper(), raw))


def unquoted(raw: str) -> str | None:
    """A text without the blanks and the pair of quotes around it: Sysmon writes names of WMI so."""
    bare = raw.strip()
    return text(bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] == '"' else bare)


_CODE = re.compile(r"%%(\d{1,5})\b")
_CODES = {
    "1": "the function is not valid",
    "2": "the file was not found",
    "3": "the path was not found",
    "5": "access was denied",
    "50": "this is not supported",
    "126": "a module was not found",
    "127": "a procedure was not found",
    "193": "the file is no program",
    "225": "the file contains malware",
    "577": "the signature of the file is not valid",
    "1053": "it did not answer the request to start in time",
    "1056": "it runs already",
    "1058": "it is disabled",
    "1060": "it is not installed",
    "1062": "it was not started",
    "1067": "its process ended unexpectedly",
    "1068": "a service that it depends on did not start",
    "1069": "its account could not log on",
    "1072": "it is marked for deletion",
    "1075": "a service that it depends on is not installed",
    "1079": "its account is not that of the other services of its process",
    "1115": "the system shuts down",
    "1275": "the driver was blocked",
    "1385": "its account lacks the right to log on so",
    "8448": "success removed",
    "8449": "success added",
    "8450": "failure removed",
    "8451": "failure added",
}


def transport(raw: str) -> str | None:
    """The name of an IP protocol number; names in lower case. Source: IANA, Protocol Numbers."""
    return {"1": "icmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp"}.get(raw, text(raw.lower()))


def direction(raw: str) -> str | None:
    """The direction of a connection of the filtering platform. Source: Microsoft, 5156(S): %%14592 inbound, %%14593 outbound."""
    return {"%%14592": "ingress", "%%14593": "egress"}.get(raw)


def outcome(raw: str) -> str | None:
    """`success` or `failure` of a message of sshd that begins with a verdict. Source: OpenSSH, auth.c, auth_log()."""
    return "success" if raw.startswith("Accepted ") else "failure" if raw.startswith(("Failed ", "Invalid user ")) else None


def _find(argument: str, typed: Convert) -> Convert:
    """Return a conversion that takes the first group of a pattern, typed as the registry says."""
    pattern = re.compile(argument)

    def pick(raw: str) -> Any:
        found = pattern.search(raw)
        return None if found is None or not found[1] else typed(found[1].strip())

    return pick


def _find_name(argument: str, _: Convert) -> Convert:
    return _find(argument, last)


def _find_account(argument: str, _: Convert) -> Convert:
    return _find(argument, account)


def _find_domain(argument: str, _: Convert) -> Convert:
    return _find(argument, domain)


PATTERNS: dict[str, Callable[[str, Convert], Convert]] = {
    "find": _find,
    "find-name": _find_name,
    "find-account": _find_account,
    "find-domain": _find_domain,
}
"""`find PATTERN`: the first group of a regular expression; `find-name`: its last path component; the others: of an account."""
TYPED: dict[str, Convert] = {"long": number, "ip": address, "date": time}
FORMS: dict[str, Convert] = {
    "name": last,
    "account": account,
    "domain": domain,
    "time": time,
    "md5": _hash("MD5"),
    "sha1": _hash("SHA1"),
    "sha256": _hash("SHA256"),
    "endpoint": endpoint,
    "endpoint-port": endpoint_port,
    "computer": computer,
    "host": host,
    "unc-address": unc_address,
    "principal": principal,
    "file": file_object,
    "key": key_object,
    "logon": logon,
    "status": status,
    "insertion": insertion,
    "subcategory": subcategory,
    "unquoted": unquoted,
    "kerberos": kerberos,
    "transport": transport,
    "direction": direction,
    "outcome": outcome,
}
