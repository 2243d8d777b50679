"""The registry dataset: every key and value as other readers count them, secrets left out, and the second reader where ours refuses."""

from __future__ import annotations

import io
import json
from collections import Counter
from struct import pack, pack_into

import pytest

from commodore.artefacts.windows.registry import registry
from commodore.engine.process import process
from commodore.engine.redo import Redo
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers.hives import second
from commodore.readers.hives.secrets import withheld_class, withheld_orphan, withheld_values
from commodore.record import Problem, Record, RecordBatch
from fixtures.hives.writer import Image, Key
from scout.console import Complaint
from scout.formats.regf import Hive
from scout.formats.regf.log import checksum
from tests.commodore.cases import ledger, records
from tests.commodore.damage import items
from tests.commodore.registry_hives import HOST, SAM, SOFTWARE, SYSTEM, hive, of_corpus, run
from tests.scout.test_regf import BROKEN, load

TIME = 132_000_000_000_000_000


@pytest.mark.slow
@pytest.mark.corpus
def test_every_hive_of_the_corpus_gives_every_key_and_value_that_libregf_counts(corpus):
    """One record for each value and one for each key without values; each key's path is in one of them at least."""
    truth = json.loads((corpus / "truth-shared/hives_stats.json").read_text())
    checked = 0
    for known in truth:
        if "libregf_keys" not in known or any(name in known["path"] for name in BROKEN):
            continue
        data = load(corpus / known["path"])
        records = [item for item in items(registry, Evidence("C:\\odd name.bin", data), HOST) if isinstance(item, Record)]
        live = [record for record in records if record.state == "allocated"]
        values = sum("registry.value" in record.fields for record in live)
        keys = {record.fields["registry.key"] for record in live}
        assert (values, len(keys)) == (known["libregf_values"], known["libregf_keys"]), known["path"]
        assert len({record.locator for record in records}) == len(records), known["path"]
        checked += 1
    assert checked > 20


@pytest.mark.slow
@pytest.mark.corpus
def test_a_replayed_hive_has_the_keys_and_values_that_libregf_finds_in_the_recovered_file(corpus):
    import pyregf

    for name in ("SYSTEM_B", "UsrClass.dat", "transactions_NTUSER.DAT"):
        logs = [of_corpus(corpus, f"{name.replace('NTUSER.DAT', 'ntuser.dat')}.{ending}") for ending in _logs(name)]
        data = of_corpus(corpus, name)
        file = pyregf.file()
        file.open_file_object(io.BytesIO(bytes(Hive.open(data, logs).data)))
        stack, counted = [file.get_root_key()], Counter()
        while stack:
            key = stack.pop()
            counted["keys"] += 1
            counted["values"] += len(key.values)
            stack.extend(key.sub_keys)
        companions = {role: Evidence("x", log) for role, log in zip(("log1", "log2"), logs, strict=True)}
        found = [r for r in items(registry, Evidence(name, data, companions=companions), HOST) if isinstance(r, Record)]
        live = [r for r in found if r.state in ("allocated", "replayed")]
        assert sum("registry.value" in r.fields for r in live) == counted["values"], name
        assert len({r.fields["registry.key"] for r in live}) == counted["keys"], name
        assert any(r.state == "replayed" for r in live), name


def _logs(name: str) -> tuple[str, str]:
    return ("log1", "log2") if name.startswith("transactions") else ("LOG1", "LOG2")


@pytest.mark.corpus
def test_the_second_reader_gives_the_same_tree(corpus):
    for name in ("NTUSER.DAT", "SAM", "SECURITY", "BCD"):
        data = of_corpus(corpus, name)
        ours = {k.path: (k.last_written, [(v.name, v.raw) for v in k.values()]) for k in Hive.open(data).walk()}
        theirs = {k.path: (k.last_written, [(v[1], v[3]) for v in k.values]) for k in second.keys(data) if not isinstance(k, str)}
        assert ours.keys() == theirs.keys(), name
        odd = [path for path in ours if ours[path] != theirs[path]]
        # python-registry reads four bytes of any REG_DWORD that is not resident, and no more
        assert len(odd) <= len(ours) // 100, (name, odd[:5])


def test_a_hive_that_our_reader_refuses_is_read_by_the_second_and_says_so():
    data = bytearray(hive({"Microsoft\\Run": {"Update": "C:\\x.exe"}, "Empty": {}}))
    pack_into("<I", data, 28, 1)  # the file type of a transaction log
    found = list(items(registry, Evidence(SOFTWARE, bytes(data)), HOST))
    records = {r.fields["registry.path"]: r.fields for r in found if isinstance(r, Record)}
    assert records["HKLM\\SOFTWARE\\Microsoft\\Run\\Update"]["registry.data.strings"] == ["C:\\x.exe"]
    assert "HKLM\\SOFTWARE\\Empty" in records
    assert {fields["escadre.registry.reader"] for fields in records.values()} == {"python-registry"}
    assert [p.reason for p in found if isinstance(p, Problem)] == [
        "a transaction log, not a hive: refused, and read by python-registry, without logs and deleted keys"
    ]


