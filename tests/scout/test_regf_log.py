"""Transaction logs: replayed as Windows does, or refused with the reason. Logs are written by the fixtures' own writer."""

from __future__ import annotations

import io
import lzma
from struct import pack_into

import pytest

from fixtures.hives.writer import Image, Key, dirty_log, entry, log, made, sign
from scout.formats.regf import Hive
from scout.formats.regf.log import checksum, replay

TIME = 132_000_000_000_000_000


class Dirty:
    """A hive with three writes that were not finished, as pages of each."""

    def __init__(self, sequence: int = 100) -> None:
        root = Key("ROOT", TIME)
        run = root.at("Software\\Run").put(Old="old.exe")
        for number in range(40):
            root.at(f"Filler\\Key{number}").put(Text="x" * 60)
        self.image = Image(root, TIME, "NTUSER.DAT", sequence)
        self.primary = self.image.hive(dirty=True)
        self.writes, self.sizes = [], []
        for name in ("First", "Second", "Third"):
            before = bytes(self.image.bins)
            run.values.append(made(name, f"{name}.exe" + "y" * 900))
            run.written = TIME + len(self.writes) + 1
            self.image.link_values(run)
            self.writes.append(self.image.pages(before))
            self.sizes.append(len(self.image.bins))

    def entries(self, *numbers: int, flags: int = 0) -> list[bytes]:
        return [entry(self.image.sequence + n, self.sizes[n], self.writes[n], flags) for n in numbers]

    def log(self, *numbers: int, kind: int = 6) -> bytes:
        first = self.image.sequence + (numbers[0] if numbers else 0)
        return log(self.image.base_block(kind=kind, first=first, second=first), *self.entries(*numbers))


def names(data, logs):
    hive = Hive.open(data, logs)
    return [v.name for v in hive.find("Software\\Run").values()]


@pytest.fixture
def dirty():
    return Dirty()


def test_a_log_brings_what_the_hive_does_not_have(dirty):
    assert names(dirty.primary, []) == ["Old"]
    assert names(dirty.primary, [dirty.log(0, 1, 2)]) == ["Old", "First", "Second", "Third"]


def test_the_recovered_file_is_the_one_that_windows_would_have_written(dirty):
    result = replay(dirty.primary, [dirty.log(0, 1, 2)])
    whole = bytearray(dirty.image.base_block(first=102, second=102) + bytes(dirty.image.bins))
    assert bytes(result.data) == bytes(whole)
    assert checksum(result.data) == int.from_bytes(result.data[508:512], "little")
    assert result.applied == 3


def test_two_logs_are_ordered_by_sequence_number_not_by_name(dirty):
    one, two = dirty.log(0), dirty.log(1, 2)
    assert names(dirty.primary, [one, two]) == names(dirty.primary, [two, one]) == ["Old", "First", "Second", "Third"]


def test_sequence_numbers_may_wrap(dirty):
    late = Dirty(sequence=0xFFFFFFFF)
    head = late.image.base_block(kind=6, first=0xFFFFFFFF, second=0xFFFFFFFF)
    first = log(head, *[entry((0xFFFFFFFF + n) & 0xFFFFFFFF, late.sizes[n], late.writes[n]) for n in (0, 1)])
    second = log(late.image.base_block(kind=6, first=1, second=1), entry(1, late.sizes[2], late.writes[2]))
    primary = late.image.base_block(first=0, second=0xFFFFFFFF) + late.primary[4096:]
    assert names(primary, [second, first]) == ["Old", "First", "Second", "Third"]


def test_only_what_a_log_changed_is_replayed(dirty):
    hive = Hive.open(dirty.primary, [dirty.log(0, 1, 2)])
    states = {v.name: v.replayed for v in hive.find("Software\\Run").values()}
    assert states == {"Old": False, "First": True, "Second": True, "Third": True}
    assert not any(k.replayed or v.replayed for k in hive.find("Filler").subkeys() for v in k.values())
    assert hive.find("Software\\Run").replayed


def test_a_gap_in_the_chain_ends_it(dirty):
    assert names(dirty.primary, [dirty.log(0, 2)]) == ["Old", "First"]
    result = replay(dirty.primary, [dirty.log(0), dirty.log(2)])
    assert result.applied == 1
    assert result.refused == ("log refused: it begins at sequence number 102, 101 was expected",)


def test_leftovers_of_older_entries_are_passed_over_in_silence(dirty):
    old = entry(57, dirty.sizes[0], dirty.writes[2])
    result = replay(dirty.primary, [dirty.log(0) + old])
    assert (result.applied, result.refused) == (1, ())


