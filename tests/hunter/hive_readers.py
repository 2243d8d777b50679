"""The contents of a hive as three readers that are not the project's see them: hivex, libregf, python-registry."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pyregf
from Registry import Registry

Dump = dict[str, Any]
"""path of each key → its last write and its values, in the order of the hive"""


def by_hivex(hive: Path) -> Dump:
    done = subprocess.run(
        ["/usr/bin/python3", str(Path(__file__).with_name("dump_hive.py")), str(hive)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def by_libregf(hive: Path) -> Dump:
    file, found = pyregf.file(), {}
    file.open(str(hive))
    stack = [(file.get_root_key(), "")]
    while stack:
        key, path = stack.pop()
        values = [(v.get_name() or "", v.get_type(), v.get_data()) for v in key.values]
        found[path] = (key.get_last_written_time_as_integer(), key.is_corrupted(), key.get_class_name(), values)
        stack += [(each, f"{path}\\{each.get_name()}") for each in key.sub_keys]
    file.close()
    return found


def by_python_registry(hive: Path) -> Dump:
    """With the security descriptor of each key."""
    found = {}
    stack = [(Registry.Registry(str(hive)).root(), "")]
    while stack:
        key, path = stack.pop()
        nk = key._nkrecord
        security = nk.sk_record()
        size = security.unpack_dword(16)
        descriptor = bytes(security.unpack_binary(20, size))
        values = [(v.name(), v.value_type(), v.raw_data()) for v in key.values()]
        found[path] = (nk.unpack_qword(4), descriptor, values)
        stack += [(each, f"{path}\\{each.name()}") for each in key.subkeys()]
    return found


READERS = {"hivex": by_hivex, "libregf": by_libregf, "python-registry": by_python_registry}


def everything(hive: Path) -> dict[str, Dump]:
    """What each of them sees."""
    return {name: read(hive) for name, read in READERS.items()}


def changed_keys(before: dict[str, Dump], after: dict[str, Dump]) -> set[str]:
    """The keys that differ for one of them."""
    return {key for name in before for key in before[name].keys() | after[name].keys() if before[name].get(key) != after[name].get(key)}