def test_a_value_whose_cell_our_reader_refuses_is_read_by_the_second():
    root = Key("ROOT", TIME)
    root.at("Run").put(One="1.exe", Two="2.exe")
    image = Image(root, TIME, "x")
    two = root.keys[0].values[1]
    pack_into("<i", image.bins, two.offset, -8)  # no room for a value in a cell of this size
    found = list(items(registry, Evidence(SOFTWARE, image.hive()), HOST))
    records = {r.fields["registry.value"]: r for r in found if isinstance(r, Record) and "registry.value" in r.fields}
    assert records["Two"].fields["registry.data.strings"] == ["2.exe"]
    assert records["Two"].fields["escadre.registry.reader"] == "python-registry"
    assert records["Two"].fields["registry.path"] == "HKLM\\SOFTWARE\\Run\\Two"
    assert "escadre.registry.reader" not in records["One"].fields
    assert any("read by python-registry" in p.reason for p in found if isinstance(p, Problem))


def test_the_second_reader_ends_where_lists_name_the_same_cells_again_and_again():
    """Each of 60 keys has the list of all 60, and each list of values is one value 60 times: with no bound, the circle has no end."""
    root = Key("ROOT", TIME)
    for number in range(60):
        root.at(f"Key{number:02d}").put(Text="x" * 4000)
    image = Image(root, TIME, "x")
    listed = bytes(image.bins)[root.offset + 4 + 28 :][:4]
    ring = image.cell(b"ri" + pack("<HI", 2, 0) + bytes(4))
    pack_into("<II", image.bins, ring + 8, ring, ring)  # a list of lists that names itself twice
    for number, key in enumerate(root.keys):
        pack_into("<I", image.bins, key.offset + 4 + 20, 60)
        image.bins[key.offset + 4 + 28 : key.offset + 4 + 32] = listed if number else pack("<I", ring)
        value = key.values[0].offset
        pack_into("<II", image.bins, key.offset + 4 + 36, 500, image.cell(pack("<I", value) * 500))
    found = list(second.keys(image.hive()))
    assert len({key.path for key in found if not isinstance(key, str)}) <= 61
    assert "python-registry: reading stopped: the lists refer to more than the hive can hold" in found


def test_the_name_of_a_key_is_bounded_and_batches_are_small():
    """All paths below repeat a name, and each record has its path three times: a hive of 1 MB made 5 GB of them."""
    deep = "\\".join(f"{level}{'x' * 5000}" for level in range(4))
    data = hive({deep: {f"v{number}": number for number in range(300)}})
    view = registry.ARTEFACT.holds.open(Evidence(SOFTWARE, data), HOST)
    batches = [item for item in registry.parse(view.offer(registry.ARTEFACT.holds), HOST) if isinstance(item, RecordBatch)]
    made = [record.fields for batch in batches for record in batch.each()]
    assert max(len(batch.records) for batch in batches) <= 128
    assert max(len(fields["registry.key"]) for fields in made) == 4 * 512 + 3
    assert sum("registry.value" in fields for fields in made) == 300
    assert {p.reason for p in view.problems()} == {"name of a key of 5,001 bytes: 512 were read"}


def test_no_record_has_secrets():
    secret = bytes(range(0x41, 0x41 + 24))
    keys = {
        "SAM\\Domains\\Account": {"F": secret, "V": b"kept"},
        "SAM\\Domains\\Account\\Users\\000003E9": {"V": secret, "SupplementalCredentials": secret, "ResetData": secret, "F": b"kept"},
        "Policy\\Secrets\\_SC_x\\CurrVal": {"(default)": secret},
        "Policy\\Secrets\\_SC_x\\OldVal": {"(default)": secret},
        "Policy\\PolEKList": {"(default)": secret},
        "Cache": {"NL$1": secret, "NL$10": secret, "NL$Control": b"kept"},
        "Microsoft\\Windows NT\\CurrentVersion\\Winlogon": {"DefaultPassword": "AB" * 9, "AltDefaultPassword": "AB" * 9},
    }
    records, _ = run("registry", keys, SAM)
    withheld = {
        (r["registry.key"], r["registry.value"]): r["escadre.registry.withheld"] for r in records if "escadre.registry.withheld" in r
    }
    assert len(withheld) == 11
    assert all("registry.data.bytes" not in r and "registry.data.strings" not in r for r in records if "escadre.registry.withheld" in r)
    assert not [r for r in records if "QUJDREVG" in r.get("registry.data.bytes", "") or "ABAB" in str(r)]
    assert sum(r.get("registry.data.bytes") == "a2VwdA==" for r in records) == 3
    assert withheld_class("ControlSet001\\Control\\Lsa\\JD") == "it contains a part of the boot key"
    assert withheld_class("ControlSet001\\Control\\Lsa") == ""
    assert withheld_orphan("V", 3) == "it contains password hashes"
    assert withheld_values("Software\\Microsoft") is None


