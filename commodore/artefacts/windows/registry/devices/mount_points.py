r"""MountPoints2 and network drives: volumes and shares that a user reached."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, Made, Part, each_key, registry_artefact
from commodore.registry.mru import MRU_FIELDS, entries, order, placed
from commodore.registry.remote import server
from scout.formats.regf import Key

_EXPLORER = r"Software\Microsoft\Windows\CurrentVersion\Explorer"
_POINTS, _LIST = f"{_EXPLORER}\\MountPoints2", f"{_EXPLORER}\\Map Network Drive MRU"


def _point(at: At, key: Key) -> Made:
    name = key.name
    if at.parts[0].lower() == "network":  # a drive letter that stays
        drive = {"escadre.volume.mount_point": f"{name}:", "user.target.name": key.text("UserName") or None}
        return drive | _share(key.text("RemotePath"))
    if at.found.path.lower() == _LIST.lower():
        places = order(key)
        return [Part(value.name, placed(at, places.get(value.name)) | _share(value.text)) for value in entries(key)]
    if name.upper() == "CPC":
        return None
    if name.startswith("##"):
        return {"escadre.volume.mount_point": name} | _share(name.replace("#", "\\"))
    return {"escadre.volume.mount_point": name}


def _share(path: str) -> dict[str, Any]:
    return {"file.path": path or None} | server(path)


ARTEFACT, parse, expected = registry_artefact(
    name="mount_points",
    title="Volumes and shares that a user reached",
    about="MountPoints2: volumes (by the id that MountedDevices also has), drive letters and shares that Explorer showed to a user. "
    "Network: drive letters that a user keeps for a share, with the account that is used. Map Network Drive MRU: shares that were typed "
    "into the window for network drives, the last one first.",
    proves_not="That a file was opened, or that the user's own hand made the connection: logon scripts map drives too.",
    keys=(f"{_POINTS}\\*", r"Network\*", _LIST),
    read=each_key(_point),
    fields=("escadre.volume.mount_point", "file.path", "destination.address", "destination.port", "user.target.name", *MRU_FIELDS),
    times={
        "@timestamp": "last write of the entry's key: as a rule the last time that the volume or share was "
        "reached; of a list only for its first entry"
    },
    category=("host", "network"),
    action="volume-use-observed",
    attack=("T1021.002", "T1135"),
    message="[{user.name}|The user] reached [{file.path!q}|the volume {escadre.volume.mount_point}][, last at {@timestamp}].",
    version=2,
    sources=("MountPoints2 key, libyal winreg-kb",),
)
