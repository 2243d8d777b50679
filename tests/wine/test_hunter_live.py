"""HUNTER on a running Windows, under Wine: registry, services, tasks and files are removed, verified, and put back the same.

What is there is written and read by winreg, `sc`, `schtasks` and the file system of this machine, never by HUNTER.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pyrage
import pytest
import yaml

from scout.keys import keygen
from tests.wine.machine import WindowsMachine, prepared
from tests.yamls import PLAIN

pytestmark = pytest.mark.wine
RUN = "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run"
WINLOGON = "HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon"
SERVICES = "HKLM\\SYSTEM\\ControlSet001\\Services"
SESSIONS = "HKLM\\SYSTEM\\ControlSet001\\Control\\Session Manager"
WOW = "HKLM\\SOFTWARE\\Wow6432Node\\Microsoft\\Windows\\CurrentVersion\\Run"
TOPS = (RUN, WINLOGON, SERVICES, SESSIONS, WOW, "HKLM\\SOFTWARE\\Evil", "HKU\\S-1-5-21-0-0-0-1000\\Software\\Evil")
TASK = (
    '<?xml version="1.0" encoding="UTF-8"?><Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">'
    "<RegistrationInfo><Description>inert</Description></RegistrationInfo><Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger>"
    '</Triggers><Principals><Principal id="A"><UserId>S-1-5-18</UserId></Principal></Principals><Actions Context="A"><Exec>'
    "<Command>C:\\Users\\Public\\inert.exe</Command></Exec></Actions></Task>"
)
POLICY = "HKLM\\SYSTEM\\ControlSet001\\Services\\SharedAccess\\Parameters\\FirewallPolicy"
POINTS = 24
"""instants at which a run is ended, spread over all its changing calls"""
PLAN = "C:\\work\\plan.yaml"
JOURNAL = f"{PLAN}.journal.jsonl"
WORDS = {"expect": [], "why": [], "backup": "encrypted", "reboot": "no", "class": "reversible", "mechanism": "hand"}
ACTIONS: list[dict[str, Any]] = [
    {"kind": "registry-value", "do": "delete-value", "target": {"key": RUN, "value": "Evil"}},
    {"kind": "registry-value", "do": "delete-value", "target": {"key": WOW, "value": "Evil"}},
    {"kind": "registry-value", "do": "delete-value", "target": {"key": RUN, "value": ""}},
    {"kind": "registry-list", "do": "remove-entry", "target": {"key": WINLOGON, "value": "Userinit", "element": "C:\\evil.exe"}},
    {
        "kind": "registry-elements",
        "do": "remove-entry",
        "reboot": "yes",
        "target": {"key": SESSIONS, "value": "BootExecute", "element": "evil.exe"},
    },
    {"kind": "registry-key", "do": "delete-key", "target": {"key": "HKLM\\SOFTWARE\\Evil\\One"}},
    {"kind": "scheduled-task", "do": "remove-task", "target": {"path": "/windows/system32/tasks/Inert/Evil"}},
    {"kind": "service", "do": "remove-service", "reboot": "yes", "target": {"key": f"{SERVICES}\\EvilService"}},
    {"kind": "service-disable", "do": "remove-service", "reboot": "yes", "target": {"key": f"{SERVICES}\\HalfEvil", "value": "Start"}},
    {"kind": "registry-default", "do": "restore-default", "reboot": "yes", "target": {"key": SESSIONS, "value": "SetupExecute"}},
    {"kind": "windows-file", "do": "quarantine", "target": {"path": "/users/Public/evil.exe"}},
    {"kind": "windows-file", "do": "quarantine", "target": {"path": "/users/Public/hidden.dll"}},
]


def control_sets(prefix: Path) -> None:
    """Make CurrentControlSet a link to ControlSet001, as in Windows: Wine 8 has one set without a number."""
    place = prefix / "system.reg"
    text = place.read_text(errors="surrogateescape").replace("[System\\\\CurrentControlSet", "[System\\\\ControlSet001")
    target = ",".join(f"{byte:02x}" for byte in "\\Registry\\Machine\\System\\ControlSet001".encode("utf-16-le"))
    link = f'\n[System\\\\CurrentControlSet] 1795952728\n#time=1dd7ff7219f64c0\n#link\n"SymbolicLinkValue"=hex(6):{target}\n'
    place.write_text(text + link, errors="surrogateescape")


class LiveHost:
    """A running Windows with inert plants and decoys, and HUNTER in it."""

    def __init__(self, machine: WindowsMachine) -> None:
        self.machine, self.work = machine, machine.drive_c / "work"
        self._talk = machine.talk(Path(__file__).with_name("hunter_there.py"))
        self.key = machine.prefix / "key.txt"
        keygen(self.key)

    def ask(self, *words: object) -> Any:
        assert self._talk.stdin is not None
        assert self._talk.stdout is not None
        self._talk.stdin.write(json.dumps(words) + "\n")
        self._talk.stdin.flush()
        answer = json.loads(self._talk.stdout.readline())
        assert not isinstance(answer, dict) or "error" not in answer, answer
        return answer

    def hunter(self, *arguments: str) -> tuple[int, str]:
        code, out, err = self.ask("hunt", *arguments)
        return code, " ".join((out + err).split())

    def write(self, *actions: dict[str, Any], name: str = "") -> None:
        """A plan by hand, sealed on the host."""
        self.clear()
        host = {"name": name or self.ask("run", "hostname")[1].strip()}
        made = [{"id": f"a{n:03d}", **WORDS, **action} for n, action in enumerate(actions, 1)]
        plan = {"escadre_plan": "2", "host": host, "recipients": [self.recipient], "actions": made}
        (self.work / "plan.yaml").write_text(json.dumps(plan))

    def clear(self) -> None:
        """An empty folder for a plan."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()

    @property
    def recipient(self) -> str:
        return next(line.split(": ")[1] for line in self.key.read_text().splitlines() if "public key" in line)

    def seal(self) -> None:
        code, told = self.hunter("check", PLAN, "--seal")
        assert code == 0, told

    def plant(self) -> None:
        sz, multi, number, binary, expand = 1, 7, 4, 3, 2
        for key, name, kind, data in (
            (RUN, "Evil", sz, "C:\\Users\\Public\\evil.exe"),
            (RUN, "", sz, "C:\\Users\\Public\\unnamed.exe"),
            (RUN, "evil ", sz, "C:\\Users\\Public\\evil.exe"),
            (RUN, "Good", expand, "%ProgramFiles%\\good.exe"),
            (WOW, "Evil", sz, "C:\\Users\\Public\\evil32.exe"),
            (WINLOGON, "Userinit", sz, "C:\\windows\\system32\\userinit.exe,C:\\evil.exe,"),
            (WINLOGON, "UserinitX", sz, "C:\\evil.exe,"),
            (SESSIONS, "BootExecute", multi, ["autocheck autochk *", "evil.exe"]),
            (SESSIONS, "SetupExecute", multi, ["evil.exe"]),
            ("HKLM\\SOFTWARE\\Evil\\One", "", sz, "default"),
            ("HKLM\\SOFTWARE\\Evil\\One\\Two", "Data", binary, "00ff10"),
            ("HKLM\\SOFTWARE\\Evil\\One\\Two\\Three", "Empty", binary, ""),
            ("HKLM\\SOFTWARE\\Evil\\OneMore", "Number", number, 7),
            (f"{SERVICES}\\EvilServiceX", "ImagePath", expand, "C:\\Users\\Public\\evil.exe"),
        ):
            self.ask("write", key, name, kind, data)
        for name in ("EvilService", "HalfEvil"):
            assert self.ask("run", "sc", "create", name, "binPath=", f"C:\\Users\\Public\\{name}.exe", "start=", "auto")[0] == 0
        self.ask("write", f"{SERVICES}\\EvilService\\Parameters", "ServiceDll", expand, "C:\\Users\\Public\\evil.dll")
        (self.machine.drive_c / "task.xml").write_text(TASK)
        for name in ("Evil", "Evil2"):
            assert self.ask("quietly", "schtasks", "/create", "/xml", "C:\\task.xml", "/tn", f"\\Inert\\{name}") == 0
        public = self.machine.drive_c / "users/Public"
        for name, data in (("evil.exe", b"MZ inert"), ("evil.exe.bak", b"a twin"), ("hidden.dll", b"MZ hidden" * 5000)):
            (public / name).write_bytes(data)
            os.utime(public / name, ns=(1_700_000_000_123_456_700, 1_700_000_001_123_456_700))
        self.ask("run", "attrib", "+h", "+s", "C:\\users\\Public\\hidden.dll")

    def registry(self) -> dict[str, Any]:
        """What winreg reads in the places where something changes."""
        found: dict[str, Any] = {}
        for top in TOPS:
            found |= self.ask("read", top)
        return found

    def files(self) -> dict[str, tuple[bytes, int]]:
        """The files that HUNTER may touch, with their last write: the tasks and the public profile."""
        places = [self.machine.drive_c / "users/Public", self.machine.drive_c / "windows/system32/tasks"]
        every = [path for place in places for path in sorted(place.rglob("*")) if path.is_file()]
        tasks = [path for path in every if "tasks" in path.parts]
        return {str(path): (path.read_bytes(), 0 if path in tasks else path.stat().st_mtime_ns) for path in every}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHost]:
    with WindowsMachine(prepared(), tmp_path_factory.mktemp("live") / "prefix", control_sets) as machine:
        host = LiveHost(machine)
        host.plant()
        yield host


