"""Segments of other indexes become part of an index, and documents are taken out of it, in one step.

An index of tantivy is a folder of files that never change and `meta.json`, which lists the segments: whoever replaces that file changes the
index. `.managed.json` lists the files that the engine may remove once no segment needs them. Source: tantivy 0.27, `core/index_meta.rs`,
`directory/managed_directory.rs`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from commodore.case import private
from eye.index.adding import writer_of
from eye.index.schema import PART, opened

META, MANAGED = "meta.json", ".managed.json"


def join(folder: Path, others: list[Path], gone: list[str]) -> None:
    """Add the segments of other index folders to an index, which no writer has open, and take out the files of records with these marks.

    The other folders are removed. Raises OSError, ValueError.
    """
    with TemporaryDirectory(prefix="join-", dir=folder.parent) as place:
        begun = _without(folder, Path(place), gone) if gone else folder
        metas = [_read(one) for one in (begun, *others)]
        meta = metas[0] | {"segments": [segment for one in metas for segment in one["segments"]]}
        meta["opstamp"] = sum(int(one["opstamp"]) for one in metas) + 1
        there = {file.name for file in folder.iterdir()}
        new = [file for one in (begun, *others) for file in one.iterdir() if file.name not in there and _of_segment(file)]
        private.sync(new)
        listed = folder / MANAGED
        managed = {*(orjson.loads(listed.read_bytes()) if listed.exists() else ()), *(file.name for file in new)}
        private.write(listed, [orjson.dumps(sorted(managed))])
        for file in new:
            file.replace(folder / file.name)
        private.write(folder / META, [orjson.dumps(meta)])
    for one in others:
        shutil.rmtree(one, ignore_errors=True)
    if gone:
        writer = writer_of(opened(str(folder)), 1)
        writer.garbage_collect_files()
        writer.wait_merging_threads()


def _read(folder: Path) -> dict[str, Any]:
    return dict(orjson.loads((folder / META).read_bytes()))


def _of_segment(file: Path) -> bool:
    """Return whether a file is of a segment: `<32 hex digits>.store`, `<32 hex digits>.<opstamp>.del`."""
    return len(file.name.partition(".")[0]) == 32


def _without(folder: Path, place: Path, gone: list[str]) -> Path:
    """Make an index of the same segments beside an index, without some documents."""
    for file in folder.iterdir():
        if _of_segment(file):
            try:
                os.link(file, place / file.name)
            except OSError:  # a file system without links
                shutil.copyfile(file, place / file.name)
        elif file.name in (META, MANAGED):
            shutil.copyfile(file, place / file.name)
    writer = writer_of(opened(str(place)), 1)
    try:
        for term in gone:
            writer.delete_documents_by_term(PART, term)
        writer.commit()
    finally:
        writer.wait_merging_threads()
    return place
