"""Records that derivations choose: each gets its own, whether the parse pass wrote them apart or their lines are searched later."""

import random
import shutil

import orjson
import pytest

from commodore import catalogue
from commodore.chosen import ANY, Chosen, Sorter
from commodore.engine.process import process
from commodore.engine.redo import Redo
from commodore.record import RecordBatch
from fixtures.linux.build import auth_log
from fixtures.windows.evtx import Event, build
from tests.commodore.cases import content, forget, records

CHOICES = {
    "logons": Chosen({"code": ("1", "2")}),
    "tree": Chosen({"code": ("2", "3"), "line": ANY}),
    "all": Chosen({"code": ANY, "user": ("root",)}),
}


def test_a_sorter_names_everybody_who_chose_a_record():
    random.seed(4)
    who = Sorter(CHOICES.items()).who
    values = ["1", "2", "3", "9", "", 2, None, ["1"], "root"]
    for _ in range(2000):
        record = {name: random.choice(values) for name in random.sample(["code", "line", "user", "other"], random.randint(0, 4))}
        assert who(record) == {name for name, chosen in CHOICES.items() if chosen.fits(record)}, record
    assert who({"code": "2"}) == {"logons", "tree", "all"} and who({"user": "root"}) == {"all"} and not who({"code": 2})


def members(fields):
    return orjson.dumps(fields).decode()[1:-1]


def test_a_batch_passes_as_a_whole_only_where_nobody_chose_a_record_of_it():
    random.seed(5)
    sorter = Sorter({**CHOICES, "gone": Chosen({"escadre.state": ("deleted", "carved")})}.items())
    values = ["1", "3", "9", "", 2, ["1"], "root", "ada"]
    passed = 0
    for _ in range(2000):
        names = random.sample(["code", "line", "user", "other", "more"], 5)
        cut = random.randint(0, 5)
        shared = {name: random.choice(values) for name in names[:cut] if random.random() < 0.4}
        own = [{name: random.choice(values) for name in names[cut:] if random.random() < 0.2} for _ in range(random.randint(1, 3))]
        batch = RecordBatch(
            shared, [(str(n), (members(fields),), random.choice(["allocated"] * 9 + ["deleted"])) for n, fields in enumerate(own)]
        )
        chosen = any(sorter.who(record.fields | {"escadre.state": record.state}) for record in batch.each())
        assert sorter.passes(batch) is not chosen, batch
        passed += not chosen
    assert 200 < passed < 1800
    by_engine = Sorter([("all", Chosen({"event.action": ("seen",)}))])
    assert not by_engine.passes(RecordBatch({}, [("1", (), "allocated")])), "the declaration may say `seen`"
    assert by_engine.passes(RecordBatch({"event.action": "other"}, [("1", (), "allocated")]))


def test_of_a_whole_hive_only_what_is_gone_is_taken_apart():
    passes = catalogue.sorters()["registry"].passes
    assert passes(RecordBatch({"registry.key": "a"}, [("1", ('"registry.value":', '"b"'), "allocated"), ("2", (), "replayed")]))
    assert not passes(RecordBatch({"registry.key": "a"}, [("1", (), "allocated"), ("2", (), "deleted")]))


SECURITY, POWERSHELL, MANAGER = "Microsoft-Windows-Security-Auditing", "Microsoft-Windows-PowerShell", "Service Control Manager"
HIDDEN = "powershell -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkA"
DERIVED = sorted({name for name, made in catalogue.derivations().items() if made.artefact.chosen})


def events():
    """Logons, processes, script blocks, and events that nobody chose."""
    ticks = 132_000_000_000_000_000
    for n in range(30):
        provider, code, data = (
            (SECURITY, 4624, {"TargetUserName": "ada", "TargetLogonId": f"0x{n + 4096:x}", "LogonType": "2"}),
            (SECURITY, 4688, {"NewProcessId": f"0x{n + 16:x}", "NewProcessName": r"C:\x.exe", "ProcessId": "0x4", "CommandLine": HIDDEN}),
            (POWERSHELL, 4104, {"MessageNumber": "1", "MessageTotal": "1", "ScriptBlockText": HIDDEN, "ScriptBlockId": str(n)}),
            (SECURITY, 4625, {"TargetUserName": "bob", "IpAddress": "192.0.2.7", "LogonType": "3"}),
            (MANAGER, 7045, {"ServiceName": f"s{n}", "ImagePath": r"C:\x.exe", "StartType": "auto start", "AccountName": "LocalSystem"}),
            ("Nobody", 9, {"event.code": "4624", "text": '"event.code":"4624"'}),
        )[n % 6]
        yield Event("Security", provider, code, ticks + n * 10_000_000, f"2019-04-18T10:{n:02d}:00.0000000Z", "HOST", data)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    root = tmp_path_factory.mktemp("chosen") / "host"
    for name in ("a", "b", "c"):
        place = root / "var/log/logs" / f"{name}.evtx"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(build(list(events())))
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (root / "var/log/auth.log").write_text(auth_log())
    return root


@pytest.fixture(scope="module")
def case(host, tmp_path_factory):
    made = tmp_path_factory.mktemp("chosen-case") / "case"
    process([host], made, workers=1)
    return made


def test_derived_datasets_are_the_same_from_records_written_apart_and_from_lines_searched_later(host, case, tmp_path):
    assert DERIVED == ["decoded_commands", "logons", "persistence", "process_tree"] and all(records(case, name) for name in DERIVED)
    assert not list(case.rglob(".work/*/chosen")), "they go when the partition is complete"
    again = tmp_path / "case"
    shutil.copytree(case, again)
    process([], again, workers=1, redo=Redo(tuple(DERIVED)))
    assert content(again) == content(case)


def test_a_run_that_lost_the_records_written_apart_searches_lines(host, case, tmp_path):
    again = tmp_path / "case"
    shutil.copytree(case, again)
    forget(again)
    (journal,) = again.glob(".work/*/journal")
    kept = journal.read_bytes().splitlines(keepends=True)[:1]
    journal.write_bytes(b"".join(kept))
    assert b".chosen/logons/" in kept[0]
    process([host], again, workers=1)
    assert content(again) == content(case)