@pytest.mark.parametrize(
    ("at", "reason"), [(24, "wrong hash of its header"), (60, "wrong hash of its pages"), (2000, "wrong hash of its pages")]
)
def test_an_entry_with_a_wrong_hash_is_refused_and_those_before_it_stay(dirty, at, reason):
    good, bad = dirty.entries(0, 1)
    bad = bytearray(bad)
    bad[at] ^= 1
    result = replay(dirty.primary, [dirty.image.base_block(kind=6)[:512] + good + bytes(bad)])
    assert result.applied == 1
    assert [r for r in result.refused if r.startswith("log refused: entry 101") and r.endswith(reason)]


def damaged(data, at, value):
    block = bytearray(data)
    pack_into("<I", block, at, value)
    return block


def test_logs_that_must_be_refused_are_and_the_hive_is_read_without_them(dirty):
    good = dirty.log(0, 1, 2)
    unsigned = damaged(good, 508, 1)
    unfinished = damaged(good, 8, 99)
    sign(unfinished)
    strange = damaged(good, 28, 3)
    sign(strange)
    cases = {
        "wrong checksum": unsigned,
        "was not finished": unfinished,
        "file type 3": strange,
        "no base block": b"HvLE" * 1000,
        "no log entry": dirty.log() + bytes(512),
        "before the hive's own 100": Dirty(60).log(0, 1, 2),
        "it is cut": good[:3000],
    }
    for reason, bad in cases.items():
        result = replay(dirty.primary, [bytes(bad)])
        assert result.data is dirty.primary, reason
        assert len(result.refused) == 1, reason
        assert result.refused[0].startswith("log refused: "), reason
        assert reason in result.refused[0], result.refused
        assert names(dirty.primary, [bytes(bad)]) == ["Old"]


def test_pages_outside_the_hive_are_refused(dirty):
    far = entry(100, dirty.sizes[0], [(dirty.sizes[0], b"\xff" * 4096)])
    result = replay(dirty.primary, [dirty.image.base_block(kind=6)[:512] + far])
    assert "a page lies outside the hive" in result.refused[0]
    huge = entry(100, 0xFFFFF000, [(0x70000000, b"\xff" * 4096)])
    result = replay(dirty.primary, [dirty.image.base_block(kind=6)[:512] + huge])
    assert len(result.data) == len(dirty.primary)


def test_a_clean_hive_ignores_its_logs(dirty):
    clean = dirty.image.base_block() + dirty.primary[4096:]
    result = replay(clean, [dirty.log(0, 1, 2)])
    assert result.data is clean
    assert (result.dirty, result.refused, result.ranges) == (False, (), ())


def test_a_missing_or_empty_log_leaves_the_hive_dirty_and_readable(dirty):
    for logs in ([], [b""], [b"", bytes(4096)]):
        hive = Hive.open(dirty.primary, logs)
        assert (hive.dirty, hive.applied, hive.refused) == (True, 0, ())
        assert hive.find("Software\\Run") is not None


@pytest.mark.parametrize("lost", [slice(0, 4096), slice(0, 512), slice(36, 40), slice(508, 512)])
def test_a_broken_base_block_is_taken_from_the_log(dirty, lost):
    primary = bytearray(dirty.primary)
    primary[lost] = bytes(lost.stop - lost.start)
    assert names(bytes(primary), [dirty.log(0, 1, 2)]) == ["Old", "First", "Second", "Third"]


def old_log(dirty, upto=3, **block):
    """The old format: all pages of the writes at once."""
    pages = dict(page for write in dirty.writes[:upto] for page in write)
    return dirty_log(dirty.image.base_block(kind=1, **block), len(dirty.image.bins), sorted(pages.items()))


def test_the_old_format_is_replayed_by_its_bitmap(dirty):
    result = replay(dirty.primary, [old_log(dirty)])
    assert bytes(result.data)[4096:] == bytes(dirty.image.bins)
    assert names(dirty.primary, [old_log(dirty)]) == ["Old", "First", "Second", "Third"]
    assert {v.name: v.replayed for v in Hive.open(dirty.primary, [old_log(dirty)]).find("Software\\Run").values()}["Old"] is False


def test_an_old_log_of_another_write_is_refused(dirty):
    other = bytearray(old_log(dirty))
    pack_into("<Q", other, 12, TIME - 1)
    sign(other)
    result = replay(dirty.primary, [bytes(other)])
    assert result.refused == ("log refused: its last written time is not the hive's",)
    assert names(dirty.primary, [b"", bytes(other), old_log(dirty)])[1:] == ["First", "Second", "Third"]


