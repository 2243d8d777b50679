r"""PuTTY and WinSCP: saved sessions and known host keys, without secrets."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from commodore.registry import KEY_FIELDS, At, KeyReading, registry_artefact
from scout.formats.regf import Key, Value

_SETTINGS = ("protocol", "fsprotocol", "publickeyfile", "proxyhost", "proxyport", "portforwardings", "logfilename", "remotecommand")
_HOST_KEY = re.compile(r"(?P<kind>[^@]+)@(?P<port>\d+):(?P<host>.+)")


def _session(_: At, element: Key | Value) -> dict[str, Any] | None:
    if isinstance(element, Value):
        found = _HOST_KEY.fullmatch(element.name)
        if found is None:
            return None
        return {
            "destination.address": found["host"],
            "destination.port": int(found["port"]) if int(found["port"]) < 65536 else None,
            "escadre.settings": [f"KnownHostKey={found['kind']}"],
        }
    port = element.value("PortNumber")
    rest = [f"{v.name}={v.text}" for v in element.values() if v.name.lower() in _SETTINGS and v.text]
    made = {
        "escadre.saved.session": unquote(element.name),
        "destination.address": element.text("HostName") or None,
        "destination.port": port.number if port else None,
        "user.target.name": element.text("UserName") or None,
        "escadre.settings": rest or None,
    }
    return made if made["destination.address"] or rest or element.value_count else None


def _elements(key: Key) -> Any:
    """Return the sessions below a key of sessions, the values of one of host keys."""
    return key.values() if key.name.lower() == "sshhostkeys" else key.subkeys()


ARTEFACT, parse, expected = registry_artefact(
    name="ssh_clients",
    title="PuTTY and WinSCP: sessions and known hosts",
    about="Saved sessions of PuTTY and WinSCP (host, port, account, key file, proxy, forwarded ports), and hosts whose key was "
    "accepted. No passwords, not even stored ones, and no keys are read.",
    proves_not="That a logon succeeded. A host key shows only that the user went as far as to accept it.",
    keys=(
        r"Software\SimonTatham\PuTTY\Sessions",
        r"Software\SimonTatham\PuTTY\SshHostKeys",
        r"Software\Martin Prikryl\WinSCP 2\Sessions",
        r"Software\Martin Prikryl\WinSCP 2\SshHostKeys",
    ),
    read=KeyReading(_session, (*KEY_FIELDS, "registry.value"), _elements, None),
    fields=("escadre.saved.session", "destination.address", "destination.port", "user.target.name", "escadre.settings"),
    times={"@timestamp": "last write of the key: when the session was last saved; of host keys, when the last one was accepted"},
    category=("network", "session"),
    action="remote-host-observed",
    attack=("T1021.004", "T1048"),
    message="[{user.name}|The user] has [the saved session {escadre.saved.session!q}|a known host key][ of {destination.address!q}]"
    "[, port {destination.port}][, account {user.target.name!q}].",
    sources=("PuTTY User Manual, section 4.33 Storing configuration in a file", "WinSCP documentation, Raw Settings"),
)