def test_everything_is_removed_verified_and_put_back_the_same(live: LiveHost) -> None:
    live.write(*ACTIONS)
    live.seal()
    registry, files = live.registry(), live.files()
    assert live.hunter("verify", PLAN)[0] == 1
    code, told = live.hunter("apply", PLAN)
    assert (code, f"{len(ACTIONS)} ready" in told) == (0, True), told
    assert (live.registry(), live.files()) == (registry, files)
    code, told = live.hunter("apply", PLAN, "--yes")
    assert (code, f"Done: {len(ACTIONS)} of {len(ACTIONS)}, verified." in told) == (0, True), told
    code, told = live.hunter("verify", PLAN)
    assert (code, "All gone" in told) == (0, True), told
    now = live.registry()
    gone = {key for key in registry if key not in now}
    assert gone == {key for key in registry if key.startswith(("HKLM\\SOFTWARE\\Evil\\One\\", f"{SERVICES}\\EvilService\\"))} | {
        "HKLM\\SOFTWARE\\Evil\\One",
        f"{SERVICES}\\EvilService",
    }
    changed = {(key, v[0]) for key in now for v in registry[key] if v not in now[key]}
    assert changed == {
        (RUN, "Evil"),
        (RUN, ""),
        (WOW, "Evil"),
        (WINLOGON, "Userinit"),
        (SESSIONS, "BootExecute"),
        (SESSIONS, "SetupExecute"),
        (f"{SERVICES}\\HalfEvil", "Start"),
    }
    assert ["Userinit", 1, "C:\\windows\\system32\\userinit.exe,"] in now[WINLOGON]
    assert ["BootExecute", 7, ["autocheck autochk *"]] in now[SESSIONS]
    assert ["Start", 4, 4] in now[f"{SERVICES}\\HalfEvil"]
    assert live.ask("run", "sc", "query", "EvilService")[0] != 0
    left = {Path(path).name for path in live.files()}
    assert {"Evil2", "evil.exe.bak"} <= left
    assert not {"Evil", "evil.exe", "hidden.dll"} & left
    code, told = live.hunter("undo", JOURNAL)
    assert (code, f"Taken back: {len(ACTIONS)} of {len(ACTIONS)}, verified." in told) == (0, True), told
    assert live.registry() == registry
    assert live.files() == files
    assert live.ask("run", "sc", "query", "EvilService")[0] == 0


