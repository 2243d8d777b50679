"""Deleted keys and values are found, and none of them is reported as live. Deletions are made by hivex, or by hand after the format."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from struct import pack, pack_into, unpack_from

import pytest

from fixtures.hives.writer import NIL, Image, Key, made
from scout.formats.regf import Hive
from scout.formats.regf.recovery import Recovered, _Recovery, recover
from scout.formats.regf.survey import Survey
from tests.conftest import need
from tests.range.plants import SYSTEM_PYTHON

TIME = 132_000_000_000_000_000
SCRIPT = Path(__file__).with_name("delete_with_hivex.py")


def recovered(data: bytes) -> tuple[dict[str, list[tuple[str, int, bytes]]], list[Recovered]]:
    """(path → values of the tree, what the tree does not have)."""
    hive, tree = Hive.open(data), {}
    live = bytearray(len(data) // 8 + 1)
    for key in hive.walk():
        live[key.offset >> 3] = 1
        for value in key.values():
            live[value.offset >> 3] = 1
        tree[key.path] = [(v.name, v.kind, v.raw) for v in key.values()]
    return tree, list(recover(hive, Survey(hive), live))


@pytest.fixture(scope="module")
def deletions(tmp_path_factory):
    need(
        Path(SYSTEM_PYTHON).exists() and not subprocess.run([SYSTEM_PYTHON, "-c", "import hivex"], capture_output=True).returncode,
        "python3-hivex",
    )
    folder = tmp_path_factory.mktemp("hivex")
    (folder / "empty").write_bytes(Image(Key("ROOT", TIME), TIME, "x").hive())
    done = subprocess.run([SYSTEM_PYTHON, SCRIPT, folder / "empty", folder / "hive"], capture_output=True, check=True, text=True)
    return (folder / "hive").read_bytes(), json.loads(done.stdout)


def test_of_200_deletions_by_hivex_all_are_found_and_none_is_live(deletions):
    """hivex clears count and list of a key before it frees it, so that nothing in the file joins the values to their key any more: the key
    is found at its path, its values with type and data.
    """
    data, deleted = deletions
    tree, found = recovered(data)
    keys = {r.path for r in found if r.own}
    values = {(v.name, v.kind, v.raw) for r in found for v in r.values}
    hits = [
        path for path, held in deleted["keys"] if path in keys and {(name, kind, bytes.fromhex(raw)) for name, kind, raw in held} <= values
    ]
    hits += [name for name, kind, raw in deleted["values"] if (name, kind, bytes.fromhex(raw)) in values]
    assert len(deleted["keys"]) + len(deleted["values"]) == 200
    assert len(hits) == 200, f"recall {len(hits)} of 200"
    assert not [path for path, _ in deleted["keys"] if path in tree]
    live = {value for held in tree.values() for value in held}
    assert not [name for name, kind, raw in deleted["values"] if (name, kind, bytes.fromhex(raw)) in live]
    assert all(r.deleted for r in found)


def hive() -> tuple[Image, Key]:
    root = Key("ROOT", TIME)
    victim = root.at("A\\Victim").put(One="first.exe", Two=2, Raw=bytes(range(40)))
    root.at("A\\Other").put(Keep="kept")
    return Image(root, TIME, "x"), victim


def free(image: Image, offset: int) -> None:
    (size,) = unpack_from("<i", image.bins, offset)
    pack_into("<i", image.bins, offset, abs(size))


def test_an_allocated_key_that_no_list_names_is_carved_with_its_values():
    image, victim = hive()
    lists = bytes(image.bins)
    at = lists.index(b"lh\x02\0")
    pack_into("<H", image.bins, at + 2, 1)  # the list of A has one key left: Other comes first
    tree, found = recovered(image.hive())
    (one,) = found
    assert "A\\Victim" not in tree
    assert (one.path, one.deleted, one.own) == ("A\\Victim", False, True)
    assert [(v.name, v.raw) for v in one.values] == [
        ("One", "first.exe\0".encode("utf-16-le")),
        ("Two", pack("<I", 2)),
        ("Raw", bytes(range(40))),
    ]
    assert victim.offset == one.key.offset


def test_data_whose_cell_is_in_use_again_is_gone():
    image, victim = hive()
    pack_into("<I", image.bins, victim.offset + 4 + 36, 2)  # two of the three values are left
    raw = next(v for v in victim.values if v.name == "Raw")
    free(image, raw.offset)
    tree, found = recovered(image.hive())
    assert [v[0] for v in tree["A\\Victim"]] == ["One", "Two"]
    (one,) = found  # the end of the list still points to it
    assert (one.path, one.deleted, one.own) == ("A\\Victim", True, False)
    assert [(v.name, v.raw) for v in one.values] == [("Raw", None)]
    free(image, unpack_from("<I", image.bins, raw.offset + 4 + 8)[0])
    (one,) = recovered(image.hive())[1]
    assert [(v.name, v.raw) for v in one.values] == [("Raw", bytes(range(40)))]


def test_what_looks_like_a_cell_within_the_data_of_a_value_is_data():
    image, _ = hive()
    cells = bytes(image.bins)
    inner = cells[cells.index(b"vk\x03\0") - 4 :][:200]  # the cell of a value, at a place where a cell may begin
    root = Key("ROOT", TIME)
    root.at("Holder").values.append(made("copy", bytes(4) + inner))
    tree, found = recovered(Image(root, TIME, "x").hive())
    assert inner in tree["Holder"][0][2]
    assert found == []


def test_a_cell_in_the_slack_of_another_one_is_found():
    root = Key("ROOT", TIME)
    root.at("Holder").values.append(made("text", b"x" * 400))
    image = Image(root, TIME, "x")
    value = root.keys[0].values[0]
    cell = unpack_from("<I", image.bins, value.offset + 4 + 8)[0]
    pack_into("<I", image.bins, value.offset + 4 + 4, 100)  # the value became shorter and kept its cell
    old = pack("<i", 32) + b"vk" + pack("<HIIIHH", 4, 0x80000004, 7, 4, 1, 0) + b"Gone"
    image.bins[cell + 200 : cell + 200 + len(old)] = old
    tree, found = recovered(image.hive())
    assert tree["Holder"] == [("text", 3, b"x" * 100)]
    assert [(r.path, r.deleted, [(v.name, v.raw) for v in r.values]) for r in found] == [(None, True, [("Gone", pack("<I", 7))])]


def test_parents_in_a_circle_end():
    image, victim = hive()
    pack_into("<I", image.bins, victim.offset + 4 + 16, victim.offset)
    at = bytes(image.bins).index(b"lh\x02\0")
    pack_into("<H", image.bins, at + 2, 1)
    (one,) = recovered(image.hive())[1]
    assert one.path == "?\\Victim"


@pytest.mark.parametrize("upwards", [True, False])
def test_each_key_of_a_deep_deleted_tree_is_resolved_once(monkeypatch, upwards):
    """A chain of deleted keys, each the parent of the next; `upwards`: the lowest is first in the file."""
    image, number = Image(Key("ROOT", TIME), TIME, "x"), 400
    cells = [image.cell(bytes(84)) for _ in range(number)]
    for i, cell in enumerate(reversed(cells) if upwards else cells):
        order = list(reversed(cells)) if upwards else cells
        parent = order[i - 1] if i else image.root
        nk = pack("<2sHQ15I2H", b"nk", 0x20, TIME, 0, parent, 0, 0, NIL, NIL, 0, NIL, NIL, NIL, *[0] * 5, 2, 0)
        image.bins[cell : cell + 4 + 78] = pack("<i", 88) + nk[:76] + b"%02x" % (i % 256)
    looked, possible = [], _Recovery._possible_key
    monkeypatch.setattr(_Recovery, "_possible_key", lambda self, at: looked.append(at) or possible(self, at))
    _, found = recovered(image.hive())
    assert {r.path for r in found} == {"\\".join(f"{i % 256:02x}" for i in range(n + 1)) for n in range(number)}
    assert len(looked) < 4 * number


def test_the_cells_of_a_hive_promise_what_the_tree_has():
    image, _ = hive()
    read = Hive.open(image.hive())
    survey = Survey(read)
    assert (len(survey.keys), len(survey.values), survey.promised, survey.torn) == (4, 4, 6, [])
    assert len(list(read.walk())) == 4