@pytest.mark.parametrize(("cut", "reason"), [(600, "dirty pages are cut"), (514, "no dirty vector"), (512, "no dirty vector")])
def test_a_cut_old_log_is_refused(dirty, cut, reason):
    result = replay(dirty.primary, [old_log(dirty)[:cut]])
    assert reason in result.refused[0]
    assert result.data is dirty.primary


def test_an_old_log_with_a_bin_in_the_wrong_place_is_refused(dirty):
    bad = bytearray(old_log(dirty))
    at = bad.index(b"hbin")
    pack_into("<I", bad, at + 4, 0x7000)
    assert "hive bin" in replay(dirty.primary, [bytes(bad)]).refused[0]


# --- evidence


@pytest.mark.parametrize(
    ("hive", "logs", "entries"),
    [
        ("SYSTEM_B", ("SYSTEM_B.LOG1", "SYSTEM_B.LOG2"), 24),
        ("UsrClass.dat", ("UsrClass.dat.LOG1", "UsrClass.dat.LOG2"), 14),
        ("transactions_NTUSER.DAT", ("transactions_ntuser.dat.log1", "transactions_ntuser.dat.log2"), 23),
    ],
)
def test_dirty_hives_of_the_corpus_come_out_byte_for_byte_as_python_registry_recovers_them(corpus, hive, logs, entries):
    from Registry import RegistryLog

    folder = corpus / "hives/mkorman90+regipy/regipy_tests/data"
    data, *given = (lzma.decompress((folder / f"{name}.xz").read_bytes()) for name in (hive, *logs))
    result = replay(data, given)
    assert (result.applied, result.refused) == (entries, ())
    target = io.BytesIO(data)
    readers = []
    for content in given:
        target.seek(0)
        readers.append(RegistryLog.RegistryLog(target, io.BytesIO(content)))
    eligible = sorted((r for r in readers if r.is_eligible_log()), key=lambda r: r.first_log_sequence())
    last = eligible[0].recover_hive()
    for reader in eligible[1:]:
        reader.recover_hive_continue(last + 1)
    assert bytes(result.data) == target.getvalue()


def test_a_log_of_the_wrong_hive_is_refused(corpus):
    """The sequence numbers of the second pair fit: the log is newer than the hive."""
    folder = corpus / "hives/mkorman90+regipy/regipy_tests/data"
    for hive, other, name in (
        ("SYSTEM_B", "UsrClass.dat.LOG1", "\\Microsoft\\Windows\\UsrClass.dat"),
        ("transactions_NTUSER.DAT", "SYSTEM_B.LOG1", "SYSTEM"),
    ):
        data, log = (lzma.decompress((folder / f"{file}.xz").read_bytes()) for file in (hive, other))
        result = replay(data, [log])
        assert (result.data, result.applied) == (data, 0)
        assert result.refused == (f"log refused: it belongs to another hive, {name}",)


def test_a_log_is_known_by_the_guid_of_its_hive_and_without_one_by_its_name(dirty):
    def changed(block, at, content):
        made = bytearray(block)
        made[at : at + len(content)] = content
        sign(made)
        return bytes(made)

    def applied(hive, log):
        return replay(hive, [log]).applied

    log, hive, one, other = dirty.log(0, 1, 2), dirty.primary, b"\1" * 16, b"\2" * 16
    assert applied(hive, log) == 3
    assert applied(changed(hive, 112, one), changed(log, 112, one)) == 3
    assert applied(changed(hive, 112, one), changed(log, 112, other)) == 0
    assert applied(hive, changed(log, 48, "other".encode("utf-16-le"))) == 0
    assert applied(changed(hive, 112, one), changed(changed(log, 48, b"o\0t\0"), 112, one)) == 3, "it was loaded from another place"
    assert applied(changed(hive, 112, one), log) == 3, "no GUID to compare"


def test_a_log_may_begin_at_the_second_sequence_number_of_the_hive_or_later(dirty):
    """The hive is at 101/100: its last write but one is finished."""
    assert names(dirty.primary, [dirty.log(0, 1, 2)]) == ["Old", "First", "Second", "Third"]
    behind = log(dirty.image.base_block(kind=6, first=140, second=140), entry(140, dirty.sizes[0], dirty.writes[0]))
    result = replay(dirty.primary, [behind])
    assert (result.applied, result.refused) == (1, ())
    before = log(dirty.image.base_block(kind=6, first=99, second=99), entry(99, dirty.sizes[0], dirty.writes[0]))
    result = replay(dirty.primary, [before])
    assert result.applied == 0
    assert result.refused == ("log refused: it begins at sequence number 99, before the hive's own 100",)
