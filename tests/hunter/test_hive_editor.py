"""Hives are changed cell by cell: three readers that are not the project's see the meant change, and nothing else."""

from __future__ import annotations

import os
import random
from pathlib import Path
from struct import pack_into

import pytest

from fixtures.hives.writer import Image, Key, made
from hunter.hives.editor import HiveEditor
from hunter.hives.proof import prove
from hunter.hives.records import ValueRecord, packed, unpacked_key, unpacked_value
from hunter.unsafe import UnsafeError
from tests.conftest import ROOT, need
from tests.hunter.hive_readers import by_libregf, by_python_registry, changed_keys, everything
from tests.range import plants

TIME = 132_000_000_000_000_000


def small() -> bytes:
    root = Key("ROOT", TIME)
    run = root.at("Software\\Run")
    for n in range(5):
        run.values.append(made(f"value {n}", "x" * (n * 9)))
    run.values.append(made("big", "y" * 30_000))
    for n in range(40):
        root.at(f"Software\\Keys\\key {n:02d}\\below").put(Text="z" * n)
    data = bytearray(Image(root, TIME, "NTUSER.DAT", 100).hive(dirty=False))
    item = data.index(b"sk") - 4 - 4096  # the one security item: a ring of itself, with as many references as there are keys
    keys = sum(1 for at in range(4096, len(data) - 4, 8) if data[at + 4 : at + 6] == b"nk")
    pack_into("<III", data, 4096 + item + 8, item, item, keys)
    return bytes(data)


def real() -> list[Path]:
    """Hives of real machines, complete and clean."""
    place = Path(os.environ.get("ESCADRE_CORPUS") or ROOT / ".corpus") / "hives/log2timeline+plaso/test_data"
    need(place.is_dir(), "the corpus")
    names = ("NTUSER-WIN7.DAT", "NTUSER-RunTests.DAT", "NTUSER-CCLEANER.DAT", "regf/NTUSER.DAT")
    return [place / name for name in names]


def every_key(hive: HiveEditor) -> list[int]:
    found, stack = [], [hive.root]
    while stack:
        key = stack.pop()
        found.append(key)
        stack += hive.subkeys(key)
    return found


def see(data: bytes, at: Path) -> dict:
    at.write_bytes(data)
    return {"libregf": by_libregf(at), "python-registry": by_python_registry(at)}


@pytest.mark.parametrize("seed", range(2))
def test_what_is_removed_and_put_back_is_byte_for_byte_the_same_but_for_the_base_block(seed, tmp_path) -> None:
    for source in (small(), *(path.read_bytes() for path in real())):
        hive, chance = HiveEditor(source), random.Random(seed)
        keys = every_key(hive)
        for _ in range(25):
            key = chance.choice(keys)
            values = hive.values(key)
            if values and chance.random() < 0.5:
                record = unpacked_value(packed(chance.choice(values)))
                hive.remove_value(key, record.name)
                assert hive.value(key, record.name) is None
                hive.put_value(key, record)
            elif key != hive.root and not hive.removable(key):
                record, parent = unpacked_key(packed(hive.key(key))), hive.field(key, 16)
                hive.remove_key(key)
                assert hive.subkey(parent, record.name) is None
                assert hive.key(hive.put_key(parent, record)).facts() == record.facts()
        after = hive.done(7, TIME)
        assert after[4096:] == source[4096:]
        prove(source, after, hive.cells.written)


def test_only_what_is_meant_changes_for_independent_readers(tmp_path) -> None:
    chance = random.Random(11)
    for source in (small(), *(path.read_bytes() for path in real())):
        before = see(source, tmp_path / "hive")
        for _ in range(2):
            hive = HiveEditor(source)
            keys = [key for key in every_key(hive) if hive.values(key)]
            key = chance.choice(keys)
            value = chance.choice(hive.values(key))
            hive.remove_value(key, value.name)
            path = _path(hive, key)
            after = see(hive.done(9, TIME), tmp_path / "hive")
            assert changed_keys(before, after) == {path}
            gone = before["python-registry"][path][2]
            assert after["python-registry"][path][2] == [v for i, v in enumerate(gone) if i != value.index]
            hive.put_value(key, ValueRecord.made("new", 1, b"n\0e\0w\0\0\0", 0))
            after = see(hive.done(10, TIME), tmp_path / "hive")
            assert changed_keys(before, after) == {path}
            assert after["python-registry"][path][2][0] == ("new", 1, b"n\0e\0w\0\0\0")


