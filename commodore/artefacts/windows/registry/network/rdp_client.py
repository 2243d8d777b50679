r"""Remote Desktop client: hosts that a user connected to, with the account name."""

from __future__ import annotations

import re
from typing import Any

from commodore.readers.hives.typed import setting
from commodore.registry import At, each_value, registry_artefact
from commodore.registry.mru import MRU_FIELDS, placed
from commodore.registry.remote import end_point
from scout.formats.regf import Value

_IDENTITY = re.compile(r"\{?[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\}?")
_CLIENT = r"Software\Microsoft\Terminal Server Client"


def _host(at: At, value: Value) -> dict[str, Any] | None:
    if at.parts[-1].lower() == "default":
        number = value.name[3:]
        if not value.name.upper().startswith("MRU") or not number.isdecimal():
            return None
        return placed(at, int(number)) | end_point(value.text)
    if at.parts[-1].lower() == "localdevices":
        host = {} if _IDENTITY.fullmatch(value.name) else end_point(value.name)
        return host | {"escadre.settings": [setting(value)], "@timestamp": None} if value.number is not None else None
    return end_point(at.parts[-1]) | {"user.target.name": value.text or None} if value.name.lower() == "usernamehint" else None


ARTEFACT, parse, expected = registry_artefact(
    name="rdp_client",
    title="Hosts reached by Remote Desktop",
    about="Hosts that a user typed into the Remote Desktop client (Default, the last one first), and the account that was used for each "
    "(Servers), and the hosts that were allowed to use devices of this one, such as drives and clipboard (LocalDevices; the number has a "
    "bit for each kind). Shows where an intruder went from this host.",
    proves_not="That the logon succeeded: an entry is made when the connection is begun.",
    keys=(f"{_CLIENT}\\Default", f"{_CLIENT}\\Servers\\*", f"{_CLIENT}\\LocalDevices"),
    read=each_value(_host),
    fields=(*MRU_FIELDS, "destination.address", "destination.port", "user.target.name", "escadre.settings"),
    times={
        "@timestamp": "last write of the key: of a server its first use or a change of the account; in the list only of the first host, "
        "of LocalDevices none"
    },
    category=("network", "session"),
    action="remote-host-observed",
    attack=("T1021.001",),
    message="[{user.name}|The user] connected to [{destination.address!q}|a host that is not named][, port {destination.port},] by "
    "Remote Desktop[ as {user.target.name!q}][, at {@timestamp}].",
    version=3,
    sources=(
        "Removing entries from the Remote Desktop Connection Computer box, Microsoft KB 312169",
        "Terminal Server Client key, libyal winreg-kb",
    ),
)
