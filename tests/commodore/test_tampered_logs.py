"""Event logs that somebody changed after Windows wrote them: each contradiction is told, and no event of what is left is lost.

The log is one of the corpus that was closed: Windows numbers its events without gaps, and its header names the next one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import pytest

from commodore.artefact import Record
from commodore.artefacts.windows.logs import evtx
from commodore.evidence import Evidence
from tests.commodore.damage import HOST, items

HEADER, CHUNK = 4096, 65536


def summed(log: bytearray) -> None:
    """Write the right checksum into the file header."""
    log[124:128] = zlib.crc32(bytes(log[:120])).to_bytes(4, "little")


def chunk_summed(log: bytearray, number: int) -> None:
    """Write the right checksums into the header of a chunk."""
    at = HEADER + number * CHUNK
    free = int.from_bytes(log[at + 48 : at + 52], "little")
    log[at + 52 : at + 56] = zlib.crc32(bytes(log[at + 512 : at + free])).to_bytes(4, "little")
    log[at + 124 : at + 128] = zlib.crc32(bytes(log[at + 128 : at + 512]), zlib.crc32(bytes(log[at : at + 120]))).to_bytes(4, "little")


def records(log: bytearray, number: int) -> list[tuple[int, int, int]]:
    """Return (offset, size, id) of the records of a chunk."""
    start = HEADER + number * CHUNK
    at, end, found = start + 512, start + int.from_bytes(log[start + 48 : start + 52], "little"), []
    while at < end:
        _, size, record = struct.unpack_from("<IIQ", log, at)
        found.append((at, size, record))
        at += size
    return found


def last_chunk_cut(log: bytearray) -> None:
    chunks = log[42]
    del log[HEADER + (chunks - 1) * CHUNK :]
    log[42:44], log[16:24] = (chunks - 1).to_bytes(2, "little"), (chunks - 2).to_bytes(8, "little")
    summed(log)


def last_records_overwritten(log: bytearray) -> None:
    number = log[42] - 1
    start, (at, size, record) = HEADER + number * CHUNK, records(log, number)[-3]
    end = at + size - start
    log[start + end : start + CHUNK] = bytes(CHUNK - end)
    log[start + 44 : start + 52] = (at - start).to_bytes(4, "little") + end.to_bytes(4, "little")
    log[start + 16 : start + 24] = (int.from_bytes(log[start + 16 : start + 24], "little") - 2).to_bytes(8, "little")
    log[start + 32 : start + 40] = record.to_bytes(8, "little")
    chunk_summed(log, number)


def middle_chunk_cut(log: bytearray) -> None:
    chunks = log[42]
    del log[HEADER + CHUNK : HEADER + 2 * CHUNK]
    log[42:44], log[16:24] = (chunks - 1).to_bytes(2, "little"), (chunks - 2).to_bytes(8, "little")
    summed(log)


def chunk_doubled(log: bytearray) -> None:
    del log[HEADER + log[42] * CHUNK :]
    log += log[HEADER : HEADER + CHUNK]


def id_doubled(log: bytearray) -> None:
    (_, _, record), (at, _, _) = records(log, 0)[3:5]
    log[at + 8 : at + 16] = record.to_bytes(8, "little")
    chunk_summed(log, 0)


def header_changed(log: bytearray) -> None:
    log[124] ^= 1


def value_changed_without_checksums(log: bytearray) -> None:
    """The flag of the header says that the log has no checksums; its chunks have them."""
    log[120] |= 4
    at, size, _ = records(log, 0)[2]
    log[at + size - 20] ^= 1
    summed(log)


def chunk_zeroed(log: bytearray) -> None:
    log[HEADER + CHUNK : HEADER + 2 * CHUNK] = bytes(CHUNK)


ATTACKS: dict[Callable[[bytearray], None], tuple[str, set[int]]] = {
    last_chunk_cut: ("evtx-end-removed", {-1}),
    last_records_overwritten: ("evtx-end-removed", set()),
    middle_chunk_cut: ("evtx-record-gap", {1}),
    chunk_doubled: ("evtx-mixed", set()),
    id_doubled: ("evtx-record-gap", set()),
    header_changed: ("evtx-checksum", set()),
    value_changed_without_checksums: ("evtx-checksum", set()),
    chunk_zeroed: ("evtx-zeroed-chunk", {1}),
}
"""what was done → the kind of the contradiction, and the chunks whose records are gone"""


@pytest.fixture(scope="module")
def log(corpus) -> bytes:
    (path,) = (corpus / "evtx").rglob("ID5145-4624-DonPAPI full extraction.evtx")
    return path.read_bytes()


def read(data: bytes) -> tuple[int, set[str]]:
    found = list(items(evtx, Evidence("C:\\Windows\\System32\\winevt\\Logs\\Security.evtx", data), HOST))
    return sum(isinstance(item, Record) for item in found), {item.kind for item in found if not isinstance(item, Record) and item.kind}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_log_that_was_changed_contradicts_itself(log, attack) -> None:
    kind, gone = ATTACKS[attack]
    changed = bytearray(log)
    attack(changed)
    there = 750 - sum(len(records(bytearray(log), number % log[42])) for number in gone)
    number, kinds = read(bytes(changed))
    assert kind in kinds
    assert kinds == {kind}
    assert number >= there - 2


def test_as_windows_wrote_it_it_does_not(log) -> None:
    assert read(log) == (750, set())
