"""Hostile hives: cut anywhere, bytes flipped, pages zeroed, trees that point to themselves, impossible counts."""

from __future__ import annotations

import random
from struct import pack_into, unpack_from

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.hives.build import files
from fixtures.hives.writer import Image, Key, made
from scout.formats.regf import BadHive, Hive

FILES = files()
TIME = 132_000_000_000_000_000


def read_all(data, logs=()):
    """Everything that the reader can give; the number of keys and values, -1 for what is no hive."""
    try:
        hive = Hive.open(bytes(data), [bytes(log) for log in logs])
    except BadHive:
        return -1
    count = 0
    for key in hive.walk():
        count += 1
        assert isinstance(key.path + key.class_name + key.owner + key.last_written, str)
        for value in key.values():
            count += 1
            "".join([value.name, value.type, *value.strings]).encode()  # valid Unicode
            assert len(value.raw) <= len(data)
            assert value.replayed in (True, False)
    assert len(hive.damage) <= 1000
    return count


def big():
    root = Key("ROOT", TIME)
    for number in range(30):
        root.at(f"Folder{number % 3}\\Key{number}").values += [made(f"v{i}", "text" * i) for i in range(6)]
    root.at("Big").values.append(made("blob", bytes(40_000)))
    return Image(root, TIME, "big")


BIG = big()
HIVE = BIG.hive()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, len(HIVE)))
def test_a_hive_cut_anywhere_is_read_as_far_as_it_goes(end):
    whole = read_all(HIVE)
    assert read_all(HIVE[:end]) <= whole


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, len(HIVE) - 1), st.integers(0, 255)), min_size=1, max_size=40))
def test_flipped_bytes_never_raise(flips):
    data = bytearray(HIVE)
    for at, value in flips:
        data[at] = value
    read_all(data)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_flipped_words_in_key_and_value_cells_never_raise(data):
    """Bytes anywhere mostly hit data; these hit the fields that are offsets, counts and sizes."""
    hive = bytearray(HIVE)
    keys = [k.offset for k in Hive.open(HIVE).walk()]
    cells = keys + [v.offset for k in Hive.open(HIVE).walk() for v in k.values()]
    for _ in range(data.draw(st.integers(1, 6))):
        cell = data.draw(st.sampled_from(cells)) + 4096
        field = data.draw(st.integers(0, 19))
        value = data.draw(st.one_of(st.sampled_from([*keys, 0, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, len(HIVE)]), st.integers(0, 0xFFFFFFFF)))
        pack_into("<I", hive, min(cell + 4 * field, len(hive) - 4), value)
    read_all(hive)


def test_every_page_zeroed_in_turn():
    whole = read_all(HIVE)
    lost = [page for page in range(0, len(HIVE), 4096) if read_all(HIVE[:page] + bytes(4096) + HIVE[page + 4096 :]) != whole]
    assert lost  # the pages matter
    assert read_all(bytes(4096) + HIVE[4096:]) == whole  # without its base block a hive is read by its bins


def test_flipped_bytes_in_logs_never_raise_and_never_bring_back_wrong_data():
    data, log = FILES["NTUSER.DAT"], FILES["NTUSER.DAT.LOG1"]
    dice = random.Random(7)
    whole, before = read_all(data, [log]), read_all(data)
    for _ in range(150):
        bad = bytearray(log)
        bad[dice.randrange(len(bad))] ^= 1 << dice.randrange(8)
        assert read_all(data, [bad]) in (whole, before)


def test_every_hive_of_the_fixtures_survives_every_cut_of_a_page():
    for name in ("SYSTEM", "SOFTWARE"):
        for end in range(0, len(FILES[name]), 512):
            read_all(FILES[name][:end])


def nk(data, hive, path):
    return 4096 + hive.find(path).offset + 4


def test_a_key_that_contains_itself_is_walked_once():
    data = bytearray(HIVE)
    hive = Hive.open(HIVE)
    folder, root = nk(data, hive, "Folder0"), 4096 + hive.root.offset + 4
    pack_into("<I", data, folder + 28, unpack_from("<I", data, root + 28)[0])
    hive = Hive.open(bytes(data))
    keys = list(hive.walk())
    assert len(keys) < 40
    assert "key appears twice in the tree" in hive.damage.values()
    assert hive.find("Folder0\\Folder0\\Folder0") is not None  # a path is as long as the caller makes it


def test_lists_that_share_one_huge_list_do_not_multiply():
    """An index root of 8,000 times the same leaf, and values that all share one list of values."""
    root = Key("R", TIME)
    for number in range(2000):
        root.at(f"k{number}").put(a=1)
    image = Image(root, TIME, "x")
    leaf = unpack_from("<I", image.bins, root.offset + 4 + 28)[0]
    index = image.cell(b"ri" + (8000).to_bytes(2, "little") + leaf.to_bytes(4, "little") * 8000)
    pack_into("<II", image.bins, root.offset + 4 + 20, 16_000_000, 0)
    pack_into("<I", image.bins, root.offset + 4 + 28, index)
    huge = image.cell(b"".join(unpack_from("<I", image.bins, k.offset + 4 + 40)[0].to_bytes(4, "little") for k in root.keys) * 60)
    for key in root.keys:
        pack_into("<II", image.bins, key.offset + 4 + 36, 120_000, huge)
    hive = Hive.open(image.hive())
    visited = sum(1 for key in hive.walk() for _ in (key, *key.values()))
    assert visited < len(hive.data)
    assert any("more than the hive can hold" in reason for reason in hive.damage.values()) or visited < 10_000


def test_values_that_share_one_big_blob_do_not_multiply_memory():
    root = Key("R", TIME)
    shared = made("blob", bytes(16_000))
    root.values = [shared] + [made(f"v{i}", "12345678") for i in range(3000)]
    image = Image(root, TIME, "x")
    blob = unpack_from("<I", image.bins, root.values[0].offset + 4 + 8)[0]
    for value in root.values[1:]:
        pack_into("<II", image.bins, value.offset + 4 + 4, 16_000, blob)
    hive = Hive.open(image.hive())
    taken = sum(len(v.raw) for v in hive.root.values())
    assert taken <= 4 * len(hive.data) + (1 << 20)
    assert any("more data than the hive can hold" in reason for reason in hive.damage.values())


@pytest.mark.parametrize("depth", [3000])
def test_a_tree_deeper_than_any_is_cut_off_with_a_word(depth):
    root = Key("R", TIME)
    image = Image(root, TIME, "x")
    parent = root
    for _ in range(depth):  # chained by hand: the writer itself would recurse
        child = Key("d", TIME)
        child.offset = image._key(child, parent.offset)
        parent.keys = [child]
        image.link_keys(parent)
        parent = child
    hive = Hive.open(image.hive())
    assert 1000 < len(list(hive.walk())) < depth
    assert "keys below this depth were not read" in hive.damage.values()