def test_ended_at_any_call_it_is_completed_or_taken_back(live: LiveHost) -> None:
    live.write(*ACTIONS)
    live.seal()
    plan = (live.work / "plan.yaml").read_bytes()
    registry, files = live.registry(), live.files()
    died, calls = live.ask("ended", 10**9, "apply", PLAN, "--yes")
    assert (died, calls > 100) == (False, True)
    applied = live.registry()
    assert live.hunter("undo", JOURNAL)[0] == 0
    points = range(calls // POINTS // 2, calls, calls // POINTS)
    real = points[POINTS // 2 : POINTS // 2 + 1]  # a process costs seconds there: one is really ended
    for n in points:
        shutil.rmtree(live.work)
        live.work.mkdir()
        (live.work / "plan.yaml").write_bytes(plan)
        died = live.ask("killed", n, "apply", PLAN, "--yes") if n in real else live.ask("ended", n, "apply", PLAN, "--yes")[0]
        assert died, n
        if n % 2:
            code, told = live.hunter("apply", PLAN, "--yes")
            assert code == 0, f"ended at {n}: {told}"
            assert live.registry() == applied, f"ended at {n}"
        code, told = live.hunter("undo", JOURNAL)
        assert code == 0 or "no run" in told or "no journal" in told, f"ended at {n}: {told}"
        assert (live.registry(), live.files()) == (registry, files), f"ended at {n}"
        assert "escadre" not in json.dumps(live.registry())


def _wmi(kind: str, name: str, **more: str) -> tuple[str, list[Any]]:
    return f'{kind}.Name="{name}"', [kind, {"Name": name, **more}]


def _bound(consumer: str, event: str) -> tuple[str, list[Any]]:
    ends = {"Filter": event, "Consumer": consumer}
    words = ",".join(f'{end}="{path}"'.replace('Name="', 'Name=\\"').replace('""', '\\""') for end, path in ends.items())
    return f"__FilterToConsumerBinding.{words}", ["__FilterToConsumerBinding", ends]


def test_a_wmi_consumer_goes_with_its_bindings_and_the_filters_of_its_own(live: LiveHost) -> None:
    evil, good = 'CommandLineEventConsumer.Name="Evil"', 'CommandLineEventConsumer.Name="Good"'
    own, shared = '__EventFilter.Name="Own"', '__EventFilter.Name="Shared"'
    plants = [
        _wmi("CommandLineEventConsumer", "Evil", CommandLineTemplate="C:\\Users\\Public\\inert.exe"),
        _wmi("CommandLineEventConsumer", "Good", CommandLineTemplate="C:\\Program Files\\good.exe"),
        _wmi("__EventFilter", "Own", Query="SELECT * FROM __InstanceModificationEvent"),
        _wmi("__EventFilter", "Shared", Query="SELECT * FROM __InstanceCreationEvent"),
        _bound(evil, own),
        _bound(evil, shared),
        _bound(good, shared),
    ]
    before = live.ask("wmi", {"root\\subscription": dict(plants)})
    live.write({"kind": "wmi-subscription", "do": "remove-wmi", "target": {"wmi": f"root\\subscription:{evil}"}})
    live.seal()
    plan = yaml.load((live.work / "plan.yaml").read_text(), PLAIN)
    assert len(plan["actions"][0]["expect"]) == 4
    code, told = live.hunter("apply", PLAN, "--yes")
    assert (code, "Done: 1 of 1" in told) == (0, True), told
    left = live.ask("wmi")["root\\subscription"]
    assert set(left) == {plants[1][0], plants[3][0], plants[6][0]}
    assert live.hunter("verify", PLAN)[0] == 0
    code, told = live.hunter("undo", JOURNAL)
    assert code == 0, told
    assert live.ask("wmi") == before


def _process(live: LiveHost, *below: str) -> list[int]:
    """Start an inert tree of processes there and return their numbers, the top first: each program waits, and starts the next one."""
    public = live.machine.drive_c / "users/Public"
    source, program = public / "waiter.c", public / "waiter.exe"
    if not program.exists():
        source.write_text(WAITER)
        subprocess.run(
            ["x86_64-w64-mingw32-gcc", "-O1", "-s", "-o", str(program), str(source)], check=True, capture_output=True, timeout=120
        )
        source.unlink()
    numbers = public / "numbers.txt"
    numbers.unlink(missing_ok=True)
    live.machine.start("C:\\users\\Public\\waiter.exe", *below)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        told = numbers.read_text().split() if numbers.exists() else []
        if len(told) == len(below) + 1:
            return [int(pid) for pid in told]
        time.sleep(0.05)
    raise AssertionError("the inert processes do not start")


def _minidump(data: bytes) -> tuple[dict[int, bytes], list[str], int]:
    """(address → bytes, paths of modules, number of threads) of a minidump, by minidumpapiset.h."""
    magic, version, count, directory = struct.unpack_from("<4sIII", data)
    assert (magic, version & 0xFFFF) == (b"MDMP", 0xA793)
    streams = {kind: (size, at) for kind, size, at in (struct.unpack_from("<III", data, directory + 12 * n) for n in range(count))}
    assert {3, 4, 7, 9, 15, 16} <= streams.keys()
    ranges, at = struct.unpack_from("<QQ", data, streams[9][1])
    memory = {}
    for n in range(ranges):
        address, size = struct.unpack_from("<QQ", data, streams[9][1] + 16 + 16 * n)
        memory[address] = data[at : at + size]
        at += size
    assert at == len(data)
    modules = []
    for n in range(struct.unpack_from("<I", data, streams[4][1])[0]):
        name = struct.unpack_from("<I", data, streams[4][1] + 4 + 108 * n + 20)[0]
        length = struct.unpack_from("<I", data, name)[0]
        modules.append(data[name + 4 : name + 4 + length].decode("utf-16-le"))
    return memory, modules, struct.unpack_from("<I", data, streams[3][1])[0]


def test_the_memory_of_a_tree_is_kept_for_the_analyst_alone(live: LiveHost) -> None:
    tree = _process(live, "second")
    live.clear()
    for kind in ("windows-process-suspend", "windows-process-dump"):
        live.clear()
        code, told = live.hunter("add", PLAN, f"process:{tree[0]}", "--kind", kind, "-r", live.recipient)
        assert code == 0, told
        code, told = live.hunter("apply", PLAN, "--yes")
        assert (code, told.count("memory kept: ")) == (0, 2), told
        lines = [json.loads(line) for line in (live.work / "plan.yaml.journal.jsonl").read_text().splitlines()]
        kept = [line for line in lines if line["event"] == "memory"]
        assert [line["pid"] for line in kept] == tree
        secret = next(text for text in live.key.read_text().splitlines() if text.startswith("AGE-SECRET-KEY"))
        sealed = (live.work / "plan.yaml.backup" / kept[0]["file"]).read_bytes()
        memory, modules, threads = _minidump(pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(secret)]))
        assert any(b"marker 7 of memory" in pages for pages in memory.values())
        assert any(path.lower().endswith("\\users\\public\\waiter.exe") for path in modules), modules
        assert threads >= 1
        places = [live.machine.drive_c / name for name in ("work", "users", "windows/temp")]
        written = [path for place in places for path in place.rglob("*") if path.is_file() and path.suffix != ".tick"]
        assert not [path for path in written if b"marker 7 of memory" in path.read_bytes()]
        assert _ticks(live) == [False, False]
        if kind.endswith("suspend"):
            code, told = live.hunter("undo", JOURNAL)
            assert code == 0, told
            assert _ticks(live) == [True, True]


