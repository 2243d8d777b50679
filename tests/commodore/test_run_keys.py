"""Run keys, Winlogon, image options and services on the fixtures' hives, on real ones, and on hives that are broken."""

from __future__ import annotations

import base64
import json
import lzma

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commodore.artefact import Record
from commodore.artefacts.windows.registry.autostart import ifeo, run_keys, services, winlogon
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.schema import registry
from commodore.sentence import sentence
from fixtures.hives.build import USER, files
from fixtures.hives.writer import Image, Key
from tests.commodore.damage import items, offered

FILES = files()
HOST = Host("c", profiles={USER: "C:\\Users\\agnes.m"}, users={USER: "agnes.m"}, system_root="C:\\Windows")
CONFIG = "C:\\Windows\\System32\\config\\"
TIME = 132_000_000_000_000_000
ALL = (run_keys, winlogon, ifeo, services)


def run(artefact, data, source=CONFIG + "SOFTWARE", host=HOST, logs=()):
    companions = {f"log{i}": Evidence(f"{source}.LOG{i}", log) for i, log in enumerate(logs, 1)}
    evidence = Evidence(source, data, companions=companions)
    out = list(items(artefact, evidence, host))
    records = [r for r in out if isinstance(r, Record)]
    assert len({r.locator for r in records}) == len(records)
    return records, [p for p in out if not isinstance(p, Record)]


def hive(**keys):
    root = Key("ROOT", TIME)
    for path, values in keys.items():
        key = root.at(path.replace("/", "\\"))
        key.put(**values)
    return Image(root, TIME, "x").hive()


def test_every_kind_of_run_key_is_read_in_machine_and_user_hives():
    base = "Microsoft/Windows/CurrentVersion"
    places = [
        f"{base}/Run",
        f"{base}/RunOnce",
        f"{base}/RunOnce/Setup",
        f"{base}/RunOnceEx/001",
        f"{base}/RunOnceEx/001/Depend",
        f"{base}/RunEx",
        f"{base}/RunServices",
        f"{base}/RunServicesOnce",
        f"{base}/Policies/Explorer/Run",
        f"Wow6432Node/{base}/Run",
        "Microsoft/Windows NT/CurrentVersion/Terminal Server/Install/Software/Microsoft/Windows/CurrentVersion/Run",
    ]
    user = ("Software/", "C:\\Users\\agnes.m\\NTUSER.DAT", f"HKU\\{USER}")
    for below, source, view in (("", CONFIG + "SOFTWARE", "HKLM\\SOFTWARE"), user):
        data = hive(**{below + place: {f"v{i}": f"C:\\p{i}.exe"} for i, place in enumerate(places)})
        records, problems = run(run_keys, data, source)
        assert {r.fields["registry.path"] for r in records} == {
            f"{view}\\{(below + place).replace('/', chr(92))}\\v{i}" for i, place in enumerate(places)
        }
        assert not problems
        assert run_keys.expected(offered(run_keys.ARTEFACT, Evidence(source, data))) == len(places)


def test_the_value_that_only_the_log_has_is_found_and_marked():
    source = "C:\\Users\\agnes.m\\NTUSER.DAT"
    without, problems = run(run_keys, FILES["NTUSER.DAT"], source)
    assert [r.fields["registry.value"] for r in without] == ["OneDrive"]
    assert [p.reason for p in problems] == ["hive is dirty and has no transaction log: its latest changes are not seen"]
    records, problems = run(run_keys, FILES["NTUSER.DAT"], source, logs=[FILES["NTUSER.DAT.LOG1"]])
    assert [(r.fields["registry.value"], r.state) for r in records] == [("OneDrive", "allocated"), ("OneDriveUpd", "replayed")]
    assert not problems
    assert records[1].fields["process.executable"] == "C:\\Users\\Public\\wh.exe"
    assert (records[1].fields["user.name"], records[1].fields["user.id"]) == ("agnes.m", USER)