def test_a_record_says_what_it_is():
    records, problems = run("registry", {"ControlSet001\\Services\\x": {"Start": 2}, "Select": {"Current": 1}}, SYSTEM)
    by_path = {r["registry.path"]: r for r in records}
    start = by_path["HKLM\\SYSTEM\\ControlSet001\\Services\\x\\Start"]
    assert (start["registry.key"], start["registry.value"], start["registry.data.type"]) == (
        "ControlSet001\\Services\\x",
        "Start",
        "REG_DWORD",
    )
    assert (start["registry.data.strings"], start["escadre.registry.current"]) == (["2"], True)
    assert start["escadre.registry.unified"] == "HKLM\\SYSTEM\\CurrentControlSet\\Services\\x"
    assert start["message"] == "HKLM\\SYSTEM\\ControlSet001\\Services\\x\\Start is 2; the time is the last write of its key."
    assert by_path["HKLM\\SYSTEM"]["registry.key"] == ""
    assert "registry.value" not in by_path["HKLM\\SYSTEM"]
    assert problems == []


def test_a_zeroed_page_is_a_loss_in_the_count():
    root = Key("ROOT", TIME)
    for number in range(60):
        root.at(f"Key{number:02d}").put(Text="x" * 100, Other=number)
    data = bytearray(Image(root, TIME, "x").hive())
    view = registry.ARTEFACT.holds.open(Evidence(SOFTWARE, bytes(data)), Host("c")).offer(registry.ARTEFACT.holds)
    assert registry.expected(view) == 121
    data[8192:12288] = bytes(4096)
    records, problems = run("registry", bytes(data), SOFTWARE)
    view = registry.ARTEFACT.holds.open(Evidence(SOFTWARE, bytes(data)), Host("c")).offer(registry.ARTEFACT.holds)
    assert len(records) < registry.expected(view) <= 121
    assert problems


def test_a_dataset_can_be_left_out_and_made_later(tmp_path):
    config = tmp_path / "host" / "Windows" / "System32" / "config"
    config.mkdir(parents=True)
    (config / "SOFTWARE").write_bytes(hive({"Microsoft\\Windows\\CurrentVersion\\Run": {"Update": "C:\\x.exe"}}))
    (config / "COMPONENTS").write_bytes(hive({"Empty": {}}))
    process([tmp_path / "host"], tmp_path / "case", workers=1, skip=["registry"])
    assert not list((tmp_path / "case" / "records").glob("registry/*"))
    assert records(tmp_path / "case", "run_keys")
    rows = {(row["path"].rpartition("\\")[2], row["artefact"], row["reason"]) for row in ledger(tmp_path / "case")}
    assert not [row for row in rows if row[:2] == ("SOFTWARE", "registry")]
    process([], tmp_path / "case", workers=1, redo=Redo())
    process([tmp_path / "host"], tmp_path / "whole", workers=1)
    made, whole = (sorted(r["registry.path"] for r in records(tmp_path / case, "registry")) for case in ("case", "whole"))
    assert made == whole != []
    process([tmp_path / "host"], tmp_path / "only", workers=1, datasets=["run_keys"])
    assert {path.parent.name for path in (tmp_path / "only" / "records").glob("*/*")} == {"run_keys"}
    with pytest.raises(Complaint, match="No such dataset"):
        process([tmp_path / "host"], tmp_path / "x", skip=["nothing"])


def test_entries_of_a_differencing_hive_say_how_they_change_the_hive_below():
    """Version 1.6; bits 0 and 1 of byte 13 of a key, bit 1 of the flags of a value."""
    root = Key("ROOT", TIME)
    for number, name in enumerate(("A merged", "B deleted", "C replaced", "D tree")):
        root.at(name).put(Kept="1.exe", Gone="2.exe")
        assert root.keys[number].name == name
    image = Image(root, TIME, "x")
    for number, key in enumerate(root.keys):
        image.bins[key.offset + 4 + 13] |= number | 0x80
    gone = root.keys[0].values[1]
    image.bins[gone.offset + 4 + 16] |= 2
    for minor, layers, hidden in ((6, ["", "tombstone", "supersedes", "supersedes tree"], ["Gone"]), (5, [""] * 4, [])):
        data = bytearray(image.hive())
        pack_into("<I", data, 24, minor)
        pack_into("<I", data, 508, checksum(data))
        found = list(items(registry, Evidence(SOFTWARE, bytes(data)), HOST))
        records = [r.fields for r in found if isinstance(r, Record) and "registry.value" in r.fields]
        assert len(records) == 8
        assert [r.get("escadre.registry.layer", "") for r in records[::2]] == layers
        assert [r["registry.value"] for r in records[:2] if r.get("escadre.registry.layer")] == hidden
        assert any("differencing hive" in p.reason for p in found if isinstance(p, Problem)) == (minor == 6)
