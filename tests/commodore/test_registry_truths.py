"""Registry artefacts on the corpus' hives, against what other programs read there (regipy, plaso, EZ tools)."""

from __future__ import annotations

import json

import pytest

from commodore import catalogue
from commodore.artefacts.windows.registry.execution.shim_cache import CacheFormatError, cached
from scout.data import load_data
from tests.commodore.registry_hives import AMCACHE, NTUSER, SAM, SYSTEM, USRCLASS, of_corpus, run


def truth(corpus, plugin: str) -> dict:
    """The case of regipy's validation for a plugin."""
    cases = json.loads((corpus / "truth-shared/regipy_expected.json").read_text())["validation_cases"]
    return next(case for case in cases if case["plugin"] == plugin)


def events(corpus, test: str) -> list[dict]:
    """The events that one of plaso's tests expects."""
    tests = json.loads((corpus / "truth-shared/plaso_expected.json").read_text())["tests"]
    return next(t["events"] for t in tests if t["test"].endswith(test))


def when(text: str) -> str:
    """A time of regipy's to a tenth of a millisecond: it calculates with floating point."""
    return text.replace("+00:00", "")[:24]


def cut(time: str) -> str:
    return time.rstrip("Z")[:24]


# --- execution


def test_user_assist_has_the_counters_of_regipy_and_plaso(corpus):
    records, problems = run("user_assist", of_corpus(corpus, "NTUSER.DAT"), NTUSER)
    assert not problems
    expected = truth(corpus, "UserAssistPlugin")
    # regipy lists each entry twice, and the two counters of the session, which are no programs
    assert 2 * (len(records) + 2) == expected["expected_entries_count"]
    found = {r["escadre.execution.program"].rpartition("\\")[2]: r for r in records}
    for entry in expected["expected_entries"]:
        mine = found[entry["name"].rpartition("\\")[2]]
        assert cut(mine["process.start"])[:23] == when(entry["timestamp"])[:23]
        assert mine["escadre.execution.count"] == entry["run_counter"]
        assert mine["escadre.execution.focus_count"] == entry["focus_count"]
        assert mine["escadre.execution.focus_ms"] == entry["total_focus_time_ms"]
    plaso = corpus / "hives/log2timeline+plaso/test_data"
    for hive, test, count in (("NTUSER.DAT", "OnWinXP", 13), ("regf/NTUSER.DAT", "OnWindows8NtUserDat", 11)):
        records, _ = run("user_assist", (plaso / hive).read_bytes(), NTUSER)
        assert len(records) == count
        (event,) = events(corpus, f"UserAssistPluginTest.testProcess{test}")
        (mine,) = [r for r in records if r["escadre.execution.program"] == event["value_name"]]
        assert mine["process.start"] == event["last_execution_time"].replace("+00:00", "Z")
        assert mine["escadre.execution.count"] == event["number_of_executions"]
        assert mine.get("escadre.execution.focus_count") == event.get("application_focus_count")
        assert mine.get("escadre.execution.focus_ms") == event.get("application_focus_duration")


def test_the_activity_moderator_has_the_entries_of_regipy(corpus):
    records, _ = run("activity_moderator", of_corpus(corpus, "SYSTEM_WIN_10_1709"), SYSTEM)
    expected = truth(corpus, "BAMPlugin")
    assert len(records) == expected["expected_entries_count"]
    for entry in expected["expected_entries"]:
        key = entry["key_path"].removeprefix("\\").lower()
        (mine,) = [r for r in records if (r["escadre.execution.program"], r["registry.key"].lower()) == (entry["executable"], key)]
        assert mine["user.id"] == entry["sid"]
        assert cut(mine["process.start"]) == when(entry["timestamp"])


def _caches(corpus):
    folder = corpus / "shimcache/EricZimmerman+AppCompatCacheParser/AppCompatCacheParserTest/TestFiles"
    return {path.name.lower(): path.read_bytes() for path in folder.glob("*.bin")}


