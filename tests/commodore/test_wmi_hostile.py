"""Repositories that were made to cost: pages that lead to each other, properties and layouts that are shared, one path for many objects."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from commodore.artefact import Problem, Record
from commodore.artefacts.windows.files import wmi_repository
from commodore.host import Host
from commodore.readers.calls import CallCount
from fixtures.wmi.writer import PAGE, TIME, Bytes, Repository, block, digest, heap_block, index_page, mapping
from tests.commodore.test_wmi_repository import COMMAND, evidence, of, subscription

MOST_CALLS = 5_000_000
"""a tenth and less of what these repositories cost without a bound"""


def written(files: dict[str, bytes], folder: Path) -> tuple[list[Record], list[Problem]]:
    """Read a repository within the bound on calls."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    calls = CallCount()
    with calls.counting():
        results = list(wmi_repository.parse(evidence(folder), Host("c")))
    assert calls.made < MOST_CALLS
    return [r for r in results if isinstance(r, Record)], [r for r in results if isinstance(r, Problem)]


def node(children: list[int]) -> bytes:
    """A page of the index with these children, whose keys are all the same."""
    keys = len(children) - 1
    out = struct.pack("<5I", 0xACCC, 0, 0, 0, keys) + bytes(4 * keys) + struct.pack(f"<{keys + 1}I", *children)
    out += struct.pack(f"<{keys}H", *[0] * keys) + struct.pack("<3H", 2, 1, 0) + struct.pack("<3H", 1, 0, 5) + b"NS_x\0"
    return out.ljust(PAGE, b"\0")


def test_many_numbers_of_one_page_of_the_index_read_it_once(tmp_path: Path) -> None:
    files = Repository().files()
    width, rows = 600, 6
    key = f"NS_{digest('root')}\\CI_{digest('__NAMESPACE')}\\IL_{digest('x')}.0.107.100"
    pages, places = [node(list(range(1, rows + 1)))], [0]
    for row in range(rows):
        pages.append(node(list(range(1 + rows + row * width, 1 + rows + (row + 1) * width))))
        places.append(1 + row)
    pages.append(index_page(9, [key] * 400, []))
    files["INDEX.BTR"] = b"".join(pages)
    objects = list(range(len(files["OBJECTS.DATA"]) // PAGE))[::-1]
    for number in (1, 2, 3):
        files[f"MAPPING{number}.MAP"] = mapping(9, objects, 0) + mapping(9, places + [len(pages) - 1] * (rows * width), 0)
    _, problems = written(files, tmp_path)
    assert any(f"leads to {rows * width - 1:,} pages twice" in problem.reason for problem in problems)


def test_properties_that_share_their_qualifiers_cost_one_class(tmp_path: Path) -> None:
    made, heap = Repository(), Bytes()
    name = heap.text("Evil")
    mark = struct.pack("<IBIh", 0x80000001, 0, 11, -1)
    places = [name, heap.add(struct.pack("<IHII", 8, 0, 0, 0) + block(mark * 20_000))] * 4096
    part = b"\0" + struct.pack("<II", name, 0) + block(b"") * 2 + struct.pack(f"<I{len(places)}I", 4096, *places) + heap_block(heap)
    raw = struct.pack("<IQ", 0, TIME) + block(part) + struct.pack("<III", 12, 0, 0x80000000)
    made.records.append((f"NS_{digest('root')}\\CD_{digest('Evil')}", raw, True))
    subscription(made)
    records, problems = written(made.files(), tmp_path)
    assert of(records, "consumer")[0].fields["process.command_line"] == COMMAND
    assert [problem.lost for problem in problems] == [1] and "the same qualifiers so often" in problems[0].reason


def test_layouts_of_many_classes_that_inherit_many_properties(tmp_path: Path) -> None:
    made = Repository()
    values = {f"p{number}": 1 for number in range(300)}
    made.define("root", "Base", "", [(name, "uint8", False) for name in values], **values)
    for number in range(100):
        made.define("root", f"Class{number}", "Base", [])
    subscription(made)
    (tmp_path / "a").mkdir()
    records, problems = written(made.files(), tmp_path / "a")
    assert not problems and len(of(records, "consumer")) == 1 and len(of(records, "class")) >= 101


def test_a_consumer_with_many_bindings_names_the_first_ones(tmp_path: Path) -> None:
    made = Repository()
    for number in range(300):
        made.put("root\\subscription", "CommandLineEventConsumer", Name="same", CommandLineTemplate=f"{COMMAND} {number}")
        made.put(
            "root\\subscription",
            "__FilterToConsumerBinding",
            Consumer='\\\\.\\root\\subscription:CommandLineEventConsumer.Name="same"',
            Filter=f'__EventFilter.Name="f{number}"',
        )
    records, _ = written(made.files(), tmp_path)
    bindings = [one.fields["escadre.wmi.bindings"] for one in of(records, "consumer")]
    assert len(bindings) == 300 and {len(one) for one in bindings} == {65} and {one[-1] for one in bindings} == {"… 236 more"}


@pytest.mark.parametrize("entries", [200_000])
def test_a_map_of_pages_that_are_not_in_the_file(entries: int, tmp_path: Path) -> None:
    made = Repository()
    subscription(made)
    files = made.files()
    used = list(range(len(files["OBJECTS.DATA"]) // PAGE))[::-1]
    tree = [number + 1 for number in range(len(files["INDEX.BTR"]) // PAGE - 1)]
    root = struct.unpack_from("<I", files["MAPPING2.MAP"], 24 + 24 * len(used) + 8 + 24 + 12)[0]
    far = [0x40000000 + number for number in range(entries)]
    files["MAPPING2.MAP"] = mapping(9, used + far, 0) + mapping(9, tree + far, root)
    records, problems = written(files, tmp_path)
    assert len(of(records, "consumer")) == 1 and not problems
