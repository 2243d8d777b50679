"""Hives whose cells lie: what a removal would free or write belongs to something else as well. It is refused; all else can be removed."""

from __future__ import annotations

from collections.abc import Callable
from struct import pack_into, unpack_from

import pytest

from hunter.hives.editor import HiveEditor
from hunter.unsafe import UnsafeError
from tests.hunter.hive_readers import by_python_registry
from tests.hunter.test_hive_editor import TIME, small

RUN, KEYS = "Software\\Run", "Software\\Keys"
DATA, LENGTH, VALUE_COUNT, VALUE_LIST, SECURITY, CLASS, CLASS_LENGTH = 8, 4, 36, 40, 44, 48, 74
"""places of fields in the content of a value (the first two) and of a key"""


class Forgery:
    """The bytes of a hive, and where its cells are: values of Run, keys of Keys."""

    def __init__(self) -> None:
        self.data = bytearray(small())
        hive = HiveEditor(bytes(self.data))
        self.run, keys = hive.find(RUN), hive.find(KEYS)
        self.values, self.keys = hive.value_cells(self.run), hive.subkeys(keys)
        self.below = hive.subkeys(self.keys[5])[0]

    def get(self, cell: int, field: int) -> int:
        return unpack_from("<I", self.data, 4100 + cell + field)[0]

    def put(self, cell: int, field: int, value: int, form: str = "<I") -> None:
        pack_into(form, self.data, 4100 + cell + field, value)

    def data_at(self, offset: int, size: int) -> None:
        """Let the data of value 3 be there."""
        self.put(self.values[3], DATA, offset)
        self.put(self.values[3], LENGTH, size)


def data_of_another_value(forged: Forgery) -> None:
    forged.data_at(forged.get(forged.values[4], DATA), 8)


def cell_of_a_key(forged: Forgery) -> None:
    forged.data_at(forged.keys[5], 16)


def item_of_security(forged: Forgery) -> None:
    forged.data_at(forged.get(forged.run, SECURITY), 16)


def within_the_data_of_another_value(forged: Forgery) -> None:
    cell = forged.get(forged.values[4], DATA)
    forged.put(cell, 4, -16, "<i")  # there the content looks like the size of a cell in use
    forged.data_at(cell + 8, 8)


def list_of_another_key(forged: Forgery) -> None:
    forged.put(forged.below, VALUE_COUNT, forged.get(forged.run, VALUE_COUNT))
    forged.put(forged.below, VALUE_LIST, forged.get(forged.run, VALUE_LIST))


def class_in_a_value(forged: Forgery) -> None:
    forged.put(forged.keys[5], CLASS, forged.get(forged.values[4], DATA))
    forged.put(forged.keys[5], CLASS_LENGTH, 8, "<H")


FORGED: dict[Callable[[Forgery], None], tuple[set[str], set[str]]] = {
    data_of_another_value: ({"value 3", "value 4"}, {"big", "key 05", "key 06"}),
    cell_of_a_key: ({"value 3", "key 05"}, {"value 4", "big", "key 06"}),
    item_of_security: ({"value 3"}, {"value 4", "big", "key 05", "key 06"}),
    within_the_data_of_another_value: ({"value 3"}, {"value 4", "big", "key 05", "key 06"}),
    list_of_another_key: ({"value 3", "big", "key 05"}, {"key 06"}),
    class_in_a_value: ({"value 4", "key 05"}, {"value 3", "big", "key 06"}),
}
"""what was forged → what may not be removed, and what may"""


def removed(data: bytes, name: str) -> bytes:
    hive = HiveEditor(data)
    if name.startswith("key"):
        hive.remove_key(hive.find(f"{KEYS}\\{name}"))
    else:
        hive.remove_value(hive.find(RUN), name)
    return hive.done(9, TIME)


@pytest.mark.parametrize("forge", FORGED, ids=lambda forge: forge.__name__)
def test_a_cell_with_two_owners_is_not_freed(forge, tmp_path) -> None:
    forged = Forgery()
    forge(forged)
    data = bytes(forged.data)
    refused, sound = FORGED[forge]
    for name in refused:
        with pytest.raises(UnsafeError, match="belongs to something else too"):
            removed(data, name)
    (tmp_path / "hive").write_bytes(data)
    before = set(by_python_registry(tmp_path / "hive"))
    for name in sound:
        (tmp_path / "hive").write_bytes(removed(data, name))
        gone = {path for path in before if name.startswith("key") and f"\\{name}" in path}
        assert set(by_python_registry(tmp_path / "hive")) == before - gone
