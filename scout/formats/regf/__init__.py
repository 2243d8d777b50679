r"""Registry hives (regf): keys and values of one hive from bytes, with its transaction logs replayed. A path opens without a walk.

    hive = Hive.open(data, [log1, log2])
    for value in hive.find(r"Microsoft\Windows\CurrentVersion\Run").values(): value.name, value.strings

Hives are hostile: every offset and count is checked, nothing is read twice in one list, and the work of one `view` is bounded by the size
of the hive. Damage is recorded in `Hive.damage`, and the rest is read.

Source: "Windows registry file format specification", M. Suhanov, sections "Base block" to "Data segment".
"""

from __future__ import annotations

from scout.formats.regf.cells import BadHive
from scout.formats.regf.hive import Hive
from scout.formats.regf.keys import Key, Value

__all__ = ["BadHive", "Hive", "Key", "Value"]
