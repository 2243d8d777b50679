r"""Boot configuration (BCD): what the boot manager starts, and switches such as test signing."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, each_key, registry_artefact
from scout.formats.regf import Key, Value
from scout.formats.shell.folders import guid

_LIBRARY = {
    0x11000001: "device",
    0x12000002: "path",
    0x12000004: "description",
    0x12000005: "locale",
    0x12000030: "loadoptions",
    0x14000006: "inherit",
    0x14000008: "recoverysequence",
    0x15000047: "configaccesspolicy",
    0x16000009: "recoveryenabled",
    0x16000010: "bootdebug",
    0x16000048: "nointegritychecks",
    0x16000049: "testsigning",
    0x16000060: "isolatedcontext",
}
_MANAGER = {
    0x23000003: "default",
    0x23000006: "resumeobject",
    0x24000001: "displayorder",
    0x24000010: "toolsdisplayorder",
    0x25000004: "timeout",
}
_LOADER = {
    0x21000001: "osdevice",
    0x22000002: "systemroot",
    0x22000011: "kernel",
    0x22000012: "hal",
    0x23000003: "resumeobject",
    0x25000020: "nx",
    0x25000021: "pae",
    0x25000080: "safeboot",
    0x250000C2: "bootmenupolicy",
    0x250000E0: "bootstatuspolicy",
    0x250000F0: "hypervisorlaunchtype",
    0x26000010: "detecthal",
    0x260000A0: "debug",
}
_RESUME = {0x21000001: "filedevice", 0x22000002: "filepath"}
_BY_TYPE = {0x10100002: _LIBRARY | _MANAGER, 0x10200003: _LIBRARY | _LOADER, 0x10200004: _LIBRARY | _RESUME}
"""type of an entry → element → name, as bcdedit shows it; other entries have the elements of the library only"""


def _device(raw: bytes) -> str:
    """Return the partition and disk of a device on a GPT disk; '' for other devices."""
    if len(raw) < 72 or int.from_bytes(raw[16:20], "little") != 6 or int.from_bytes(raw[52:56], "little") != 0:
        return ""
    return f"partition {guid(raw[32:48]).lower()} of disk {guid(raw[56:72]).lower()}"


def _shown(kind: int, value: Value) -> str:
    """Return the data of an element: text, list, device, number or switch by the format digit of its type."""
    if value.strings:
        return ", ".join(value.strings)
    raw = value.raw
    form = kind >> 24 & 0xF
    if form == 6 and raw:
        return "yes" if raw[0] else "no"
    if form == 5 and len(raw) <= 8:
        return str(int.from_bytes(raw, "little"))
    return (_device(raw) if form == 1 else "") or f"hex:{raw[:64].hex()}"


def _entry(_: At, key: Key) -> dict[str, Any] | None:
    description, elements = key.subkey("Description"), key.subkey("Elements")
    kind = description.value("Type") if description else None
    if kind is None or kind.number is None:
        return None
    made: dict[str, Any] = {"escadre.boot.object": key.name, "escadre.boot.type": f"0x{kind.number:08X}"}
    names, rest = _BY_TYPE.get(kind.number, _LIBRARY), []
    for element in elements.subkeys() if elements else ():
        value = element.value("Element")
        if value is None or len(element.name) != 8 or not element.name.isalnum():
            continue
        try:
            number = int(element.name, 16)
        except ValueError:
            continue
        shown = _shown(number, value)
        if number == 0x12000002:
            made["file.path"] = shown
        elif number == 0x12000004:
            made["escadre.description"] = shown
        else:
            rest.append(f"{names.get(number, element.name)}={shown}")
    return made | ({"escadre.settings": rest} if rest else {})


ARTEFACT, parse, expected = registry_artefact(
    name="boot_configuration",
    title="Boot configuration",
    about="Entries of the boot configuration: boot managers, loaders of Windows, tools. Shows test signing, switched-off integrity "
    "checks, debug and safe boot, recovery switched off (as ransomware does), and loaders that are not of Windows.",
    proves_not="That an entry was started: `default` and `displayorder` of the boot manager say which one is.",
    keys=(r"Objects\*",),
    files=("**/BCD", "**/BCD-Template"),
    targets=("WR01",),
    read=each_key(_entry),
    fields=("escadre.boot.object", "escadre.boot.type", "escadre.description", "escadre.settings", "file.path"),
    times={"@timestamp": "last write of the entry's key, which is often that of the installation"},
    category=("configuration",),
    action="boot-entry-observed",
    attack=("T1542.003", "T1490", "T1553.006"),
    message="The boot entry [{escadre.description!q}|{escadre.boot.object}] starts [{file.path!q}|no file][ with {escadre.settings!q}].",
    sources=("BCD System Store Settings and BcdLibraryElementTypes, Microsoft Learn",),
)
