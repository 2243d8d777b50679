"""Hives are read as two independent readers read them; what differs is explained, value by value."""

from __future__ import annotations

import io
import json
import lzma
import re
from struct import pack, pack_into, unpack_from

import pytest

from fixtures.hives.writer import Image, Key, Value, made
from scout.formats.regf import BadHive, Hive
from scout.formats.regf.data import filetime, sid, strings

REGIPY = "hives/mkorman90+regipy/regipy_tests/data"
PLASO = "hives/log2timeline+plaso/test_data"
BROKEN = ("corrupted_system_hive", "corrupt_sub_key_list.hiv")


def load(path):
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


@pytest.fixture(scope="session")
def hives(corpus):
    """File name → bytes, every hive of the corpus, logs aside."""
    files = [*(corpus / REGIPY).iterdir(), *(corpus / PLASO).rglob("*")]
    found = {str(p.relative_to(corpus / "hives")): load(p) for p in files if p.is_file() and "LOG" not in p.name.upper()}
    assert len(found) > 20
    return found


def ours(data):
    return {key.path: (key.written, [(v.name, v.kind, v.raw) for v in key.values()]) for key in Hive.open(data).walk()}


def by_python_registry(data):
    from Registry import Registry

    result = {}
    stack = [(Registry.Registry(io.BytesIO(data)).root(), "")]
    while stack:
        key, path = stack.pop()
        cells = [value._vkrecord for value in key.values()]
        values = []
        for cell in cells:
            size = cell.unpack_dword(4)  # it pads or empties resident strings; its cell has them whole
            data = cell.unpack_dword(8).to_bytes(4, "little")[: size & 7] if size >> 31 else cell.raw_data()
            values.append((cell.name() if cell.has_name() else "", cell.data_type(), data))
        result[path] = (key._nkrecord.unpack_qword(4), values)
        stack += [(child, f"{path}\\{child.name()}" if path else child.name()) for child in key.subkeys()]
    return result


def by_libregf(data):
    import pyregf

    file = pyregf.file()
    file.open_file_object(io.BytesIO(data))
    result = {}
    stack = [(file.get_root_key(), "")]
    while stack:
        key, path = stack.pop()
        result[path] = (key.get_last_written_time_as_integer(), [(v.name or "", v.type, v.data or b"") for v in key.values])
        stack += [(child, f"{path}\\{child.name}" if path else child.name) for child in key.sub_keys]
    return result


@pytest.mark.slow
def test_every_key_and_value_of_the_corpus_is_as_other_readers_say(hives):
    """Keys, names and times agree with both, types with libregf (python-registry keeps 16 bits of them), data with one of
    them (python-registry reads four bytes of any REG_DWORD; libregf cuts strings at their end mark and gives zeroes for resident binary).
    """
    seen = 0
    for name, data in hives.items():
        if any(b in name for b in BROKEN):
            continue
        mine, first, second = ours(data), by_python_registry(data), by_libregf(data)
        assert mine.keys() == first.keys() == second.keys(), name
        for path, (written, values) in mine.items():
            assert written == first[path][0] == second[path][0], (name, path)
            assert [v[0] for v in values] == [v[0] for v in first[path][1]] == [v[0] for v in second[path][1]], (name, path)
            for mine_value, a, b in zip(values, first[path][1], second[path][1], strict=True):
                seen += 1
                assert mine_value[1] == b[1], (name, path, mine_value)
                assert mine_value[2] in (a[2], b[2]), (name, path, mine_value, a, b)
    assert seen > 400_000


def test_counts_are_those_that_other_readers_measured(corpus, hives):
    truth = {t["path"].removeprefix("hives/"): t for t in json.loads((corpus / "truth-shared/hives_stats.json").read_text())}
    checked = 0
    for name, data in hives.items():
        known = truth[name]
        if "libregf_keys" not in known:
            continue
        hive = Hive.open(data)
        keys = list(hive.walk())
        assert (len(keys), sum(1 for k in keys for _ in k.values())) == (known["libregf_keys"], known["libregf_values"]), name
        assert hive.dirty == known["dirty"], name
        assert hive.size == known["hbins_size"], name
        checked += 1
    assert checked > 20


def test_regipys_own_assertions_hold(corpus):
    known = {t["test"]: " ".join(t["asserts"]) for t in json.loads((corpus / "truth-shared/regipy_expected.json").read_text())["tests"]}
    hive = Hive.open(load(corpus / REGIPY / "NTUSER.DAT.xz"))
    keys = list(hive.walk())
    values = [v for k in keys for v in k.values()]
    counted = dict(re.findall(r"'(REG_\w+)': (\d+)", known["test_recurse_ntuser"]))
    assert f"subkey_count == {len(keys)}" in known["test_recurse_ntuser"]
    assert f"values_count == {len(values)}" in known["test_recurse_ntuser"]
    assert {t: sum(v.type == t for v in values) for t in counted} == {t: int(n) for t, n in counted.items()}
    assert hive.root.name in known["test_parse_root_key"]
    run = hive.find("Software\\Microsoft\\Windows\\CurrentVersion\\Run")
    assert f"last_modified == {run.written}" in known["test_find_keys_ntuser"]
    assert [v.name for v in run.values()] == ["Sidebar"]
    emoji = Hive.open(load(corpus / REGIPY / "transactions_NTUSER.DAT.xz")).find("Control Panel\\International")
    listed = known["test_ntuser_emojis"]
    assert all(repr(k.name) in listed for k in emoji.subkeys())


