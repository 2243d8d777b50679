r"""Values of the registry from which Windows or its parts start something, as the persistence table names them."""

from __future__ import annotations

from typing import Any

from commodore.persistence.places import ROWS_FIELD, key_patterns, rows_of_value
from commodore.registry import COMMAND_FIELDS, At, each_value, registry_artefact
from scout.formats.regf import Value

_TEXTS = (1, 2)
"""REG_SZ and REG_EXPAND_SZ, which may hold a command line"""


def _value(at: At, value: Value) -> dict[str, Any] | None:
    rows = rows_of_value(at.found.path, value.name, user=at.hive.at.path.startswith("HKU\\"), beside=at.found.key.value)
    if not rows:
        return None
    text = value.text if value.kind in _TEXTS else value.disguised
    return {ROWS_FIELD: list(rows), **(at.command(text) if text else {})}


ARTEFACT, parse, expected = registry_artefact(
    name="autostart_values",
    title="Registry values that start something",
    about="Values of the places that the persistence table names, one record each: session manager, LSA, print, network and logon "
    "providers, debuggers, shell extensions, Office, and settings that an intruder changes. Some of them are also in datasets that "
    "describe a complete key (`session_manager`, `lsa`, `print_components`): the table judges one value, and these records have its type, "
    "bytes and rows.",
    proves_not="That what the value names was ever loaded or started, or when the value was set: all values of a key share one time.",
    keys=key_patterns(),
    read=each_value(_value, data=True),
    fields=(ROWS_FIELD, *COMMAND_FIELDS),
    needs=("system_root",),
    category=("registry", "configuration"),
    action="registry-value-observed",
    attack=("T1547", "T1546"),
    message="The value {registry.path!q} [holds {registry.data.strings!q}|is of type {registry.data.type}].",
    sources=("commodore/persistence/rows/windows: each row names the sources of its place",),
)
