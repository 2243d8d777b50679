"""Plant the variants of `registry_values.yaml`: values from which Windows starts something."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests import yamls

if TYPE_CHECKING:
    from tests.range.plants import Planter

ROWS = yamls.read(Path(__file__).with_suffix(".yaml"))
HIVES = {
    "SOFTWARE": "Windows/System32/config/SOFTWARE",
    "SYSTEM": "Windows/System32/config/SYSTEM",
    "USER": "Users/agnes/NTUSER.DAT",
    "CLASSES": "Users/agnes/AppData/Local/Microsoft/Windows/UsrClass.dat",
}


def plant(p: Planter, host: str, number: int, *, guilty: bool) -> None:
    """Plant the `number`th variant of every row on a host."""
    for row, place in ROWS.items():
        word = p.word()
        variant = place["guilty" if guilty else "odd"][number]
        whole = variant if isinstance(variant, dict) else {**place, "data": variant}
        key, name, data = whole["key"].replace("<word>", word), whole["value"].replace("<word>", word), whole["data"]
        text = "\0".join([*data, ""]) if isinstance(data, list) else data
        p.value(host, HIVES[whole["hive"]], key, name, whole["type"], text.replace("<word>", word))
        marked = "<word>" in f"{whole['key']}{whole['value']}{whole['data']}"
        for other in whole.get("also", ()):
            p.note(other, host, guilty, word)
        p.note(row, host, guilty, word if marked else name or key.rpartition("\\")[2], place.get("least", "high"))
