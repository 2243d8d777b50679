"""Files of $MFT that SCOUT did not see in their folder: only where custody or the list of all files shows that it looked."""

from __future__ import annotations

import orjson
import pytest

from commodore.artefact import Record
from commodore.derived import hidden_files
from commodore.host import Host
from scout.targets import load

WINDOWS = Host("c", os="windows", system_root="C:\\Windows")
TASKS = next(target.id for target in load() if "%SystemRoot%/System32/Tasks/**" in target.paths)
FOLDER = "C:\\Windows\\System32\\Tasks"


class View:
    """A case in memory: members as (path, verdict, target), records by dataset."""

    def __init__(self, members: list[tuple[str, str, str]], whole: bool, **datasets: list[dict]) -> None:
        self._members, self.whole, self._datasets = members, whole, datasets

    def records(self, dataset: str, search=None):
        for record in self._datasets.get(dataset, ()):
            line = orjson.dumps(record)
            if search is None or search(line, 0, len(line)):
                yield record

    def members(self):
        for path, verdict, target in self._members:
            yield {"path": path, "verdict": verdict, "target": target}


def entry(path: str, **more: object) -> dict:
    return {"file.path": path, "file.name": path.rpartition("\\")[2], "file.type": "file", "escadre.id": path, **more}


def hidden(members: list[tuple[str, str, str]], *entries: dict, whole: bool = True, listing: list[dict] | None = None) -> list[str]:
    view = View(members, whole, mft=list(entries), file_listing=listing or [])
    return [r.fields["file.path"] for r in hidden_files.derive(view, WINDOWS) if isinstance(r, Record)]


GOOD = (f"{FOLDER}\\Good", "taken", TASKS)
EVIL = entry(f"{FOLDER}\\Evil")


def test_a_file_that_the_walk_of_its_folder_did_not_show_is_hidden() -> None:
    assert hidden([GOOD], entry(f"{FOLDER}\\Good"), EVIL) == [f"{FOLDER}\\Evil"]
    assert hidden([(f"C:\\{'windows/system32/tasks/**'}".replace("/", "\\"), "missing", TASKS)], EVIL) == [f"{FOLDER}\\Evil"]


@pytest.mark.parametrize(
    ("members", "given", "whole"),
    [
        ([GOOD], EVIL, False),  # the rest of the walk may be lost
        ([], EVIL, True),  # nothing shows that SCOUT looked
        ([GOOD, (f"{FOLDER}\\EVIL", "denied", TASKS)], EVIL, True),
        ([GOOD, (f"{FOLDER}\\Evil", "vanished", TASKS)], EVIL, True),
        ([GOOD], EVIL | {"escadre.state": "deleted"}, True),
        ([GOOD], EVIL | {"escadre.mft.path_orphan": True}, True),
        ([GOOD], entry(f"{FOLDER}\\desktop.ini"), True),
        ([GOOD], entry("C:\\Users\\agnes\\notes.txt"), True),
        ([GOOD, (FOLDER, "denied", TASKS)], EVIL, True),
    ],
)
def test_what_may_have_another_reason_is_not(members: list[tuple[str, str, str]], given: dict, whole: bool) -> None:
    assert hidden(members, given, whole=whole) == []


def test_the_list_of_all_files_shows_it_where_the_folder_was_entered() -> None:
    listed = [{"file.path": f"{FOLDER}\\Good"}]
    assert hidden([], EVIL, listing=listed) == [f"{FOLDER}\\Evil"]
    assert hidden([], EVIL, listing=[{"file.path": FOLDER, "event.reason": "Permission denied"}]) == []
    assert hidden([], entry(f"{FOLDER}\\Vendor\\x"), listing=listed) == []