def test_a_damaged_hive_gives_what_is_whole_and_says_what_is_not(corpus):
    hive = Hive.open(load(corpus / REGIPY / "corrupted_system_hive.xz"))
    keys = list(hive.walk())
    assert len(keys) >= 501  # what dissect.regf got out of it, libregf nothing
    assert hive.damage
    hive = Hive.open((corpus / PLASO / "regf/corrupt_sub_key_list.hiv").read_bytes())
    assert len(list(hive.walk())) == 100  # libregf too
    assert list(hive.damage.values()) == ["key: cell of 0 bytes"]


def tree():
    root = Key("ROOT", 132_000_000_000_000_000)
    key = root.at("Sub\\Größe 🌍")
    key.values += [
        made("text", "a\0b"),
        made("", "default"),
        made("list", ["x", "", "y"]),
        made("number", 0x80000001),
        made("raw", b"\1\2\3"),
        Value("big", 3, bytes(range(256)) * 200),
        Value("wide", 11, (1 << 63).to_bytes(8, "little")),
        Value("back", 5, b"\0\0\1\0"),
        Value("none", 0, b""),
        Value("überschrift", 1, "ä\0".encode("utf-16-le")),
        Value("lone", 1, b"\x00\xd8A\0\0\0"),
        Value("odd", 0xFFFF0012, b"B\0"),
        Value("\0hidden", 1, b"h\0\0\0"),
    ]
    return Image(root, 132_000_000_000_000_000, "test").hive()


def test_every_kind_of_data_comes_back_as_it_was_written():
    key = Hive.open(tree()).find("sub\\GRÖSSE 🌍") or Hive.open(tree()).find("Sub\\größe 🌍")
    read = {v.name: v for v in key.values()}
    assert read["text"].strings == ["a"]
    assert read["text"].raw == "a\0b\0".encode("utf-16-le")
    assert read[""].text == "default"
    assert read["list"].strings == ["x", "", "y"]
    assert read["number"].number == 0x80000001
    assert read["raw"].raw == b"\1\2\3"
    assert read["raw"].strings == []
    assert read["big"].raw == bytes(range(256)) * 200
    assert read["wide"].strings == [str(1 << 63)]
    assert read["back"].number == 256
    assert read["none"].type == "REG_NONE"
    assert read["überschrift"].text == "ä"
    assert read["lone"].text.encode() == b"\\xd800A" or read["lone"].text.isprintable()
    assert read["odd"].type == "0xffff0012"
    assert read["\0hidden"].text == "h"
    assert key.owner == "S-1-5-32-544"
    assert not Hive.open(tree()).dirty


def test_segments_are_joined_in_an_old_hive_too_where_a_cell_is_too_small_for_the_data():
    """Windows writes them since 1.4; a hive of 1.3 has long data in one cell, even where that begins like a list of segments."""
    root = Key("ROOT", 1, [Value("segments", 3, bytes(range(256)) * 100), Value("one cell", 3, b"db" + bytes(16000))])
    image = Image(root, 1, "x")
    long = pack("<2sHI", b"db", 2, 0) + bytes(20_000)
    pack_into("<II", image.bins, root.values[1].offset + 8, len(long), image.cell(long))
    data = bytearray(image.hive())
    pack_into("<I", data, 24, 3)
    read = {v.name: v.raw for v in Hive.open(bytes(data)).root.values()}
    assert read == {"segments": bytes(range(256)) * 100, "one cell": long}


def test_a_key_in_a_list_whose_cell_is_free_is_read_and_noted():
    root = Key("ROOT", 1, [], [Key("freed", 1, [made("a", 1)])])
    image = Image(root, 1, "x")
    (size,) = unpack_from("<i", image.bins, root.keys[0].offset)
    pack_into("<i", image.bins, root.keys[0].offset, -size)
    hive = Hive.open(image.hive())
    assert [key.path for key in hive.walk()] == ["", "freed"]
    assert hive.damage == {root.keys[0].offset: "key: its cell is marked as free"}


def test_a_path_opens_without_walking_the_hive(corpus):
    hive = Hive.open(load(corpus / REGIPY / "SYSTEM.xz"))
    before = hive._visits_left
    assert hive.find("Select").value("Current").number == 1
    assert before - hive._visits_left < 50  # of 104,212 cells of keys and values


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (bytes(8192), "zeroes"),
        (b"MZ" + bytes(8190), "signature regf"),
        (b"regf" + bytes(100), "cut"),
        (Image(Key("R", 1), 1, "x").base_block(kind=6) + bytes(4096), "transaction log"),
    ],
)
def test_what_is_no_hive_is_refused_with_the_reason(data, reason):
    with pytest.raises(BadHive, match=reason):
        Hive.open(data)


def test_times_and_sids_are_written_in_full_precision():
    assert filetime(129779615948377168) == "2012-04-03T21:19:54.8377168Z"  # regipy's tests have both forms of this one
    assert filetime(0) == filetime(-1) == filetime(1 << 63) == ""
    assert filetime(1) == "1601-01-01T00:00:00.0000001Z"
    assert sid(bytes.fromhex("01020000000000052000000020020000")) == "S-1-5-32-544"
    assert sid(b"\1\5") == ""
    assert strings(1, b"a") == [""]