def test_a_refused_log_is_a_problem_and_the_hive_is_still_read():
    bad = bytearray(FILES["NTUSER.DAT.LOG1"])
    bad[700] ^= 1
    records, problems = run(run_keys, FILES["NTUSER.DAT"], "C:\\Users\\agnes.m\\NTUSER.DAT", logs=[bytes(bad)])
    assert [r.state for r in records] == ["allocated"]
    assert [p.reason for p in problems] == ["log refused: entry 41 at offset 512: wrong hash of its pages"]


@pytest.mark.parametrize(
    ("source", "view"),
    [
        ("C:\\Users\\agnes.m\\ntuser.dat", f"HKU\\{USER}"),
        ("C:\\Users\\paul\\NTUSER.DAT", "HKU\\paul"),
        ("C:\\Windows\\ServiceProfiles\\LocalService\\NTUSER.DAT", "HKU\\S-1-5-19"),
        ("C:\\Windows\\System32\\config\\systemprofile\\NTUSER.DAT", "HKU\\S-1-5-18"),
        ("C:\\Windows\\System32\\config\\DEFAULT", "HKU\\.DEFAULT"),
        ("C:\\case\\NTUSER.DAT", "HKU\\agnes.m"),
        ("C:\\Documents and Settings\\joe\\NTUSER.DAT", "HKU\\joe"),
        ("C:\\case\\NTUSER-copy.DAT", "?\\NTUSER-copy.DAT"),
        ("/mnt/x/Users/paul/NTUSER.DAT", "HKU\\paul"),
    ],
)
def test_the_file_name_and_its_place_decide_the_view(source, view):
    records, _ = run(run_keys, FILES["NTUSER.DAT"], source)
    assert records[0].fields["registry.hive"] == view
    assert records[0].fields["registry.path"] == f"{view}\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\OneDrive"


def test_the_data_stays_lossless_where_text_cannot_hold_it():
    data = hive(**{"Microsoft/Windows/CurrentVersion/Run": {"a": "C:\\x.exe\0hidden", "b": b"\1\2\3\4\5", "c": ""}})
    records = {r.fields["registry.value"]: r.fields for r in run(run_keys, data)[0]}
    assert records["a"]["registry.data.strings"] == ["C:\\x.exe"]
    assert base64.b64decode(records["a"]["registry.data.bytes"]).decode("utf-16-le") == "C:\\x.exe\0hidden\0"
    assert "registry.data.strings" not in records["b"]
    assert sentence(run_keys.ARTEFACT.message)(records["b"]).endswith("\\Run\\b holds no command (REG_BINARY).")
    assert "process.command_line" not in records["c"]


def test_userinit_and_shell_are_whole_lists_and_only_values_that_start_something():
    records, _ = run(winlogon, FILES["SOFTWARE"])
    found = {r.fields["registry.value"]: r.fields for r in records}
    assert found.keys() == {"Userinit", "Shell"}
    assert found["Userinit"]["registry.data.strings"] == ["C:\\Windows\\system32\\userinit.exe,C:\\Users\\Public\\wh.exe,"]
    assert "process.executable" not in found["Userinit"]
    nt = "Microsoft/Windows NT/CurrentVersion/Winlogon"
    data = hive(**{nt: {"Userinit": "C:\\Windows\\system32\\userinit.exe,", "Background": "0"}, f"{nt}/Notify/evil": {"DllName": "x.dll"}})
    records, _ = run(winlogon, data)
    assert {r.fields["registry.value"]: r.fields.get("process.executable") for r in records} == {
        "Userinit": "C:\\Windows\\system32\\userinit.exe",
        "DllName": None,
    }
    policy = "Software/Microsoft/Windows/CurrentVersion/Policies/System"
    data = hive(**{"Software/" + nt: {"Shell": "C:\\evil.exe"}, policy: {"Shell": "e.exe"}})
    records, _ = run(winlogon, data, "C:\\Users\\agnes.m\\NTUSER.DAT")
    assert [r.fields["user.name"] for r in records] == ["agnes.m", "agnes.m"]


