"""Folders with very many names: what is kept of each is small, and what comes out is what a plain list would have."""

from __future__ import annotations

import os
import random
import sys
import tracemalloc
from pathlib import Path

import pytest

from scout.collecting.examined import make_plan, open_host
from scout.collecting.filelist import FileList
from scout.collecting.options import CollectOptions
from scout.collecting.planned import MANY, PlannedItem, PlannedItems
from scout.packed import PackedNames, PackedSet
from scout.sources import directory
from scout.sources.directory import DirectorySource
from scout.sources.timed_calls import TimedCalls
from scout.targets import load
from tests.scout.collecting import *  # noqa: F403  (fixtures)

ODD = ["", "a", "\0", "\n", "é", "\udcff", "\ud800", "x" * 255, "日本", "a\0b"]


def test_packed_names_are_the_names():
    packed = PackedNames()
    for name in ODD * 3:
        packed.append(name)
    assert (list(packed), len(packed), list(packed)) == (ODD * 3, 30, ODD * 3)


def test_a_packed_set_tells_what_is_new_as_a_set_does():
    chance, packed, known = random.Random(7), PackedSet(), set[int]()
    for _ in range(60_000):
        number = chance.choice((chance.getrandbits(64), chance.randrange(40), -chance.randrange(1 << 63), chance.getrandbits(10) << 54))
        number = number & (1 << 64) - 1 or 1
        assert packed.add(number) == (number not in known)
        known.add(number)
    assert len(packed) == len(known)
    assert packed.add(0) == (1 not in known)


@pytest.fixture
def source(tmp_path):
    made = DirectorySource(tmp_path)
    yield made
    made.close()


def item(source: DirectorySource, *parts: str, size: int = 5, **more: object) -> PlannedItem:
    target = more.pop("target", None) or load().get("LF06")
    given = {"type": "file", "size": size, "data": size, "verdict": "", "error": "", "group": None, **more}
    return PlannedItem(source, parts, target, **given)


def test_items_come_back_as_they_were_given(source):
    chance, other = random.Random(3), load().get("LF04")
    plain = [item(source, "var", "log", f"n{number}\udcff", size=number) for number in range(3 * MANY)]
    plain[MANY + 5] = plain[MANY + 5]._replace(data=1)
    plain[2 * MANY] = plain[2 * MANY]._replace(facts={"referrer": ["/etc/x"]})
    given = [
        *plain,
        *(
            item(source, "var", f"n{number}", target=chance.choice((other, None)), verdict=chance.choice(("", "link")))
            for number in range(900)
        ),
        *(item(source, "tmp", f"n{number}", verdict="blocked", error="a pipe is never opened", type="pipe") for number in range(2 * MANY)),
        item(source, size=1 << 63),
        item(source, "x", size=-1),
        item(source, "x", size=(1 << 64) + 1),
    ]
    made = PlannedItems(given)
    assert (list(made), len(made)) == (given, len(given))
    made.revise(lambda one: () if one.verdict == "link" else (one, one) if one.facts else (one,))
    wanted = [each for one in given if one.verdict != "link" for each in ((one, one) if one.facts else (one,))]
    assert (list(made), len(made)) == (wanted, len(wanted))
    both = PlannedItems(plain[:700])
    both.move(made)
    both.append(plain[0])
    assert (list(both), len(made)) == ([*plain[:700], *wanted, plain[0]], 0)
    assert not both.behind_links
    both.append(item(source, "y", place=("z",)))
    assert both.behind_links


def test_an_item_of_a_large_folder_costs_little_more_than_its_name(source):
    number, name = 40_000, "event-{:07d}-of-the-service.log"
    tracemalloc.start()
    made = PlannedItems(item(source, "var", "log", name.format(each), size=each) for each in range(number))
    each = tracemalloc.get_traced_memory()[0] / number
    tracemalloc.stop()
    assert len(made) == number
    assert each < len(name.format(0)) + 24, each


@pytest.mark.skipif(sys.platform != "linux", reason="one way to list a folder in pieces")
def test_pieces_of_a_folder_are_the_whole_folder(tmp_path, monkeypatch):
    (tmp_path / "etc").mkdir()
    log = tmp_path / "var/log"
    log.mkdir(parents=True)
    names = {f"name {number}" for number in range(95)}
    for name in names:
        (log / name).write_bytes(b"x")
    for number in range(30):
        (log / f"folder {number}").mkdir()
        (log / f"folder {number}/below").write_bytes(b"x")
    monkeypatch.setattr(directory, "PIECE", 10)
    source = DirectorySource(tmp_path)
    pieces = list(source.pieces(("var", "log"), lambda name: not name.endswith("3")))
    assert [more for _, more in pieces] == [True] * (len(pieces) - 1) + [False] and len(pieces) == 13
    assert all(piece == sorted(piece) for piece, _ in pieces)
    found = [entry for piece, _ in pieces for entry in piece]
    assert sorted(found) == source.scan(("var", "log"), lambda name: not name.endswith("3"))
    source.close()
    for seconds in (0.0, 30.0):
        host = open_host(CollectOptions(root=tmp_path, targets=["LF06"], system="linux"))
        host.timed = TimedCalls(seconds)
        planned = [each.parts for each in make_plan(host).items if not each.verdict]
        below = {("var", "log", f"folder {number}", "below") for number in range(30)}
        assert set(planned) == {("var", "log", name) for name in names} | below and len(planned) == 125
        listed = [row["path"] for row in FileList([host.system], host.timed, lambda _: None, count=10_000, seconds=60)]
        assert {path for path in listed if path.startswith("/var/log/")} == {
            *(f"/var/log/{name}" for name in names),
            *(f"/var/log/folder {number}{rest}" for number in range(30) for rest in ("", "/below")),
        }
        assert len(listed) == len(set(listed))
        host.close()


@pytest.mark.skipif(sys.platform != "linux", reason="files of Linux")
def test_a_folder_of_many_names_is_collected_whole(tmp_path, collected):
    root = tmp_path / "host"
    log = root / "var/log"
    log.mkdir(parents=True)
    (root / "etc").mkdir()
    for number in range(directory.PIECE + 500):
        os.mknod(log / f"n{number}")
    (Path(log) / "last").write_bytes(b"content")
    archive = collected(root, "--targets", "LF06")
    taken = [source for source, line in archive.custody.items() if line["verdict"] == "taken" and source.startswith("/var/log/")]
    assert len(taken) == directory.PIECE + 501
