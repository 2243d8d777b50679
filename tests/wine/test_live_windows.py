"""SCOUT on a running Windows (under Wine): what was planted through Windows' own tools is in the archive, and COMMODORE reads it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import need
from tests.wine.machine import WindowsMachine, drive

pytestmark = pytest.mark.wine
TASK = r"\Updates\Inventory"
XML = """<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"><Triggers><LogonTrigger/></Triggers>
<Actions><Exec><Command>C:\\ProgramData\\inventory.exe</Command><Arguments>/quiet</Arguments></Exec></Actions></Task>"""
SERVICES = "HKLM\\SYSTEM\\CurrentControlSet\\Services"
RUN = "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run"


def plant(windows: WindowsMachine) -> None:
    """Inert persistence, made with sc, reg and schtasks."""
    data = windows.drive_c / "ProgramData"
    signed = windows.interpreter.read_bytes()
    (data / "signed.exe").write_bytes(signed)
    (data / "inventory.exe").write_bytes(signed[:5000] + bytes([signed[5000] ^ 1]) + signed[5001:])
    (data / "plain.exe").write_bytes(b"MZ" + b"\0" * 400)
    (data / "task.xml").write_text(XML, encoding="utf-16")
    (data / "plant.bat").write_text(
        rf"""@echo off