@pytest.mark.parametrize(
    ("test", "file"),
    [
        ("Win2k8Std_ShouldFindEntries", "win2k8standard.bin"),
        ("Win10_CreatorsShouldFindEntries", "win10creators.bin"),
        ("Win10ShouldFindEntries", "win10.bin"),
        ("Win7x64ShouldFindEntries", "win7x64.bin"),
        ("Win7x86ShouldFindEntries", "win7x86.bin"),
        ("WinXpx86ShouldFindEntries", "winxpx86.bin"),
        ("Win80ShouldFindEntries", "win80.bin"),
        ("Win81ShouldFindEntries", "win81.bin"),
    ],
)
def test_shim_caches_of_all_windows_have_the_entries_of_their_publisher(corpus, test, file):
    tests = json.loads((corpus / "truth-shared/ez_expected.json").read_text())["tests"]
    (expect,) = [t["expect"] for t in tests if t["test"] == test]
    entries = list(cached(_caches(corpus)[file]))
    for subject, _, value in expect:
        value = value.strip('"')
        if subject == "a.Entries.Count":
            assert len(entries) == int(value)
        elif subject.startswith("a.Entries["):
            number, _, what = subject.removeprefix("a.Entries[").partition("].")
            entry = entries[int(number)]
            if what == "PathSize":
                assert 2 * len(entry.path) == int(value)
            elif what == "Path":
                assert value in entry.path
            else:
                assert entry.ran is {"Yes": True, "No": False, "NA": None}[value.rpartition(".")[2]]