def test_debuggers_are_found_with_their_image_filter_and_silent_exit():
    nt = "Microsoft/Windows NT/CurrentVersion"
    options = "Image File Execution Options"
    data = hive(
        **{
            f"{nt}/{options}/sethc.exe": {"Debugger": "cmd.exe"},
            f"{nt}/{options}/plain.exe": {"GlobalFlag": 2},
            f"{nt}/{options}/a.exe/0": {"Debugger": "d.exe", "FilterFullPath": "C:\\x\\a.exe"},
            f"Wow6432Node/{nt}/{options}/b.exe": {"debugger": "e.exe"},
            f"{nt}/SilentProcessExit/c.exe": {"MonitorProcess": "C:\\m.exe"},
        }
    )
    found = {r.fields["escadre.ifeo.image"]: r.fields for r in run(ifeo, data)[0]}
    assert {k: v["process.command_line"] for k, v in found.items()} == {
        "sethc.exe": "cmd.exe",
        "a.exe": "d.exe",
        "b.exe": "e.exe",
        "c.exe": "C:\\m.exe",
    }
    assert found["a.exe"]["escadre.ifeo.filter"] == "C:\\x\\a.exe"


def test_services_of_every_control_set_with_their_libraries():
    records, problems = run(services, FILES["SYSTEM"], CONFIG + "SYSTEM")
    found = {r.fields["service.name"]: r.fields for r in records}
    assert not problems
    assert services.expected(offered(services.ARTEFACT, Evidence(CONFIG + "SYSTEM", FILES["SYSTEM"]))) == len(records) == 6
    assert found["WinHlpSvc"]["process.executable"] == "C:\\Users\\Public\\wh.exe"
    assert found["WinHlpSvc"]["escadre.service.start"] == "auto"
    assert found["NetHlp"]["escadre.service.dll"] == found["NetHlp"]["dll.path"] == "C:\\ProgramData\\nethlp.dll"
    assert found["Tcpip"]["service.type"] == ["kernel driver"]
    assert found["Tcpip"]["process.executable"] == "C:\\Windows\\System32\\drivers\\tcpip.sys"
    assert found["Spooler"]["service.type"] == ["own process", "interactive"]
    data = hive(
        **{
            "Select": {"Current": 2},
            "ControlSet001/Services/a": {"Start": 9, "Type": 0x4000, "FailureCommand": "boo.exe"},
            "ControlSet002/Services/a": {"ServiceDll": "%SystemRoot%\\x.dll"},
            "ControlSetX/Services/b": {},
            "ControlSet003": {},
        }
    )
    records, _ = run(services, data, CONFIG + "SYSTEM")
    seen = [(r.fields["escadre.registry.control_set"], r.fields["escadre.registry.current"]) for r in records]
    assert seen == [(1, False), (2, True)]
    assert records[0].fields["escadre.service.start"] == "9"
    assert records[0].fields["escadre.settings"] == ["FailureCommand=boo.exe"]
    assert records[1].fields["dll.path"] == "C:\\Windows\\x.dll"


# --- truths


def of_regipy(corpus, name):
    return lzma.decompress((corpus / f"hives/mkorman90+regipy/regipy_tests/data/{name}.xz").read_bytes())


def test_regipys_persistence_plugin_and_plaso_say_the_same(corpus):
    cases = json.loads((corpus / "truth-shared/regipy_expected.json").read_text())["validation_cases"]
    truth = next(c for c in cases if c["plugin"] == "NTUserPersistencePlugin")["exact_expected_result"]
    records, _ = run(run_keys, of_regipy(corpus, "NTUSER.DAT"), "C:\\Users\\x\\NTUSER.DAT")
    got = {"\\" + r.fields["registry.key"]: (r.fields["@timestamp"][:26], r.fields["registry.data.strings"]) for r in records}
    assert got == {k: (v["timestamp"][:26], [v["values"][0]["value"]]) for k, v in truth.items()}
    tests = [
        t
        for t in json.loads((corpus / "truth-shared/plaso_expected.json").read_text())["tests"]
        if "winreg_plugins/run.py" in t["test"] and t["on_disk"]
    ]
    assert len(tests) == 2
    for test in tests:
        records, _ = run(run_keys, (corpus / test["on_disk"][0]).read_bytes(), "C:\\Users\\x\\NTUSER.DAT")
        for event in test["events"]:
            key = event["key_path"].removeprefix("HKEY_CURRENT_USER\\")
            mine = [r.fields for r in records if r.fields["registry.key"] == key]
            assert [f"{f['registry.value']}: {f['registry.data.strings'][0]}" for f in mine] == event["entries"]
            assert {f["@timestamp"] for f in mine} == {event["last_written_time"].replace("+00:00", "Z")}


