"""authorized_keys: public keys that may log in over ssh, with the options that restrict them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.lines import Line, beginnings, each, fields, locator, shortened, text

ARTEFACT = Artefact(
    name="authorized_keys",
    title="Authorised ssh keys",
    about="One record per key: type, SHA256 fingerprint, comment, forced command and other options, and the account that it can log in to. "
    "An attacker who adds a key can come back without a password.",
    match=(
        "**/authorized_keys",
        "**/authorized_keys2",
        "etc/ssh/authorized_keys/**",
        "etc/ssh/authorized_keys.d/**",
        "etc/ssh/keys/**",
        "ProgramData/ssh/administrators_authorized_keys",
    ),
    taken_in=True,
    targets=("LF11", "WP07"),
    needs=("profiles",),
    fields=(
        "escadre.line",
        "escadre.line_bytes",
        "escadre.line_length",
        "escadre.line_number",
        "escadre.line_hidden",
        "escadre.ssh.key_type",
        "escadre.ssh.fingerprint",
        "escadre.ssh.comment",
        "escadre.settings",
        "process.env_vars",
        "file.path",
        "user.name",
        "process.command_line",
    ),
    kind="state",
    category=("configuration", "iam"),
    type=("info",),
    action="ssh-key-observed",
    attack=("T1098.004",),
    message="The {escadre.ssh.key_type} key[ {escadre.ssh.fingerprint}][ ({escadre.ssh.comment})] may log in as {user.name!q}.",
    version=3,
    sources=(
        "sshd(8), section AUTHORIZED_KEYS FILE FORMAT",
        "RFC 4253 section 6.6 (public key blob); ssh-keygen(1) -l (SHA256 fingerprint: base64 without padding)",
    ),
)

_TYPE = re.compile(
    r"(?:sk-)?(?:ssh-(?:rsa|dss|ed25519|ed448|xmss)|ecdsa-sha2-nistp\d+|rsa-sha2-\d+)(?:-cert-v\d\d)?(?:@openssh\.com)?|"
    r"webauthn-sk-ecdsa-sha2-nistp256@openssh\.com"
)
_BLANK = " \t\r\n\0"
_WORD = re.compile(r"[^ \t]*")
"""sshd ends a word at a blank or tab; any other white space is part of it"""
_OPTION = re.compile(r"([A-Za-z0-9@.\-]+)(?:=\"((?:[^\"\\]|\\.)*)\"?|=([^,\s]*))?")
_KEY = re.compile(r"(\S+)[ \t]+([A-Za-z0-9+/]+=*)(?:[ \t]+(.*))?", re.DOTALL)
_OLD = re.compile(r"(\d{3,5})[ \t]+(\d+)[ \t]+(\d{10,})(?:[ \t]+(.*))?", re.DOTALL)


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    return each(evidence, partial(_entry, base={"user.name": account(evidence.source, host), "file.path": evidence.source}))


def _entry(line: Line, base: dict[str, Any]) -> Iterator[Record | Problem]:
    bare = text(line.raw).strip(_BLANK)
    if not bare or bare.startswith("#"):
        return
    yield from shortened(line)
    found = _read(bare)
    if isinstance(found, str):
        yield Problem(f"{found}; sshd ignores the line", locator(line), 1)
    else:
        yield Record(locator(line), fields(line) | found | base)


def expected(evidence: Evidence) -> int:
    """Count the lines that are neither blank nor comment."""
    return sum(1 for line in beginnings(evidence) if (bare := line.strip(b" \t\r\n\0")) and not bare.startswith(b"#"))


def account(source: str, host: Host) -> str:
    """Return the account of a key file: the owner of the home directory, the file's name under /etc/ssh, else the name of the home."""
    path = source.replace("\\", "/")
    home = path.rsplit("/.ssh/", 1)[0] or "/"
    if "/.ssh/" not in path:
        folder, _, name = path.rpartition("/")
        if name == "administrators_authorized_keys":
            return "administrators"
        if (owner := _owner(folder, host)) is not None:  # AuthorizedKeysFile .keys
            return owner
        last = folder.rsplit("/", 1)[-1]  # %u/authorized_keys, or %u
        return {"dropbear": "root", "ssh": "every user"}.get(last, last) if name.startswith("authorized_keys") else name
    owner = _owner(home, host)
    return home.rsplit("/", 1)[-1] if owner is None else owner


def _owner(home: str, host: Host) -> str | None:
    """Return the account with this home, None where no account has it."""
    places = ((name, profile.replace("\\", "/").rstrip("/")) for name, profile in host.profiles.items())
    return next((name for name, place in places if place == home.rstrip("/")), None)


def _word(bare: str) -> str:
    found = _WORD.match(bare)
    return found[0] if found else ""


def _read(bare: str) -> dict[str, Any] | str:
    """Return the fields of a key line, or the reason why it is no key."""
    if _TYPE.fullmatch(_word(bare)):
        return _key(bare)
    if old := _OLD.fullmatch(bare):
        return {"escadre.ssh.key_type": "ssh1-rsa", "escadre.ssh.comment": old[4] or ""}
    options, rest = _options(bare)
    if not rest:
        return "line has no key"
    key = _key(rest)
    return key if isinstance(key, str) else key | _bound(options)


def _options(bare: str) -> tuple[list[tuple[str, str, str]], str]:
    """Return ([(as written, name, value)], rest of the line). Options end at the first blank outside of quotes."""
    found, at = [], 0
    while match := _OPTION.match(bare, at):
        value = match[2].replace('\\"', '"') if match[2] is not None else match[3] or ""
        found.append((match[0], match[1].lower(), value))
        at = match.end()
        if bare[at : at + 1] != ",":
            break
        at += 1
    return found, bare[at:].strip(" \t") if bare[at : at + 1] in (" ", "\t") else ""


def _bound(options: list[tuple[str, str, str]]) -> dict[str, Any]:
    out: dict[str, Any] = {"escadre.settings": [written for written, _, _ in options]}
    for _, name, value in options:
        if name == "command":
            out["process.command_line"] = value
        elif name == "environment":
            out.setdefault("process.env_vars", []).append(value)
    return out


def _key(bare: str) -> dict[str, Any] | str:
    found = _KEY.fullmatch(bare)
    if not found or not _TYPE.fullmatch(found[1]):
        return "line has no key of a known type"
    try:
        blob = base64.b64decode(found[2] + "=" * (-len(found[2].rstrip("=")) % 4) if "=" not in found[2] else found[2], validate=True)
    except (binascii.Error, ValueError):
        return "key is no base64"
    size = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + size] != found[1].encode():
        return f"the line names the type {found[1]}, the key is of another type"
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    comment = (found[3] or "").strip()
    return {"escadre.ssh.key_type": found[1], "escadre.ssh.fingerprint": f"SHA256:{digest}", "escadre.ssh.comment": comment}