WAITER = r"""
#include <stdio.h>
#include <windows.h>
char marker[64];
int main(int argc, char **argv) {
  sprintf(marker, "marker %d of memory", 7);  /* a text that no file has */
  FILE *out = fopen("C:\\users\\Public\\numbers.txt", "a");
  fprintf(out, "%lu\n", GetCurrentProcessId());
  fclose(out);
  if (argc > 1) {
    STARTUPINFOA s = {sizeof s};
    PROCESS_INFORMATION p;
    char line[200] = "C:\\users\\Public\\waiter.exe";
    for (int n = 2; n < argc; n++) { strcat(line, " "); strcat(line, argv[n]); }
    CreateProcessA(NULL, line, NULL, NULL, 0, 0, NULL, NULL, &s, &p);
  }
  for (;;) {  /* a tick in memory of the file system, which stops while the process is suspended */
    const char *name = argc > 1 ? "C:\\users\\Public\\top.tick" : "C:\\users\\Public\\low.tick";
    HANDLE tick = CreateFileA(name, FILE_APPEND_DATA, 7, NULL, 4, 0, NULL);
    DWORD n;
    WriteFile(tick, ".", 1, &n, NULL);
    CloseHandle(tick);
    Sleep(20);
  }
}
"""


def _ticks(live: LiveHost) -> list[bool]:
    """Whether top and lowest process go on: the length of what they write grows."""
    places = [live.machine.drive_c / "users/Public" / name for name in ("top.tick", "low.tick")]
    before = [place.stat().st_size for place in places]
    time.sleep(0.5)
    return [place.stat().st_size > was for place, was in zip(places, before, strict=True)]


