"""Odd hives, and descriptors, classes and times of real ones: our reader against others. What differs is named, with the reason."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from struct import pack, pack_into, unpack_from

import pytest

from fixtures.hives.writer import BINARY, SZ, Image, Key, Value, hash_of
from scout.formats.regf import Hive
from tests.conftest import need
from tests.range.plants import SYSTEM_PYTHON
from tests.scout.test_regf import REGIPY, by_libregf, by_python_registry, load, ours

TIME = 132_000_000_000_000_000
LINK = "\\Registry\\Machine\\System\\Select"
SIZES = (16344, 16345, 32688, 32689, 200_000, 1_000_000)
"""bytes of values around the segments of big data (16,344 bytes)"""
WITH_HIVEX = Path(__file__).with_name("read_with_hivex.py")
ODD_WITH_HIVEX = Path(__file__).with_name("write_odd_with_hivex.py")


def field(image: Image, key: Key, at: int, form: str, value: int) -> None:
    pack_into(form, image.bins, key.offset + 4 + at, value)


def leaf(image: Image, kind: bytes, keys: list[Key]) -> int:
    """A list of keys: lf with the beginning of each name, lh with a hash, li with neither."""
    hints = {b"li": lambda _: b"", b"lf": lambda k: k.name[:4].encode().ljust(4, b"\0"), b"lh": lambda k: pack("<I", hash_of(k.name))}
    return image.cell(kind + pack("<H", len(keys)) + b"".join(pack("<I", key.offset) + hints[kind](key) for key in keys))


@pytest.fixture(scope="module")
def odd() -> bytes:
    """NUL in names, the longest name, a link, a class, big data, lists of all kinds in one, volatile subkeys that no file has."""
    root = Key("ROOT", TIME, keys=[Key(name, TIME) for name in ("nul\0in", "\u00fcmlaut", "a" * 255, "Link", "Class", "Mixed", "Volatile")])
    nul, _, _, link, classed, mixed, volatile = root.keys
    nul.values.append(Value("v\0w", SZ, "x\0y\0".encode("utf-16-le")))
    link.values.append(Value("SymbolicLinkValue", 6, LINK.encode("utf-16-le")))
    classed.values += [Value(f"s{size}", BINARY, bytes((i * 3 + size) & 255 for i in range(size))) for size in SIZES]
    mixed.keys += [Key(f"m{number:02d}", TIME) for number in range(40)]
    volatile.keys.append(Key("stable", TIME))
    image = Image(root, TIME, "odd")
    text = "my class".encode("utf-16-le")
    field(image, classed, 48, "<I", image.cell(text))
    field(image, classed, 74, "<H", len(text))
    field(image, link, 2, "<H", 0x30)
    field(image, volatile, 24, "<I", 3)
    parts = [leaf(image, b"lf", mixed.keys[:10]), leaf(image, b"lh", mixed.keys[10:20]), leaf(image, b"li", mixed.keys[20:])]
    field(image, mixed, 28, "<I", image.cell(b"ri" + pack("<H3I", 3, *parts)))
    return image.hive()


def differing(mine: dict, theirs: dict) -> set[tuple[str, str]]:
    """(path of the key, name of the value) where name or data differ."""
    pairs = ((path, a, b) for path in mine.keys() & theirs.keys() for a, b in zip(mine[path][1], theirs[path][1], strict=True))
    return {(path, a[0]) for path, a, b in pairs if (a[0], a[2]) != (b[0], b[2])}


def test_odd_keys_and_values_are_as_three_readers_say(odd):
    mine = ours(odd)
    assert len(mine) == 1 + 7 + 40 + 1
    hive = Hive.open(odd)
    keys = {key.path: key for key in hive.walk()}
    assert (keys["Class"].class_name, keys["Link"].link) == ("my class", LINK)
    assert not hive.damage
    other = by_python_registry(odd)
    assert mine.keys() == other.keys()
    assert differing(mine, other) == set()
    other = by_libregf(odd)  # it ends names at NUL, and loses a last segment of one byte
    assert mine.keys() ^ other.keys() == {"nul\0in", "nul"}
    assert differing(mine, other) == {("Class", "s16345"), ("Class", "s32689")}
    assert [len(other["Class"][1][number][2]) for number in (1, 3)] == [16344, 32688]


def by_hivex(path: Path) -> dict:
    ready = Path(SYSTEM_PYTHON).exists() and not subprocess.run([SYSTEM_PYTHON, "-c", "import hivex"], capture_output=True).returncode
    need(ready, "python3-hivex")
    done = subprocess.run([SYSTEM_PYTHON, WITH_HIVEX, path], capture_output=True, text=True, check=True)
    _, error, found = json.loads(done.stdout)
    assert not error
    return {key: (when, [(name, kind, bytes.fromhex(data)) for name, kind, data in values]) for key, (when, values) in found.items()}


def test_odd_keys_and_values_are_as_hivex_says(odd, tmp_path):
    (tmp_path / "odd").write_bytes(odd)
    mine, other = ours(odd), by_hivex(tmp_path / "odd")
    assert mine.keys() == other.keys()
    assert differing(mine, other) == {("Class", "s16345"), ("Class", "s32689")}  # it loses the last segment too


def test_a_hive_that_hivex_wrote_is_as_four_readers_say(tmp_path):
    """Names of all scripts, 512 levels, 300 subkeys and values, all types, data to the end of one cell."""
    (tmp_path / "empty").write_bytes(Image(Key("ROOT", TIME), TIME, "x").hive())
    by_hivex(tmp_path / "empty")
    subprocess.run([SYSTEM_PYTHON, ODD_WITH_HIVEX, tmp_path / "empty", tmp_path / "made"], check=True)
    data = (tmp_path / "made").read_bytes()
    mine = ours(data)
    assert max(path.count("\\") for path in mine) == 512
    for read in (by_hivex(tmp_path / "made"), by_libregf(data), by_python_registry(data)):
        assert mine.keys() == read.keys()
        assert {key: when for key, (when, _) in mine.items()} == {key: when for key, (when, _) in read.items()}
    assert differing(mine, by_hivex(tmp_path / "made")) == set()
    resident = {("Types", f"d{kind}") for kind in (1, 3, 4, 11)} | {(f"Big\\s{size}", f"s{size}") for size in (1, 3)}
    assert differing(mine, by_libregf(data)) == resident  # it gives zeroes, or moved bytes, for data within the value
    assert differing(mine, by_python_registry(data)) == {("Types", "t4"), ("Types", "t5")}  # it takes four bytes of any number


# --- descriptors, classes, times


def owner(descriptor: bytes) -> str:
    """The owner of a self-relative descriptor, by [MS-DTYP] 2.4.6 and 2.4.2.2."""
    at = unpack_from("<I", descriptor, 4)[0]
    revision, count = descriptor[at : at + 2]
    authority = int.from_bytes(descriptor[at + 2 : at + 8], "big")
    return "-".join(["S", str(revision), str(authority), *map(str, unpack_from(f"<{count}I", descriptor, at + 8))])


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "logs"),
    [
        ("SAM", ()),
        ("SECURITY", ()),
        ("BCD", ()),
        ("NTUSER.DAT", ()),
        ("transactions_NTUSER.DAT", ("transactions_ntuser.dat.log1", "transactions_ntuser.dat.log2")),
        ("UsrClass.dat", ("UsrClass.dat.LOG1", "UsrClass.dat.LOG2")),
    ],
)
def test_descriptor_class_and_last_write_of_each_key_are_as_other_readers_say(corpus, name, logs):
    import pyregf
    from Registry import Registry

    given = [load(corpus / REGIPY / f"{file}.xz") for file in (name, *logs)]
    hive = Hive.open(given[0], given[1:])
    data = bytes(hive.data)
    first, second = {}, {}
    stack = [(Registry.Registry(io.BytesIO(data)).root()._nkrecord, "")]
    while stack:
        record, path = stack.pop()
        security = record.sk_record()
        length = security.unpack_dword(16)
        descriptor = data[security.offset() + 20 : security.offset() + 20 + length]
        first[path] = (owner(descriptor), record.classname() if record.has_classname() else "", record.unpack_qword(4))
        below = record.subkey_list().keys() if record.subkey_number() else ()
        stack += [(child, f"{path}\\{child.name()}" if path else child.name()) for child in below]
    file = pyregf.file()
    file.open_file_object(io.BytesIO(data))
    more = [(file.get_root_key(), "")]
    while more:
        key, path = more.pop()
        second[path] = ((key.class_name or "").rstrip("\0"), key.get_last_written_time_as_integer())
        more += [(child, f"{path}\\{child.name}" if path else child.name) for child in key.sub_keys]
    mine = {key.path: (key.owner, key.class_name, key.written) for key in hive.walk()}
    assert mine == first
    assert {path: (label, written) for path, (_, label, written) in mine.items()} == second
    assert len(mine) > 40