sc create Inventory binPath= "C:\ProgramData\plain.exe --service" start= auto
reg add {SERVICES}\OnlyWritten /v Type /t REG_DWORD /d 16 /f
reg add {SERVICES}\OnlyWritten /v Start /t REG_DWORD /d 2 /f
reg add {SERVICES}\OnlyWritten /v ImagePath /d C:\ProgramData\plain.exe /f
reg add {SERVICES}\Inventory /v ImagePath /d C:\ProgramData\signed.exe /f
reg add {RUN} /v Updater /d "\"C:\ProgramData\signed.exe\" /start" /f
schtasks /create /tn {TASK} /xml C:\ProgramData\task.xml
"""
    )
    windows.quietly("wine", "cmd", "/c", "C:\\ProgramData\\plant.bat")
    (data / "plant.bat").unlink()
    # Wine's scheduler keeps no actions: the file gets them back
    (windows.drive_c / "windows/system32/tasks/Updates/Inventory").write_text(XML, encoding="utf-16")
    (data / "task.xml").unlink()


HOLD = """
import ctypes, sys, time
handle = ctypes.windll.kernel32.CreateFileW(sys.argv[1], 0x80000000, 0, None, 3, 0, None)
open(sys.argv[2], "w").write(str(handle))
time.sleep(600)
"""


@pytest.fixture(scope="module")
def locked(own_windows: WindowsMachine, tmp_path_factory: pytest.TempPathFactory):
    """Drive D: is an NTFS volume, which Wine can also read raw; a program has one file open for itself alone. Yields name → content."""
    place = tmp_path_factory.mktemp("volume")
    image, mount, device = place / "image", place / "mount", ""
    mount.mkdir()
    tools = all(shutil.which(tool) for tool in ("mkntfs", "ntfs-3g", "losetup"))
    try:
        if tools and os.geteuid() == 0:
            image.write_bytes(b"")
            os.truncate(image, 16 << 20)
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            subprocess.run(["mkntfs", "-F", "-Q", "-q", str(image)], check=True, **quiet)
            device = subprocess.run(["losetup", "-f", "--show", str(image)], check=True, capture_output=True, text=True).stdout.strip()
            subprocess.run(["ntfs-3g", device, str(mount)], check=True, **quiet)
    except (subprocess.CalledProcessError, OSError):
        tools = False
    if not (tools and device):
        yield {}
        return
    program = own_windows.interpreter.read_bytes()
    files = {"locked.exe": program + b"locked", "free.exe": program + b"free"}
    for name, content in files.items():
        (mount / name).write_bytes(content)
    os.sync()
    (own_windows.prefix / "dosdevices/d:").symlink_to(mount)
    (own_windows.prefix / "dosdevices/d::").symlink_to(device)
    held, code = place / "held", place / "hold.py"
    code.write_text(HOLD)
    holder = own_windows.start(str(own_windows.interpreter), drive(code), "D:\\locked.exe", drive(held))
    while not held.exists() or not held.read_text():
        assert holder.poll() is None
        time.sleep(0.05)
    yield files
    holder.kill()
    holder.wait()
    subprocess.run(["umount", "-l", str(mount)], check=False)
    subprocess.run(["losetup", "-d", device], check=False)


@pytest.fixture(scope="module")
def collected(own_windows: WindowsMachine, locked, tmp_path_factory: pytest.TempPathFactory):
    from scout.archive.reader import ArchiveReader
    from scout.keys import keygen, load_identities

    plant(own_windows)
    place = tmp_path_factory.mktemp("live")
    (place / "out").mkdir()
    public = keygen(place / "key.txt")
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = own_windows.run("scout", "collect", "-r", public, "-o", drive(place / "out"), timeout=600)
        port = server.getsockname()[1]
    assert done.returncode == 0, done.stdout + done.stderr
    (archive,) = (place / "out").glob("*.age")
    lists: dict[str, list[dict[str, Any]]] = {}
    custody: list[dict[str, Any]] = []
    with ArchiveReader(archive, load_identities(place / "key.txt")) as reader:
        for member in reader:
            if member.kind == "live":
                lines = [json.loads(line) for line in member.stream.read(member.size).splitlines()]
                lists[member.name.removeprefix("live/").removesuffix(".jsonl")] = lines[1:]
            elif member.kind == "custody":
                custody += [json.loads(line) for line in member.stream.read(member.size).splitlines()[1:]]
            elif member.kind == "collection":
                header = json.loads(member.stream.read(member.size))
        assert reader.state == "complete"
    return SimpleNamespace(archive=archive, key=place / "key.txt", lists=lists, custody=custody, header=header, port=port)


def one(rows: list[dict[str, Any]], key: str, value: str) -> dict[str, Any]:
    (found,) = [row for row in rows if str(row.get(key, "")).lower() == value.lower()]
    return found


def test_processes_have_path_hash_command_and_user(collected, own_windows):
    rows = collected.lists["processes"]
    own = next(row for row in rows if row["name"] == "python.exe" and "collect" in row.get("cmdline", []))
    assert own["exe"].lower() == drive(own_windows.interpreter).lower()
    assert own["exe_sha256"] == hashlib.sha256(own_windows.interpreter.read_bytes()).hexdigest()
    assert own["command_line"].endswith(own["cmdline"][-1]) and own["sid"].startswith("S-1-5-") and "\\" in own["user"]
    services = one(rows, "name", "services.exe")
    assert {row["ppid"] for row in rows if row["name"] == "plugplay.exe"} == {services["pid"]}
    assert not any("listed_by" in row for row in rows)


def test_a_listening_socket_of_the_machine_is_listed(collected):
    found = [row for row in collected.lists["connections"] if row["local_port"] == collected.port]
    assert [(row["protocol"], row["local_ip"], row["state"], row["listening"]) for row in found] == [("tcp", "127.0.0.1", "LISTEN", True)]


def test_services_of_manager_and_registry_are_compared(collected):
    rows = collected.lists["services"]
    planted = one(rows, "unit", "Inventory")
    assert planted["seen_by"] == ["manager", "registry"] and planted["start_type"] == "auto"
    assert planted["path"].lower() == "c:\\programdata\\plain.exe"
    assert planted["differences"] == ["image_path"]
    written = one(rows, "unit", "OnlyWritten")
    assert (written["seen_by"], written["active"], written["service_type"]) == (["registry"], False, "own process")


def test_a_task_is_seen_by_file_and_by_scheduler(collected):
    task = one(collected.lists["tasks"], "path", TASK)
    assert {"file", "scheduler"} <= set(task["seen_by"])
    assert task["xml"].startswith("<Task") and "<Exec" in task["xml"]


def test_signatures_of_autostarts_are_judged_by_windows(collected, own_windows):
    rows = {row["path"].lower(): row for row in collected.lists["signatures"]}
    signed, cut, plain = (rows[f"c:\\programdata\\{name}.exe"] for name in ("signed", "inventory", "plain"))
    assert (signed["verdict"], signed["signer"]) == ("signed", "Python Software Foundation")
    assert any("Run, Updater" in name for name in signed["named_by"])
    assert cut["verdict"] == "bad digest" and f"task {TASK}" in cut["named_by"]
    assert plain["verdict"] == "unsigned" and "service Inventory" in plain["named_by"] and "service OnlyWritten" in plain["named_by"]


def test_users_host_and_modules_are_those_of_the_machine(collected):
    lists, header = collected.lists, collected.header
    (host,) = lists["host"]
    assert host["name"] == header["host"]["name"] == socket.gethostname().split(".")[0].upper()[:15]
    assert host["system_root"].lower() == header["host"]["system_root"].lower() == "c:\\windows"
    assert any(user["home"].lower().startswith("c:\\users\\") for user in lists["users"])
    mapped = {row["path"].lower() for row in lists["modules"] if row["name"] == "python.exe" and "path" in row}
    assert any(path.endswith("\\python311.dll") for path in mapped) and "c:\\windows\\system32\\ntdll.dll" in mapped


def test_a_source_that_windows_refuses_costs_itself_and_custody_says_why(collected):
    rows = {row["name"]: row for row in collected.custody}
    # Wine has neither a folder of pipes nor the namespaces of WMI
    for name in ("pipes", "wmi_subscriptions"):
        assert rows[f"live/{name}.jsonl"]["verdict"] == "error" and "ended early" in rows[f"live/{name}.jsonl"]["error"]
    assert {rows[f"live/{name}.jsonl"]["verdict"] for name in ("processes", "services", "signatures", "tasks")} == {"taken"}


def test_what_is_taken_has_its_real_name_once_with_owner_and_permissions(collected):
    rows = [row for row in collected.custody if row["source"].lower() == "c:\\windows\\system32\\drivers\\etc\\hosts"]
    assert [row["source"].startswith("C:\\windows\\system32") for row in rows] == [True]
    assert rows[0]["sddl"].startswith("O:") and rows[0]["owner"] and rows[0]["attributes"].startswith("0x")
    taken = {row["source"].lower() for row in collected.custody if row["verdict"] == "taken"}
    assert {f"c:\\windows\\system32\\tasks{TASK.lower()}", "c:\\programdata\\plain.exe"} <= taken


def test_a_file_in_use_is_read_from_the_raw_volume(collected, locked):
    if not locked:
        need(False, "root, ntfs-3g, losetup and FUSE: a volume that Wine can read raw")
    rows = {row["source"]: row for row in collected.custody}
    for name, content in locked.items():
        assert (rows[f"D:\\{name}"]["verdict"], rows[f"D:\\{name}"]["sha256"]) == ("taken", hashlib.sha256(content).hexdigest()), name
    assert rows["D:\\locked.exe"]["method"] == "raw volume"
    assert rows["D:\\free.exe"]["method"] == "api"
    assert (rows["D:\\$MFT"]["method"], rows["D:\\$MFT"]["verdict"]) == ("raw volume", "taken")


def test_commodore_reads_it(collected, tmp_path):
    from commodore.engine.process import process
    from scout.keys import load_identities

    process([collected.archive], tmp_path / "case", identities=load_identities(collected.key))
    names = {folder.name for folder in (tmp_path / "case/records").iterdir()}
    assert {"live_processes", "live_services", "live_tasks", "live_signatures", "live_users", "live_modules", "scheduled_tasks"} <= names


def test_a_transfer_of_bits_is_listed_with_its_files_and_its_command(own_windows):
    code = (
        "import json\nfrom scout.live.windows import _transfers as t\n"
        "number, job = t.manager().CreateJob('planted', 0)\n"
        "job.AddFile('http://127.0.0.1:9/inert', r'C:\\inert.bin')\n"
        "print(json.dumps([one for one in t.jobs() if one['name'] == 'planted']))"
    )
    done = own_windows.python(code)
    assert done.returncode == 0, done.stderr
    (job,) = json.loads(done.stdout.splitlines()[-1])
    assert (job["state"], job["type"], job["files"]) == ("suspended", "download", ["http://127.0.0.1:9/inert → C:\\inert.bin"])


def test_queues_and_the_clipboard_are_in_the_collection(collected):
    assert one(collected.lists["jobs"], "kind", "clipboard")["formats"] == []


TEMPORARY = r"""
import ctypes, json, os, winreg
from pathlib import Path
from scout.live.windows import _devices, _privileges
from scout.live.windows._saved_hives import SavedHives
from scout.sources.source import Blocked
from scout.live.windows._volume import WindowsVolume
_privileges.take()
folder, out = Path("C:/planted"), Path("C:/out")
folder.mkdir(); out.mkdir()
(folder / "SOFTWARE").write_text("the hive that is in use")
device = next(device for device, letter in _devices.drives().items() if letter == "C:")
with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\hivelist") as key:
    winreg.SetValueEx(key, r"\REGISTRY\MACHINE\SOFTWARE", 0, winreg.REG_SZ, device + r"\planted\SOFTWARE")