def test_a_tree_of_processes_is_suspended_let_go_and_ended(live: LiveHost) -> None:
    tree = _process(live, "second", "third")
    stranger = live.machine.start("C:\\windows\\system32\\ping.exe", "-n", "300", "127.0.0.1")
    live.clear()
    code, told = live.hunter("add", PLAN, f"process:{tree[0]}", "-r", live.recipient)
    assert code == 0, told
    code, told = live.hunter("apply", PLAN)
    assert (code, "1 ready" in told, told.count("waiter.exe") >= 3) == (0, True, True), told
    assert _ticks(live) == [True, True]
    assert live.hunter("verify", PLAN)[0] == 1
    assert live.ask("stopped", "apply", PLAN, "--yes") is True  # ended right before the first process would end
    assert _ticks(live) == [False, False]
    code, told = live.hunter("undo", JOURNAL)
    assert code == 0, told
    assert _ticks(live) == [True, True]
    for name in (".journal.jsonl", ".journal.head", ".runkey"):
        (live.work / f"plan.yaml{name}").unlink()
    code, told = live.hunter("apply", PLAN, "--yes")
    assert (code, "Done: 1 of 1" in told) == (0, True), told
    assert _ticks(live) == [False, False]
    assert live.hunter("verify", PLAN)[0] == 0
    here = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
    assert not [line for line in here if b"waiter.exe" in line]
    assert stranger.poll() is None
    stranger.kill()


