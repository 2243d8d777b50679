r"""MountPoints2 and mapped drives: volumes and shares that a user reached."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, each_key, registry_artefact
from scout.formats.regf import Key

_POINTS = r"Software\Microsoft\Windows\CurrentVersion\Explorer\MountPoints2"


def _point(at: At, key: Key) -> dict[str, Any] | None:
    name = key.name
    if at.parts[0].lower() == "network":  # a drive letter that stays
        remote = key.text("RemotePath")
        return {"escadre.volume.mount_point": f"{name}:", "file.path": remote or None, "user.target.name": key.text("UserName") or None}
    if name.upper() == "CPC":
        return None
    if name.startswith("##"):
        server, _, share = name[2:].partition("#")
        share = share.replace("#", "\\")
        return {"escadre.volume.mount_point": name, "file.path": f"\\\\{server}\\{share}", "destination.address": server}
    return {"escadre.volume.mount_point": name}


ARTEFACT, parse, expected = registry_artefact(
    name="mount_points",
    title="Volumes and shares that a user reached",
    about="MountPoints2: volumes (by the id that MountedDevices also has), drive letters and shares that Explorer showed to a user. "
    "Network: drive letters that a user keeps for a share, with the account that is used.",
    proves_not="That a file was opened, or that the user's own hand made the connection: logon scripts map drives too.",
    keys=(f"{_POINTS}\\*", r"Network\*"),
    read=each_key(_point),
    fields=("escadre.volume.mount_point", "file.path", "destination.address", "user.target.name"),
    times={"@timestamp": "last write of the entry's key: as a rule the last time that the volume or share was reached"},
    category=("host", "network"),
    action="volume-use-observed",
    attack=("T1021.002", "T1135"),
    message="[{user.name}|The user] reached [{file.path!q}|the volume {escadre.volume.mount_point}][, last at {@timestamp}].",
    sources=("MountPoints2 key, libyal winreg-kb",),
)
