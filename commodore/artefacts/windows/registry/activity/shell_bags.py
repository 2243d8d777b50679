r"""ShellBags: folders that a user opened or saw in Explorer, also on disks, shares and phones that are gone."""

from __future__ import annotations

from typing import Any

from commodore.registry import VALUE_FIELDS, At, KeyReading, Made, Problem, registry_artefact
from commodore.registry.mru import MRU_FIELDS, MRU_TIMES, order, placed
from commodore.registry.shell import SHELL_FIELDS, SHELL_SOURCES, SHELL_TIMES, item_fields
from scout.formats.regf import Key, Value
from scout.formats.regf.patterns import FoundKey
from scout.formats.shell.items import ShellItem, shell_items


def _prepared(found: FoundKey) -> tuple[dict[str, int], dict[str, Key]]:
    return order(found.key), {key.name: key for key in found.key.subkeys()}


def _bag(at: At, value: Value) -> Made:
    """Return the folder of one value: the folders of the key's own path, and the item of the value behind them."""
    places, children = at.prepared
    try:
        items = shell_items(value.raw)
        path: list[ShellItem] = [*at.hive.memo.get(at.found.key.offset, []), *items]
        made: dict[str, Any] = item_fields(at, path)
    except ValueError as error:
        return [Problem(str(error), value.name, lost=1)]
    if (node := children.get(value.name)) is not None:
        at.hive.memo[node.offset] = path
        slot = node.value("NodeSlot")
        made |= {"escadre.shell.node_written": node.last_written or None, "escadre.shell.node_slot": slot.number if slot else None}
    return placed(at, places.get(value.name)) | made


_ROOTS = (
    r"Software\Microsoft\Windows\Shell\BagMRU\**",
    r"Software\Microsoft\Windows\ShellNoRoam\BagMRU\**",
    r"Software\Classes\Local Settings\Software\Microsoft\Windows\Shell\BagMRU\**",
    r"Software\Classes\Local Settings\Software\Microsoft\Windows\ShellNoRoam\BagMRU\**",
)

ARTEFACT, parse, expected = registry_artefact(
    name="shell_bags",
    title="ShellBags",
    about="Folders that a user saw in Explorer or in a dialog to open or save files, with the path as Explorer knows it, and the times "
    "that each folder had when it was recorded. They stay when the folder, disk, share or phone is gone.",
    proves_not="That a file in the folder was opened, or that the folder is still there. The file times are those of the folder when "
    "it was recorded, not of the visit. Upgrades of Windows and some programs write many entries at once.",
    keys=_ROOTS,
    read=KeyReading(
        _bag, (*VALUE_FIELDS, *MRU_FIELDS), lambda key: (value for value in key.values() if value.name.isdecimal()), None, _prepared
    ),
    fields=(*SHELL_FIELDS, "escadre.shell.node_slot", "escadre.shell.node_written"),
    times=MRU_TIMES
    | SHELL_TIMES
    | {"escadre.shell.node_written": "last write of the folder's own key: first visit, or the last one to a folder in it"},
    category=("file",),
    type=("access",),
    action="folder-view-observed",
    attack=("T1083",),
    message="[{user.name}|The user] saw the folder {escadre.shell.path!q} in Explorer[, last at {@timestamp}].",
    version=3,
    sources=(*SHELL_SOURCES, "Using shellbag information to reconstruct user activities, Y. Zhu, P. Gladyshev, J. James"),
)