with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Planted") as key:
    winreg.SetValueEx(key, "mark", 0, winreg.REG_SZ, "a value of the running registry")
opener = ctypes.WinDLL("kernel32").CreateFileW
opener.restype = ctypes.c_void_p
held = opener("C:\\planted\\SOFTWARE", 0x80000000, 0, None, 3, 0, None)
volume, said = WindowsVolume("C", raw=False), {}
try:
    volume.open(("planted", "SOFTWARE"))
except Blocked as e:
    said["without"] = str(e)
volume.saved = SavedHives(out)
file = volume.open(("planted", "SOFTWARE"))
said["during"] = [one.name for one in out.iterdir()]
said["content"] = "a value of the running registry" in file.read(1 << 24).decode("utf-8", "replace").replace("\0", "")
said["method"], said["facts"] = file.method, file.facts()
file.close()
said["after"] = [one.name for one in out.iterdir()]
print(json.dumps(said))
"""


def test_a_loaded_hive_is_saved_beside_the_archive_and_removed_only_where_that_is_allowed(own_windows):
    done = own_windows.python(TEMPORARY)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert "sharing violation" in said["without"] and "registry save" == said["method"] and said["content"]
    (name,) = said["during"]
    assert name.startswith("scout-temporary-") and said["facts"]["temporary_file"].endswith(name) and said["after"] == []


MUTEX = """
import ctypes, sys, time
ctypes.windll.kernel32.CreateMutexW(None, False, "Global\\\\PlantedMutex7f3a")
open(sys.argv[1], "w").write("held")
time.sleep(600)
"""


def test_a_sweep_finds_keys_values_and_mutexes_of_the_running_system(own_windows: WindowsMachine, collected, tmp_path):
    held, code, listed = tmp_path / "held", tmp_path / "hold.py", tmp_path / "list.txt"
    code.write_text(MUTEX)
    keys = (f"{RUN}\\Updater", f"{SERVICES}\\OnlyWritten", f"{SERVICES}\\NotThere")
    listed.write_text("\n".join((*keys, "Global\\PlantedMutex7f3a", "mutex: PlantedMutex7f3b")))
    holder = own_windows.start(str(own_windows.interpreter), drive(code), drive(held))
    try:
        while not held.exists():
            assert holder.poll() is None
            time.sleep(0.05)
        done = own_windows.run("scout", "sweep", "--ioc", drive(listed), "C:\\ProgramData", timeout=300)
    finally:
        holder.kill()
        holder.wait()
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    found = {(line["place"], line["path"].lower()) for line in lines if "rule" in line}
    assert ("mutex", "plantedmutex7f3a") in found, done.stdout + done.stderr
    key = "hklm\\software\\microsoft\\windows\\currentversion\\run"
    assert ("registry", key) in found and ("registry", "hklm\\system\\currentcontrolset\\services\\onlywritten") in found
    assert {place for place, _ in found} == {"mutex", "registry"} and not any("notthere" in path or "7f3b" in path for _, path in found)