def test_a_number_that_another_program_has_now_is_gone_and_hunter_itself_is_refused(live: LiveHost) -> None:
    target = {"path": "/users/Public/other.exe", "pid": str(_process(live)[0]), "start": "2001-01-01T00:00:00Z"}
    live.write({"kind": "windows-process", "do": "end-process", "class": "irreversible", "target": target})
    code, told = live.hunter("check", PLAN, "--seal")
    assert (code, "1 gone" in told) == (0, True), told
    live.hunter("apply", PLAN, "--yes")
    assert _ticks(live)[1]
    live.machine.quietly("wine", "taskkill", "/f", "/im", "waiter.exe")
    for number, code in ((live.ask("pid"), 3), (4, 2)):
        live.clear()
        assert live.hunter("add", PLAN, f"process:{number}", "-r", live.recipient)[0] == code


def _made_up_netsh(live: LiveHost) -> Path:
    """Put the netsh of `netsh.c` in the place of Wine's, which does nothing; return its log."""
    place = live.machine.drive_c / "windows/system32/netsh.exe"
    place.unlink(missing_ok=True)  # a link to the cache
    source = Path(__file__).with_name("netsh.c")
    subprocess.run(["x86_64-w64-mingw32-gcc", "-O1", "-s", "-o", str(place), str(source)], check=True, capture_output=True, timeout=120)
    for profile, on in (("DomainProfile", 1), ("StandardProfile", 1), ("PublicProfile", 0)):
        live.ask("write", f"{POLICY}\\{profile}", "EnableFirewall", 4, on)
    return live.machine.drive_c / "netsh.log"