def test_a_removed_key_is_gone_with_all_below_it_and_no_other_key_changes(tmp_path) -> None:
    chance = random.Random(3)
    for source in (small(), *(path.read_bytes() for path in real())):
        before = see(source, tmp_path / "hive")
        for _ in range(2):
            hive = HiveEditor(source)
            keys = [key for key in every_key(hive) if key != hive.root and not hive.removable(key)]
            key = chance.choice(keys)
            path, parent = _path(hive, key), hive.field(key, 16)
            record = hive.key(key)
            hive.remove_key(key)
            after = see(hive.done(9, TIME), tmp_path / "hive")
            below = {p for p in before["python-registry"] if p == path or p.startswith(path + "\\")}
            assert changed_keys(before, after) == below
            assert len(below) == sum(1 for _ in record.every())
            hive.put_key(parent, record)
            assert changed_keys(before, see(hive.done(10, TIME), tmp_path / "hive")) == set()


def test_a_key_of_hivex_may_come_back_after_the_hive_changed(tmp_path) -> None:
    """Between removal and undo others took its cells: it lands elsewhere, and is the same."""
    source = small()
    before = see(source, tmp_path / "hive")
    hive = HiveEditor(source)
    keys = hive.find("Software\\Keys")
    record = hive.key(hive.find("Software\\Keys\\key 07"))
    hive.remove_key(record.at[0])
    run = hive.find("Software\\Run")
    for n in range(12):
        hive.put_value(run, ValueRecord.made(f"more {n}", 3, bytes(90), 99))
    hive.put_key(keys, record)
    assert changed_keys(before, see(hive.done(9, TIME), tmp_path / "hive")) == {"\\Software\\Run"}
    hive.remove_value(run, "BIG")
    hive.put_value(run, ValueRecord.made("huge", 3, bytes(range(256)) * 300, 0))
    at = see(hive.done(10, TIME), tmp_path / "hive")
    assert at["python-registry"]["\\Software\\Run"][2][0] == ("huge", 3, bytes(range(256)) * 300)
    assert at["libregf"]["\\Software\\Run"][3][0][2] == bytes(range(256)) * 300


@pytest.mark.parametrize(
    ("at", "value", "why"), [(4096 + 4, b"\xff\xff\0\0", "bin"), (4096 + 32, b"\xfd\xff\xff\xff", "cell"), (36, b"\x10\x27\0\0", "no cell")]
)
def test_a_damaged_hive_is_refused(at, value, why) -> None:
    data = bytearray(small())
    data[at : at + 4] = value
    with pytest.raises(UnsafeError, match=why):
        HiveEditor(bytes(data))


def test_any_flipped_byte_is_refused_or_harms_nothing() -> None:
    """A key and a value are removed and put back in a hive with one byte changed: refused, or every other byte as it was."""
    source, chance = small(), random.Random(5)
    refused = 0
    for _ in range(600):
        data = bytearray(source)
        at = chance.randrange(4096, len(data))
        data[at] ^= 1 << chance.randrange(8)
        try:
            hive = HiveEditor(bytes(data))
            for path, name in (("Software\\Run", "value 3"), ("Software\\Keys\\key 11", "")):
                key = hive.find(path)
                if key is None:
                    continue
                if name and (value := hive.value(key, name)) is not None:
                    hive.remove_value(key, name)
                    hive.put_value(key, value)
                elif not name:
                    record, parent = hive.key(key), hive.field(key, 16)
                    hive.remove_key(key)
                    hive.put_key(parent, record)
            prove(bytes(data), hive.done(9, TIME), hive.cells.written)
        except UnsafeError:
            refused += 1
    assert refused > 10


def test_hivex_and_the_editor_see_one_hive(tmp_path) -> None:
    need(plants.has_hivex(), "python3-hivex, which writes the hives")
    at = tmp_path / "hive"
    at.write_bytes(small())
    before = everything(at)
    hive = HiveEditor(at.read_bytes())
    hive.remove_key(hive.find("SOFTWARE\\keys\\KEY 03"))
    at.write_bytes(hive.done(9, TIME))
    assert changed_keys(before, everything(at)) == {"\\Software\\Keys\\key 03", "\\Software\\Keys\\key 03\\below"}


def test_records_come_back_from_their_bytes() -> None:
    hive = HiveEditor(small())
    key = hive.key(hive.find("Software"))
    assert unpacked_key(packed(key)) == key


def _path(hive: HiveEditor, key: int) -> str:
    parts = []
    while key != hive.root:
        parts.append(hive.name(key))
        key = hive.field(key, 16)
    return "".join(f"\\{part}" for part in reversed(parts))