@pytest.mark.parametrize("name", ["SYSTEM", "SYSTEM_2", "SYSTEM_B"])
def test_services_of_real_hives_are_those_that_python_registry_lists(corpus, name):
    import io

    from Registry import Registry

    data = of_regipy(corpus, name)
    records, _ = run(services, data, CONFIG + "SYSTEM")
    theirs = {}
    root = Registry.Registry(io.BytesIO(data)).root()
    for top in root.subkeys():
        if not top.name().startswith("ControlSet"):
            continue
        for key in top.subkey("Services").subkeys():
            values = {v.name().lower(): v for v in key.values()}
            image = values["imagepath"].value().rstrip("\0") if "imagepath" in values else None
            start = values["start"].value() if "start" in values else None
            theirs[int(top.name()[-3:]), key.name()] = (image or None, start)
    words = {"boot": 0, "system": 1, "auto": 2, "demand": 3, "disabled": 4, None: None}
    mine = {
        (r.fields["escadre.registry.control_set"], r.fields["service.name"]): (
            r.fields.get("process.command_line"),
            words[r.fields.get("escadre.service.start")],
        )
        for r in records
    }
    assert mine == theirs
    assert len(mine) > 400


def test_services_that_only_the_logs_have(corpus):
    logs = [of_regipy(corpus, "SYSTEM_B.LOG1"), of_regipy(corpus, "SYSTEM_B.LOG2")]
    before, _ = run(services, of_regipy(corpus, "SYSTEM_B"), CONFIG + "SYSTEM")
    after, problems = run(services, of_regipy(corpus, "SYSTEM_B"), CONFIG + "SYSTEM", logs=logs)
    assert not problems
    fresh = {r.fields["service.name"] for r in after} - {r.fields["service.name"] for r in before}
    assert fresh
    assert {r.state for r in after if r.fields["service.name"] in fresh} == {"replayed"}
    assert {r.state for r in before} == {"allocated"}


# --- bad input


@pytest.mark.parametrize("artefact", ALL, ids=lambda a: a.ARTEFACT.name)
@pytest.mark.parametrize(
    "data", [b"", b"regf", bytes(9000), b"MZ" * 5000, FILES["NTUSER.DAT.LOG1"]], ids=["empty", "short", "zeroes", "exe", "log"]
)
def test_what_is_no_hive_is_one_problem(artefact, data):
    records, problems = run(artefact, data)
    assert not records
    assert len(problems) == 1


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["SYSTEM", "SOFTWARE", "NTUSER.DAT"]),
    st.lists(st.tuples(st.integers(0, 12287), st.integers(0, 255)), max_size=50),
    st.integers(0, 12288),
)
def test_damage_never_raises_and_fields_keep_their_types(name, flips, end):
    data = bytearray(FILES[name])
    for at, value in flips:
        data[at % len(data)] = value
    known = registry()
    for artefact in ALL:
        for record in run(artefact, bytes(data[:end]), CONFIG + name, logs=[FILES["NTUSER.DAT.LOG1"]])[0]:
            for key, value in record.fields.items():
                assert key in known
                assert isinstance(value, list) == known[key].many
                json.dumps(value).encode()


def test_a_value_too_long_to_be_kept_whole_is_told():
    long = "C:\\b.exe " + "A" * 600_000
    (record,), problems = run(run_keys, hive(**{"Microsoft/Windows/CurrentVersion/Run": {"huge": long}}))
    assert len(base64.b64decode(record.fields["registry.data.bytes"])) == 1 << 20
    assert [p.reason for p in problems] == ["1,048,576 of 1,200,020 bytes of a value were kept"]