def test_the_host_is_isolated_by_its_firewall_with_an_end_and_an_undo(live: LiveHost) -> None:
    log = _made_up_netsh(live)
    policy = live.ask("read", POLICY)
    live.clear()
    code, told = live.hunter("contain", PLAN, "--allow", "192.0.2.7", "--allow", "2001:db8::/48", "--hours", "2", "-r", live.recipient)
    assert code == 0, told
    assert live.hunter("apply", PLAN)[0] == 0
    assert live.ask("read", POLICY) == policy
    code, told = live.hunter("apply", PLAN, "--yes")
    assert (code, "Done: 1 of 1" in told) == (0, True), told
    rules = {name: data for name, _, data in live.ask("read", f"{POLICY}\\FirewallRules")[f"{POLICY}\\FirewallRules"]}
    assert {name: f"Dir={name.strip('{}').title()}" in data for name, data in rules.items()} == {"{in}": True, "{out}": True}
    ranges = [tuple(map(ip_address, each.split("-"))) for each in re.search(r"RA4=([^|]*)", rules["{in}"])[1].split(",")]
    for address, free in (("192.0.2.7", True), ("192.0.2.8", False), ("127.0.0.1", True), ("2001:db8::9", True), ("2001:db9::", False)):
        at = ip_address(address)
        assert any(first.version == at.version and first <= at <= last for first, last in ranges) != free, address
    assert ["EnableFirewall", 4, 1] in live.ask("read", f"{POLICY}\\PublicProfile")[f"{POLICY}\\PublicProfile"]
    xml = (live.machine.drive_c / "windows/system32/tasks/Escadre end of isolation").read_bytes()
    task = xml.decode("utf-16" if xml[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
    assert "of isolation: publicprofile<" in task  # Wine keeps no commands of a task that a program registers
    assert live.hunter("verify", PLAN)[0] == 0
    code, told = live.hunter("undo", JOURNAL)
    assert code == 0, told
    now = live.ask("read", POLICY)
    assert now.pop(f"{POLICY}\\FirewallRules") == []
    assert now == policy
    assert not (live.machine.drive_c / "windows/system32/tasks/Escadre end of isolation").exists()
    assert len(log.read_text().splitlines()) == 5


@pytest.mark.parametrize(
    ("value", "told"), [("EnableFirewall", "switches it off"), ("AllowLocalPolicyMerge", "ignores the rules of the host")]
)
def test_a_firewall_that_group_policy_rules_is_seen_before_anything_is_done(live: LiveHost, value: str, told: str) -> None:
    _made_up_netsh(live)
    place = "HKLM\\SOFTWARE\\Policies\\Microsoft\\WindowsFirewall\\PublicProfile"
    live.clear()
    assert live.hunter("contain", PLAN, "--allow", "192.0.2.7", "--hours", "2", "-r", live.recipient)[0] == 0
    live.ask("write", place, value, 4, 0)
    try:
        policy = live.ask("read", POLICY)
        code, out = live.hunter("apply", PLAN, "--yes")
        assert (code, f"{told} in the publicprofile" in out, "cut the host off at its switch" in out) == (3, True, True), out
        assert live.ask("read", POLICY) == policy
        live.ask("write", place, value, 4, 1)
        assert live.hunter("check", PLAN)[0] == 0
    finally:
        live.ask("run", "reg", "delete", place.replace("HKLM", "HKEY_LOCAL_MACHINE"), "/f")