def test_a_shim_cache_of_another_version_is_refused_and_a_cut_one_keeps_what_was_before(corpus):
    for data in _caches(corpus).values():
        with pytest.raises(CacheFormatError, match="unknown format"):
            list(cached(bytes([data[0] ^ 0x11]) + data[1:]) if data[0] else cached(b"\x11" + data[1:]))
        whole, left = list(cached(data)), []
        with pytest.raises(CacheFormatError):
            for entry in cached(data[: len(data) // 3]):
                left.append(entry)
        assert left == whole[: len(left)]


def test_the_shim_cache_of_a_hive_has_the_entries_of_regipy(corpus):
    records, problems = run("shim_cache", of_corpus(corpus, "SYSTEM"), SYSTEM)
    expected = truth(corpus, "ShimCachePlugin")
    assert not problems
    assert len(records) == expected["expected_entries_count"]
    for entry in expected["expected_entries"]:
        mine = next(r for r in records if r["file.path"] == entry["path"])
        assert cut(mine["file.mtime"])[:19] == when(entry["last_mod_date"])[:19]
        assert str(mine["escadre.cache.ran"]) == entry["exec_flag"]


# --- what a user opened and typed


def test_shell_bags_have_the_folders_of_regipy_and_plaso(corpus):
    records, problems = run("shell_bags", of_corpus(corpus, "NTUSER_BAGMRU.DAT"), NTUSER)
    assert [p for p in problems if p.lost] == []
    assert len(records) == truth(corpus, "ShellBagNtuserPlugin")["expected_entries_count"] == 102
    (mine,) = [r for r in records if r["registry.path"].endswith("BagMRU\\2\\0\\0")]  # the case that regipy spells out
    assert (mine["file.name"], mine["escadre.mru.position"]) == ("rekall", 0)
    (above,) = [r for r in records if r["registry.path"].endswith("BagMRU\\2\\0")]  # regipy shows the slot of the folder above
    assert above["escadre.shell.node_slot"] == 11
    assert (mine["file.created"], mine["file.accessed"], mine["file.mtime"]) == (
        "2021-08-16T09:41:32Z",
        "2021-08-16T09:43:22Z",
        "2021-08-16T09:41:32Z",
    )
    records, problems = run("shell_bags", of_corpus(corpus, "UsrClass.dat"), USRCLASS)
    expected = truth(corpus, "ShellBagUsrclassPlugin")
    assert [p for p in problems if p.lost] == []
    assert len(records) == expected["expected_entries_count"] == 29
    (entry,) = expected["expected_entries"]
    (mine,) = [r for r in records if r["registry.path"].endswith("BagMRU\\9")]
    assert mine["escadre.mru.position"] == entry["mru_order_location"]
    assert cut(mine["escadre.registry.last_written"]) == when(entry["last_write"])
    plaso = (corpus / "hives/log2timeline+plaso/test_data/regf/UsrClass.dat").read_bytes()
    records, _ = run("shell_bags", plaso, USRCLASS)
    top = [(r["escadre.mru.position"], r["escadre.shell.path"]) for r in records if r["registry.path"].split("\\")[-2] == "BagMRU"]
    assert sorted(top) == [(0, "Control Panel"), (1, "My Computer")]


def test_lists_of_dialogs_have_the_paths_and_times_of_plaso(corpus):
    data = (corpus / "hives/log2timeline+plaso/test_data/NTUSER-WIN7.DAT").read_bytes()
    records, problems = run("open_save_mru", data, NTUSER)
    assert not problems
    setups = [r for r in records if r["registry.key"].endswith("\\exe")]
    assert [r["escadre.shell.path"] for r in sorted(setups, key=lambda r: r["escadre.mru.position"])] == [
        "P:\\Application Tools\\Firefox 6.0\\Firefox Setup 6.0.exe",
        "\\\\controller\\WebDavShare\\Firefox Setup 3.6.12.exe",
    ]
    event = events(corpus, "TestMRUListExShellItemListWindowsRegistryPlugin.testProcess")[1]
    reference = event["file_reference"]
    lines = [line for r in records for line in r["escadre.shell.items"] if f"MFT {reference}" in line]
    assert all(line.startswith(event["long_name"]) for line in lines)
    times = f"created {event['creation_time']}, modified {event['modification_time']}".replace("+00:00", "Z")
    assert any(times in line for line in lines)
    records, problems = run("last_visited_mru", data, NTUSER)
    assert not problems
    assert [r["process.name"] for r in sorted(records, key=lambda r: r["escadre.mru.position"])] == [
        "chrome.exe",
        "{48E1ED6B-CF49-4609-B1C1-C082BFC3D0B4}",
        "{427865A0-03AF-4F25-82EE-10B6CB1DED3E}",
        "{24B5C9BB-48B5-47FF-8343-40481DBA1E2B}",
        "{0B8CFE96-DB69-4D33-8E3C-36EAB4F709E0}",
        "{D4F85F66-003D-4127-BCE9-CAD7A57B2857}",
        "iexplore.exe",
        "Skype.exe",
    ]
    records, problems = run("recent_docs", data, NTUSER)
    assert not problems
    everything = sorted((r for r in records if r["registry.key"].endswith("RecentDocs")), key=lambda r: r["escadre.mru.position"])
    (event,) = [e for e in events(corpus, "TestMRUListExStringAndShellItemWindowsRegistryPlugin.testProcess") if e["entries"]]
    assert len(everything) == len(event["entries"])
    for mine, entry in zip(everything, event["entries"], strict=True):
        assert f"[MRU Value {mine['registry.value']}]: Path: {mine['file.name']}, Shell item: [" in entry


def test_typed_and_searched_words_are_those_of_regipy_and_plaso(corpus):
    expected = truth(corpus, "TypedPathsPlugin")["exact_expected_result"]
    records, _ = run("typed_paths", of_corpus(corpus, "NTUSER_BAGMRU.DAT"), NTUSER)
    theirs = [path for entry in expected["entries"] for path in entry.values()]
    assert [r["file.path"] for r in sorted(records, key=lambda r: r["escadre.mru.position"])] == theirs
    assert [cut(r["@timestamp"]) for r in records if "@timestamp" in r] == [when(expected["last_write"])]
    expected = truth(corpus, "TypedUrlsPlugin")["exact_expected_result"]
    records, _ = run("typed_urls", of_corpus(corpus, "NTUSER.DAT"), NTUSER)
    assert [{r["registry.value"]: r["url.full"]} for r in records] == expected["entries"]
    (event,) = events(corpus, "TypedURLsTimePluginTest.testProcess")
    records, _ = run("typed_urls", (corpus / "hives/log2timeline+plaso/test_data/regf/NTUSER.DAT").read_bytes(), NTUSER)
    assert f"url1: {records[0]['url.full']}" == event["entry"]
    assert records[0]["@timestamp"] == event["last_visited_time"].replace("+00:00", "Z")
    expected = truth(corpus, "WordWheelQueryPlugin")
    records, _ = run("word_wheel_query", of_corpus(corpus, "NTUSER.DAT"), NTUSER)
    assert len(records) == expected["expected_entries_count"]
    (entry,) = expected["expected_entries"]
    (mine,) = [r for r in records if r["escadre.mru.position"] == entry["order"]]
    assert (mine["escadre.search.text"], mine["registry.value"]) == (entry["name"], str(entry["mru_id"]))
    assert cut(mine["@timestamp"]) == when(entry["last_write"])


def test_office_documents_have_their_own_times(corpus):
    data = (corpus / "hives/log2timeline+plaso/test_data/NTUSER-WIN7.DAT").read_bytes()
    records, _ = run("office_mru", data, NTUSER)
    _, event = events(corpus, "OfficeMRUPluginTest.testProcess")
    (mine,) = [r for r in records if event["value_string"].endswith(f"*{r['file.path']}")]
    assert mine["@timestamp"] == event["last_written_time"].replace("+00:00", "Z")
    word = [r["registry.value"] for r in records if r["registry.key"].endswith("Word\\File MRU")]
    assert word == [f"Item {n}" for n in range(1, 6)]


# --- inventories


def test_amcache_has_the_files_and_programs_of_regipy_and_plaso(corpus):
    records, problems = run("amcache_files", of_corpus(corpus, "amcache.hve"), AMCACHE)
    expected = truth(corpus, "AmCachePlugin")
    assert [p for p in problems if p.lost] == []
    assert len(records) == expected["expected_entries_count"]
    (entry,) = expected["expected_entries"]
    (mine,) = [r for r in records if r["file.path"] == entry["full_path"] and cut(r["@timestamp"]) == when(entry["timestamp"])]
    assert mine["file.hash.sha1"] == entry["sha1"]
    assert mine["escadre.amcache.program_id"].endswith(entry["program_id"])
    old = (corpus / "hives/log2timeline+plaso/test_data/winreg/Amcache.hve").read_bytes()
    file, program = events(corpus, "AMCachePluginTest.testProcess")
    (mine,) = [r for r in run("amcache_files", old, AMCACHE)[0] if r["file.path"] == file["full_path"]]
    for field, theirs in (
        ("file.created", "file_creation_time"),
        ("file.mtime", "file_modification_time"),
        ("escadre.amcache.linked", "link_time"),
    ):
        assert mine[field] == file[theirs].replace("+00:00", "Z")
    assert mine["file.hash.sha1"] == file["sha1"]
    installed = program["installation_time"].replace("+00:00", "Z")
    named = [r for r in run("amcache_programs", old, AMCACHE)[0] if r.get("package.name") == program["name"]]
    (mine,) = [r for r in named if r.get("package.installed") == installed and r.get("escadre.package.paths") == program["file_paths"]]
    assert mine["escadre.package.publisher"] == program["publisher"]
    assert f"7={program['uninstall_key'][0]}" in mine["escadre.settings"]
    new = (corpus / "hives/log2timeline+plaso/test_data/winreg/win10-Amcache.hve").read_bytes()
    (event,) = events(corpus, "AMCachePluginTest.testProcessWindows10")
    (mine,) = [r for r in run("amcache_files", new, AMCACHE)[0] if r["file.path"] == event["full_path"]]
    assert mine["escadre.amcache.linked"] == event["link_time"].replace("+00:00", "Z")
    assert (mine["file.name"], f"0000{mine['file.hash.sha1']}") == (event["filename"], event["file_identifier"])


# --- autostart


def test_boot_entries_have_the_paths_and_disks_of_regipy(corpus):
    records, problems = run("boot_configuration", of_corpus(corpus, "BCD"), "C:\\Boot\\BCD")
    found = {r["escadre.boot.object"]: r for r in records}
    expected = truth(corpus, "BootEntryListPlugin")["exact_expected_result"]
    assert not problems
    assert len(expected) == 8
    for entry in expected:
        mine = found[entry["guid"]]
        assert int(mine["escadre.boot.type"], 16) == int(entry["type"], 16)
        assert (mine["escadre.description"], mine["file.path"]) == (entry["name"], entry["image_path"])
        assert cut(mine["@timestamp"]) == when(entry["timestamp"])
        device = f"device=partition {entry['gpt_partition']} of disk {entry['gpt_disk']}"
        if not entry["gpt_disk"].startswith("00000001-"):  # a ram disk: regipy reads the ids of a partition where there is none
            assert device in mine["escadre.settings"]


def test_packages_of_the_security_authority_are_those_of_regipy(corpus):
    records, _ = run("lsa", of_corpus(corpus, "SYSTEM"), SYSTEM)
    (entry,) = truth(corpus, "LSAPackagesPlugin")["expected_entries"]
    mine = {
        r["registry.value"]: r["registry.data.strings"]
        for r in records
        if f"\\{r['registry.key']}" == entry["key_path"]
        if "registry.data.strings" in r
    }
    assert mine["Security Packages"] == entry["security_packages"]
    assert mine["Authentication Packages"] == entry["authentication_packages"]
    assert mine["Notification Packages"] == entry["notification_packages"]
    assert mine["LimitBlankPasswordUse"] == ["1"] and entry["limit_blank_password_use"]
    assert mine["auditbaseobjects"] == ["0"] and not entry["audit_base_objects"]


# --- devices, network, system


def test_usb_devices_have_the_times_of_regipy(corpus):
    (mine,) = run("usb_storage", of_corpus(corpus, "SYSTEM_WIN_10_1709"), SYSTEM)[0]
    (entry,) = truth(corpus, "USBSTORPlugin")["exact_expected_result"]
    assert mine["device.model.name"] == entry["device_name"]
    assert f"{mine['device.serial_number']}&0" == entry["serial_number"]
    assert f"Ven_{mine['device.manufacturer']}" == entry["manufacturer"]
    for field, theirs in (
        ("escadre.device.first_installed", "first_installed"),
        ("escadre.device.installed", "last_installed"),
        ("escadre.device.arrived", "last_connected"),
        ("escadre.device.removed", "last_removed"),
        ("escadre.registry.last_written", "last_write"),
    ):
        assert cut(mine[field]) == when(entry[theirs])
    records, _ = run("usb_devices", of_corpus(corpus, "SYSTEM"), SYSTEM)
    expected = truth(corpus, "USBDevicesPlugin")
    assert len(records) == expected["expected_entries_count"]
    (entry,) = expected["expected_entries"]
    (mine,) = [r for r in records if f"\\{r['registry.key']}" == entry["key_path"]]
    assert (mine["device.manufacturer"], mine["device.model.name"]) == (entry["manufacturer"], entry["device_desc"])
    assert f"ContainerID={entry['container_id']}" in mine["escadre.settings"]


def test_volumes_and_shares_are_those_of_regipy_and_plaso(corpus):
    records, problems = run("mounted_devices", of_corpus(corpus, "SYSTEM"), SYSTEM)
    assert [p for p in problems if p.lost] == []
    assert len(records) == truth(corpus, "MountedDevicesPlugin")["expected_entries_count"]
    (entry,) = truth(corpus, "NetworkDrivesPlugin")["exact_expected_result"]
    records, _ = run("mount_points", of_corpus(corpus, "NTUSER.DAT"), NTUSER)
    (mine,) = [r for r in records if r["registry.key"].startswith("Network\\")]
    assert (mine["escadre.volume.mount_point"], mine["file.path"]) == (f"{entry['drive_letter']}:", entry["network_path"])
    assert cut(mine["@timestamp"]) == when(entry["last_write"])
    (event,) = events(corpus, "MountPoints2PluginTest.testProcess")
    records, _ = run("mount_points", (corpus / "hives/log2timeline+plaso/test_data/regf/NTUSER.DAT").read_bytes(), NTUSER)
    (mine,) = [r for r in records if r["escadre.volume.mount_point"] == event["name"]]
    assert mine["@timestamp"] == event["last_written_time"].replace("+00:00", "Z")


def test_interfaces_have_the_addresses_of_regipy(corpus):
    records, _ = run("network_interfaces", of_corpus(corpus, "SYSTEM"), SYSTEM)
    found = {r["registry.key"].lower(): r for r in records}
    compared = 0
    for key, expected in truth(corpus, "NetworkDataPlugin")["exact_expected_result"].items():
        for entry in expected["interfaces"]:
            if not entry["ip_address"]:
                continue
            mine = found[f"{key}\\{entry['interface_name']}".removeprefix("\\").lower()]
            assert mine["host.ip"] == entry["ip_address"]
            assert cut(mine["@timestamp"]) == when(entry["last_modified"])
            for name, value in (("SubnetMask", entry["subnet_mask"][0]), ("NameServer", entry["name_server"])):
                assert f"{name}={value}" in mine["escadre.settings"]
            compared += 1
    assert compared == 4


def test_the_system_is_described_as_regipy_does(corpus):
    records, _ = run("last_shutdown", of_corpus(corpus, "SYSTEM"), SYSTEM)
    expected = truth(corpus, "ShutdownPlugin")["exact_expected_result"]
    assert {f"\\{r['registry.key']}": r["event.end"][:19].replace("T", " ") for r in records} == {k: v["date"] for k, v in expected.items()}
    records, _ = run("os_version", of_corpus(corpus, "SYSTEM_WIN_10_1709"), SYSTEM)
    found = {f"\\{r['registry.key']}": r for r in records}
    for entry in truth(corpus, "PreviousWinVersionPlugin")["exact_expected_result"]:
        mine = found[entry["key"]]
        assert (mine["host.os.full"], mine["host.os.kernel"]) == (entry["ProductName"], entry["CurrentBuild"])
        assert mine["package.installed"][:19].replace("T", " ") == entry["InstallDate"]
    assert len(run("installed_programs", of_corpus(corpus, "NTUSER_with_winscp.DAT"), NTUSER)[0]) == 4  # InstalledProgramsNTUserPlugin
    records, _ = run("ssh_clients", of_corpus(corpus, "NTUSER_with_winscp.DAT"), NTUSER)
    winscp = [r for r in records if "WinSCP" in r["registry.key"] and "escadre.saved.session" in r]
    expected = truth(corpus, "WinSCPSavedSessionsPlugin")
    assert cut(winscp[0]["@timestamp"]) in {when(e["timestamp"]) for e in expected["expected_entries"]}


def test_accounts_have_the_times_and_counters_of_regipy_and_plaso_and_no_hash(corpus):
    records, problems = run("sam_users", of_corpus(corpus, "SAM"), SAM)
    expected = truth(corpus, "SAMParsePlugin")
    assert not problems
    assert len(records) == expected["expected_entries_count"]
    (machine,) = truth(corpus, "LocalSidPlugin")["exact_expected_result"]
    found = {int(r["user.id"].rpartition("-")[2]): r for r in records}
    bits = {"Account Disabled": "disabled", "Normal User Account": "normal", "Password Does Not Expire": "password does not expire"}
    for entry in expected["expected_entries"]:
        mine = found[entry["rid"]]
        assert mine["user.id"] == f"{machine['machine_sid']}-{entry['rid']}"
        assert cut(mine["escadre.account.last_login"]) == when(entry["last_login"])
        assert cut(mine["escadre.account.password_set"]) == when(entry["password_last_set"])
        assert "escadre.settings" not in mine and "escadre.account.failed_login" not in mine
        assert (mine["escadre.account.logins"], 0) == (entry["login_count"], entry["failed_login_count"])
        assert mine["escadre.account.flags"] == [bits[flag] for flag in entry["account_flags_parsed"]]
    records, _ = run("sam_users", (corpus / "hives/log2timeline+plaso/test_data/regf/SAM").read_bytes(), SAM)
    (event,) = events(corpus, "SAMUsersWindowsRegistryPluginTest.testProcess")
    (mine,) = [r for r in records if r["user.name"] == event["username"]]
    assert mine["escadre.account.last_login"] == event["last_login_time"].replace("+00:00", "Z")
    assert (mine["escadre.account.logins"], mine["escadre.description"]) == (event["login_count"], event["comments"])
    assert not any("data" in name or "hash" in name for record in records for name in record)


WITHOUT_CASE = {
    *("appcertdlls", "appcompatflags", "appinitdlls", "appkeys", "comdlg32", "muicache", "pending_file_rename", "pslogging", "putty"),
    *("recentdocs", "runmru", "shares", "sysinternals", "usrclass_classes_installer"),
}
"""files in the folder of regipy's plugins that have no validation case"""


def test_the_coverage_table_names_every_plugin_of_regipy_and_only_artefacts_that_exist(corpus):
    listed = load_data("commodore.artefacts.windows.registry", "coverage.yaml")
    cases = json.loads((corpus / "truth-shared/regipy_expected.json").read_text())["validation_cases"]
    assert {case["plugin"] for case in cases} | WITHOUT_CASE == set(listed["regipy"])
    named = {name for topics in listed.values() for found in topics.values() if isinstance(found, list) for name in found}
    assert named - set(catalogue.artefacts()) == set()
