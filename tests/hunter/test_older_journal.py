"""A journal and its head, both from the middle of a run: their MAC fits. HUNTER compares them with the backups and the host."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hunter.run.settle import RemovalRun
from tests.hunter.conftest import GUILTY, manifest
from tests.hunter.driver import hunt


@pytest.mark.parametrize("moment", ["open", "keep", "kept", "begin", "done"])
@pytest.mark.parametrize("command", ["undo", "apply"])
def test_an_older_journal_with_its_own_head_writes_over_nothing_that_it_does_not_know(bench, monkeypatch, moment, command) -> None:
    bench.plan_here()
    files, older = [bench.journal, Path(f"{bench.plan}.journal.head")], bench.folder / "older"
    add, before = RemovalRun.add, manifest(bench.root)

    def copying(self, event, **fields) -> None:
        add(self, event, **fields)
        if event == moment and not older.exists():
            older.mkdir()
            for file in files:
                shutil.copy2(file, older)

    monkeypatch.setattr(RemovalRun, "add", copying)
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    monkeypatch.undo()
    left = manifest(bench.root)
    assert left != before
    for file in files:
        shutil.copy2(older / file.name, file)
    first = (bench.journal,) if command == "undo" else (bench.plan, "--yes")
    code, out, err = hunt(command, *first, "--root", bench.root)
    if moment in ("open", "keep"):
        assert (code, manifest(bench.root)) == (2, left), out + err
        assert "the journal is an older copy" in err
    elif command == "apply":
        assert (code, manifest(bench.root)) == (3, left), out + err
    else:
        now = manifest(bench.root)
        stay = [path for path in GUILTY.values() if now.get(path[1:]) != before[path[1:]]]
        assert code == 1
        assert stay
        assert [path for path in stay if f"changed meanwhile, not by HUNTER: {path}" in out + err] == stay


def test_a_journal_that_is_gone_is_missed_by_its_backups(bench) -> None:
    bench.plan_here()
    assert hunt("apply", bench.plan, "--root", bench.root, "--yes")[0] == 0
    kept = {path.name: path.read_bytes() for path in Path(f"{bench.plan}.backup").iterdir()}
    bench.journal.unlink()
    Path(f"{bench.plan}.journal.head").unlink()
    code, out, err = hunt("apply", bench.plan, "--root", bench.root, "--yes")
    assert code == 2, out + err
    assert "the journal is an older copy" in err
    assert {path.name: path.read_bytes() for path in Path(f"{bench.plan}.backup").iterdir()} == kept
