"""The range for Windows, on a mounted root: planted, found, planned, applied, verified gone, undone, the same for independent readers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from commodore.engine.process import process
from commodore.persistence.table import rows
from fixtures.hives.writer import Image, Key, entry, log, made
from scout.keys import keygen
from tests.conftest import need
from tests.hunter.conftest import manifest, read_rows
from tests.hunter.driver import hunt, killed_at
from tests.hunter.hive_readers import changed_keys, everything
from tests.range import listed_files, plants
from tests.range.plants import Planter
from tests.range.removed import applied_rows, removed_here
from tests.yamls import PLAIN

SOFTWARE, SYSTEM = plants.SOFTWARE, plants.SYSTEM
CACHE = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache"
GUID = "{0B1A2C3D-1111-2222-3333-444455556666}"
OTHER = "{0B1A2C3D-1111-2222-3333-444455556667}"
WINLOGON = f"{plants.NT}\\Winlogon"


BY_HAND = {row.id for row in rows() if row.remove == "MM"} | {"W116"}
"""planted rows that are left to a person: those whose removal is by hand; classes of WMI, which may be those of Windows"""


class Disk:
    """One mounted root, its case, its plan."""

    def __init__(self, root: Path, place: Path) -> None:
        self.root, self.place = root, place
        place.mkdir(mode=0o700, parents=True)
        self.plan, self.key = place / "plan.yaml", place / "key.txt"
        self.journal = Path(f"{self.plan}.journal.jsonl")
        keygen(self.key)

    def recipient(self) -> str:
        return next(line.split(": ")[1] for line in self.key.read_text().splitlines() if "public key" in line)

    def planned(self, severity: str = "high") -> list[dict]:
        """The actions of the plan that HUNTER makes of COMMODORE's findings, sealed on the root."""
        process([self.root], self.place / "case", workers=1)
        known = self.place / "known.txt"
        known.write_text("# no key is known: none is a question\n")
        code, out, err = hunt(
            *("plan", self.place / "case", "--severity", severity, "--known", known, "-r", self.recipient(), "-o", self.plan)
        )
        assert code == 0, out + err
        code, out, err = self.run("check", "--seal")
        assert code == 0, out + err
        return self.actions()

    def actions(self) -> list[dict]:
        return yaml.load(self.plan.read_text(), PLAIN)["actions"]

    def keep(self, mechanisms: set[str]) -> None:
        """Leave only the actions of some rows in the plan, and seal it again: a killed run costs as much as its actions."""
        plan = yaml.load(self.plan.read_text(), PLAIN)
        plan["actions"] = [action for action in plan["actions"] if action["mechanism"] in mechanisms]
        assert len(plan["actions"]) >= len(mechanisms)
        self.plan.write_text(json.dumps({name: part for name, part in plan.items() if name != "seal"}))
        code, out, err = self.run("check", "--seal")
        assert code == 0, out + err

    def planned_rows(self) -> set[str]:
        """The rows whose findings the plan's actions answer; two rows may mean one object."""
        found = [row for path in (self.place / "case/findings").iterdir() for row in read_rows(path)]
        why = {each for action in self.actions() for each in action["why"]}
        return {row["rule.id"] for row in found if row["escadre.id"] in why}

    def applied_rows(self) -> set[str]:
        """The rows whose findings the applied actions answer."""
        found = [row for path in (self.place / "case/findings").iterdir() for row in read_rows(path)]
        return set(applied_rows(self.journal, self.actions(), found))

    def write(self, *actions: dict) -> None:
        """A plan by hand, not sealed."""
        words = {"do": "delete-value", "expect": [], "why": [], "backup": "encrypted", "reboot": "no", "class": "reversible"}
        made = [{"id": f"a{n}", "mechanism": "hand", **words, **action} for n, action in enumerate(actions, 1)]
        name = self.root.name
        plan = {"escadre_plan": "2", "host": {"name": name, "name_inferred": "yes"}, "recipients": [self.recipient()], "actions": made}
        self.plan.write_text(json.dumps(plan))

    def run(self, command: str, *arguments: object) -> tuple[int, str, str]:
        return hunt(command, self.journal if command == "undo" else self.plan, "--root", self.root, *arguments)

    def hives(self) -> dict[str, dict]:
        """What independent readers see of every hive."""
        return {str(p.relative_to(self.root)): everything(p) for p in sorted(self.root.rglob("*")) if p.is_file() and _is_hive(p)}

    def files(self) -> dict[str, tuple]:
        """Everything about every file, with the content of hives left out."""
        found = manifest(self.root)
        return {p: (*v[:6], b"" if v[6][:4] == b"regf" else v[6], v[7]) for p, v in found.items()}


def _is_hive(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"regf" and ".LOG" not in path.name


def windows_hosts(folder: Path) -> Planter:
    """Plant the hosts below a folder, with the files that `$MFT` names, keys of tasks, and services of the other control set."""
    planter = Planter(folder, 20261129)
    plants.windows(planter)
    for n in range(plants.HOSTS):
        host = f"win-bad-{n}"
        listed = [p.mark for p in planter.plants if p.row in listed_files.GUILTY and p.host == host and p.guilty]
        places = listed_files.on_disk([*listed, f"{listed_files.FOLDERS[n]}\\Reference"])
        for path in listed:
            planter.file(host, places[path].replace("\\", "/"), "inert\n")
        task = next(p.mark for p in planter.plants if p.row == "W100" and p.host == host)
        folder_of = ("", "Microsoft\\Windows\\Servicing\\", "Microsoft\\Office\\")[n]
        for name, guid in ((f"{folder_of}{task}", GUID), (f"{folder_of}{task}x", OTHER)):
            planter.value(host, SOFTWARE, f"{CACHE}\\Tree\\{name}", "Id", "REG_SZ", guid)
            planter.value(host, SOFTWARE, f"{CACHE}\\Tasks\\{guid}", "Path", "REG_SZ", f"\\{name}")
            planter.value(host, SOFTWARE, f"{CACHE}\\Logon\\{guid}", "x", "REG_DWORD", "1")
            planter.value(host, SOFTWARE, f"{CACHE}\\Tree\\{name}", "SD", "REG_SZ", "x")
        planter.file(
            host, f"Windows/System32/Tasks/{folder_of}{task}x".replace("\\", "/"), plants._task("%windir%\\system32\\sc.exe", "query")
        )
        for word in ("Userinit ", "xUserinit"):  # decoys beside the guilty
            planter.value(host, SOFTWARE, WINLOGON, word, "REG_SZ", "C:\\Windows\\system32\\userinit.exe,C:\\Users\\Public\\decoy.exe")
        for mark in _decoys(planter, n):
            other = f"ControlSet00{2 - n % 2}\\Services\\{mark}"
            planter.value(host, SYSTEM, other, "ImagePath", "REG_EXPAND_SZ", "%SystemRoot%\\System32\\agent.exe")
    planter.build()
    return planter


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Planter, Path]:
    need(os.name == "posix" and os.geteuid() == 0, "a Linux root account")
    need(plants.has_hivex(), "python3-hivex, which the planter runs")
    root = tmp_path_factory.mktemp("windows")
    return windows_hosts(root / "hosts"), root


@pytest.fixture
def disk(hosts, tmp_path) -> Disk:
    _, root = hosts
    copy = tmp_path / "win-bad-0"
    shutil.copytree(root / "hosts/win-bad-0", copy, symlinks=True, ignore=shutil.ignore_patterns("$MFT"))
    return Disk(copy, tmp_path / "work")


@pytest.mark.parametrize("n", range(plants.HOSTS))
def test_every_planted_row_is_removed_verified_and_put_back_the_same(hosts, n) -> None:
    planter, root = hosts
    disk = Disk(root / f"hosts/win-bad-{n}", root / f"work-{n}")
    actions = disk.planned("informational")
    done = disk.planned_rows()
    planted = {p.row for p in planter.plants if p.host == f"win-bad-{n}" and p.guilty}
    print(f"\nwin-bad-{n}: {len(actions)} actions, {len(planted & done)} of {len(planted)} planted rows; by hand: {sorted(planted - done)}")
    assert planted - done <= BY_HAND
    files, hives = disk.files(), disk.hives()
    assert disk.run("verify")[0] == 1
    code, out, err = disk.run("apply", "--yes")
    assert code == 0, out + err
    later = sum(a["kind"] in ("wmi-object", "wmi-subscription") for a in actions)  # WMI waits for the running Windows
    here = len(actions) - later - sum(any("absent" in e for e in a["expect"]) for a in actions)
    assert f"Done: {here} of {here}, verified.\nNothing else in the touched folders changed" in out
    after = disk.hives()
    code, out, err = disk.run("verify")
    assert (code, "THERE" in out, out.count("UNSEEN")) == (int(later > 0), False, later), out + err
    meant = {_below(e["key"]) for a in actions for e in a["expect"] if "key" in e}
    for name, before in hives.items():
        for key in changed_keys(before, after[name]):
            assert any(key.endswith(m) or f"{m}\\" in f"{key}\\" or m.rpartition("\\")[0].endswith(key) for m in meant), key
    marks = [p.mark.lower() for p in planter.plants if p.host == f"win-bad-{n}" and p.guilty and p.row in ("W001", "W012", "W013", "W050")]
    left = json.dumps(after, default=lambda b: b.decode("latin-1").replace("\0", "")).lower()
    assert [m for m in marks if m in left] == [m for m in marks if m in _decoys(planter, n)]
    keys = json.dumps([list(dump["hivex"]) for dump in after.values()])
    assert (OTHER in keys, GUID in keys) == (True, False)
    applied = disk.applied_rows() & planted
    code, out, err = disk.run("undo")
    assert code == 0, out + err
    assert (disk.hives(), disk.files()) == (hives, files)
    assert applied == removed_here(n, "W"), "run python -m tests.range.removed docs/range.md"


def _below(key: str) -> str:
    return "\\" + key.split("\\", 2)[2]


def _decoys(planter: Planter, n: int) -> list[str]:
    """Names of planted services of which the other control set has a good one; not of those that are planted there too."""
    planted = [p for p in planter.plants if p.host == f"win-bad-{n}" and p.guilty]
    twice = {p.mark for p in planted if p.row in ("W052", "W053", "W056")}
    return [p.mark for p in planted if p.row == "W050" and p.mark not in twice]


@pytest.mark.slow
def test_killed_at_every_seventh_step_it_is_completed_or_taken_back(disk) -> None:
    disk.planned()
    disk.keep({"W001", "W008", "W012", "W013", "W050", "W051", "W100", "W150"})
    files, hives = disk.files(), disk.hives()
    code, out, err = disk.run("apply", "--yes")
    assert code == 0, out + err
    applied = disk.hives()
    assert disk.run("undo")[0] == 0
    n, step = 1, 0
    while step < 400:
        for name in (".journal.jsonl", ".runkey", ".journal.head"):
            Path(f"{disk.plan}{name}").unlink(missing_ok=True)
        shutil.rmtree(f"{disk.plan}.backup", ignore_errors=True)
        died = killed_at(n, "apply", disk.plan, "--root", disk.root, "--yes")
        if step % 2:
            code, out, err = disk.run("apply", "--yes")
            assert code == 0, f"killed at {n}: {out}{err}"
            assert _unstamped(disk.hives()) == _unstamped(applied), f"killed at {n}"
        code, out, err = disk.run("undo")
        assert code in (0, 2), f"killed at {n}: {out}{err}"
        if step % 2 or step % 6 == 0:
            assert (disk.hives(), disk.files()) == (hives, files), f"killed at {n}"
        assert not list(disk.root.rglob(".escadre*")), f"killed at {n}"
        if not died:
            break
        n, step = n + 7, step + 1
    assert 20 < step < 400


def _unstamped(hives: dict) -> dict:
    """Without the last writes, which differ from run to run."""
    return {n: {r: {k: v[1:] for k, v in dump.items()} for r, dump in readers.items()} for n, readers in hives.items()}


@pytest.mark.parametrize(
    ("kind", "target", "told"),
    [
        ("registry-value", {"key": f"HKLM\\SOFTWARE\\{WINLOGON}", "value": "Userinit"}, "nobody can log in without it"),
        ("registry-value", {"key": "HKLM\\SYSTEM\\Select", "value": "Current"}, "the system boots with it"),
        ("registry-key", {"key": f"HKLM\\SOFTWARE\\{plants.CV}"}, "whole parts of the system"),
        ("service", {"key": "HKLM\\SYSTEM\\ControlSet001\\Services\\tcpip"}, "the system boots with it"),
        ("windows-file", {"path": "/Users/agnes/NTUSER.DAT"}, "a profile of Windows"),
    ],
)
def test_what_windows_needs_is_guarded(disk, kind, target, told) -> None:
    verbs = {"registry-key": "delete-key", "service": "remove-service", "windows-file": "quarantine", "registry-value": "delete-value"}
    disk.write({"kind": kind, "target": target, "do": verbs[kind], **({"reboot": "yes"} if kind == "service" else {})})
    if kind == "service":
        subprocess.run(
            [plants.SYSTEM_PYTHON, str(plants.HERE / "write_hives.py")],
            input=json.dumps({str(disk.root / "x"): [["ControlSet001\\Services\\tcpip", "Start", "REG_DWORD", "0"]]}),
            text=True,
            check=True,
        )
        (disk.root / "x").replace(disk.root / SYSTEM)
    code, out, err = disk.run("check", "--seal")
    assert code == 0, out + err
    files = disk.files()
    code, out, err = disk.run("apply", "--yes")
    assert (code, told in " ".join(out.split())) == (3, True), out + err
    assert disk.files() == files


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ({"key": "HKLM\\SECURITY\\Policy\\Secrets", "value": "x"}, "no hive"),
        ({"key": "HKCU\\Software\\x", "value": "x"}, "whole path of one key"),
        ({"key": "HKLM\\SOFTWARE\\*\\Run", "value": "x"}, "whole path of one key"),
        ({"key": "HKU\\..\\Software\\x", "value": "x"}, "whole path of one key"),
        ({"key": "HKU\\nobody\\Software\\x", "value": "x"}, "no hive"),
        ({"key": "HKLM\\SOFTWARE\\x"}, "no value"),
    ],
)
def test_a_key_that_names_no_place_of_this_root_is_refused(disk, target, told) -> None:
    disk.write({"kind": "registry-value", "target": target})
    files = disk.files()
    code, out, err = disk.run("check", "--seal")
    assert (code in (2, 3), told in " ".join((out + err).split())) == (True, True), out + err
    assert disk.files() == files


def test_wmi_of_a_disk_waits_for_the_running_windows_and_the_rest_is_done(disk) -> None:
    consumer = {"wmi": 'root\\subscription:CommandLineEventConsumer.Name="x"'}
    value = {"key": f"HKLM\\SOFTWARE\\{WINLOGON}", "value": "xUserinit"}
    disk.write({"kind": "registry-value", "target": value}, {"kind": "wmi-subscription", "do": "remove-wmi", "target": consumer})
    code, out, err = disk.run("check", "--seal")
    assert code == 0, out + err
    before = disk.hives()
    code, out, err = disk.run("check")
    assert (code, "1 ready, 1 later" in out) == (0, True), out + err
    code, out, err = disk.run("apply", "--yes")
    assert (code, "Done: 1 of 1" in out) == (0, True), out + err
    code, out, err = disk.run("verify")
    assert (code, "UNSEEN" in out) == (1, True), out + err
    assert disk.run("undo")[0] == 0
    assert disk.hives() == before


@pytest.mark.parametrize("path", ["root\\subscription", "root\\subscription:Evil", "x:Evil.Name=1"])
def test_only_one_object_of_wmi_is_a_target(disk, path) -> None:
    disk.write({"kind": "wmi-subscription", "do": "remove-wmi", "target": {"wmi": path}})
    code, out, err = disk.run("check", "--seal")
    assert (code, "no path of one object of WMI" in " ".join((out + err).split())) == (2, True), out + err


def test_the_last_element_of_a_list_leaves_the_default(disk) -> None:
    shell = {"key": f"HKLM\\SOFTWARE\\{WINLOGON}", "value": "Shell"}
    parts = [{"kind": "registry-list", "do": "remove-entry", "target": {**shell, "element": e}} for e in ("explorer.exe",)]
    guilty = next(a["target"]["element"] for a in disk.planned() if a["mechanism"] == "W013")
    parts.append({"kind": "registry-list", "do": "remove-entry", "target": {**shell, "element": guilty}})
    disk.plan.unlink()
    disk.write(*parts)
    before = disk.hives()
    assert disk.run("check", "--seal")[0] == 0
    code, out, err = disk.run("apply", "--yes")
    assert code == 0, out + err
    values = {name: bytes.fromhex(data) for name, _, data in disk.hives()[SOFTWARE]["hivex"][f"\\{WINLOGON}"][1]}
    assert values["Shell"] == "explorer.exe\0".encode("utf-16-le")
    assert disk.run("undo")[0] == 0
    assert disk.hives() == before


class Pending:
    """A hive whose last write is only in its log."""

    def __init__(self) -> None:
        time = 132_000_000_000_000_000
        root = Key("ROOT", time)
        run = root.at("Software\\Microsoft\\Windows\\CurrentVersion\\Run").put(Old="C:\\Program Files\\old.exe")
        image = Image(root, time, "NTUSER.DAT", 100)
        self.primary = image.hive(dirty=True)
        before = bytes(image.bins)
        run.values.append(made("Evil", "C:\\Users\\Public\\evil.exe"))
        image.link_values(run)
        written = entry(100, len(image.bins), image.pages(before))
        self.log = log(image.base_block(kind=6, first=100, second=100), written)


RUN = {"key": "HKU\\agnes\\Software\\Microsoft\\Windows\\CurrentVersion\\Run", "value": "Evil"}


def test_a_dirty_hive_is_used_with_its_log_replayed_or_refused(disk) -> None:
    pending, hive = Pending(), disk.root / plants.USER
    hive.write_bytes(pending.primary)
    disk.write({"kind": "registry-value", "target": RUN})
    code, out, err = disk.run("check", "--seal")
    assert (code, "was not written completely" in " ".join(err.split())) == (3, True), out + err
    Path(f"{hive}.LOG1").write_bytes(pending.log)
    code, out, err = disk.run("check", "--seal")
    assert code == 0, out + err
    code, out, err = disk.run("apply", "--yes")
    assert code == 0, out + err
    first, second = (int.from_bytes(hive.read_bytes()[at : at + 4], "little") for at in (4, 8))
    assert first == second > 100
    assert [v[0] for v in everything(hive)["hivex"]["\\Software\\Microsoft\\Windows\\CurrentVersion\\Run"][1]] == ["Old"]
    from scout.formats.regf import Hive

    read = Hive.open(hive.read_bytes(), [pending.log])  # the old log is not applied to the new hive
    assert (read.dirty, read.applied) == (False, 0)
    assert disk.run("undo")[0] == 0
    assert [v[0] for v in everything(hive)["hivex"]["\\Software\\Microsoft\\Windows\\CurrentVersion\\Run"][1]] == ["Old", "Evil"]


def test_a_hibernated_windows_is_refused(disk) -> None:
    (disk.root / "hiberfil.sys").write_bytes(b"hibr" + bytes(4096))
    disk.write({"kind": "registry-value", "target": {"key": f"HKLM\\SOFTWARE\\{WINLOGON}", "value": "xUserinit"}})
    assert disk.run("check", "--seal")[0] == 0
    code, out, _ = disk.run("apply", "--yes")
    assert (code, "hibernated" in out) == (3, True), out
    (disk.root / "hiberfil.sys").write_bytes(b"\0\0\0\0" + bytes(4096))
    assert disk.run("apply", "--yes")[0] == 0


def test_a_value_that_changed_since_the_seal_stops_the_plan_and_another_value_does_not(disk) -> None:
    target = {"key": f"HKLM\\SOFTWARE\\{WINLOGON}", "value": "xUserinit"}
    disk.write({"kind": "registry-value", "target": target})
    assert disk.run("check", "--seal")[0] == 0

    def put(name: str, text: str) -> None:
        script = (
            "import hivex,sys\nh=hivex.Hivex(sys.argv[1],write=True)\nn=h.root()\n"
            "for p in sys.argv[2].split(chr(92)): n=h.node_get_child(n,p)\n"
            "h.node_set_value(n,{'key':sys.argv[3],'t':1,'value':(sys.argv[4]+chr(0)).encode('utf-16-le')})\nh.commit(None)\n"
        )
        subprocess.run([plants.SYSTEM_PYTHON, "-c", script, str(disk.root / SOFTWARE), WINLOGON, name, text], check=True)

    put("Innocent", "C:\\Program Files\\x.exe")
    assert disk.run("check")[0] == 0
    put("xUserinit", "C:\\Windows\\system32\\other.exe")
    before = disk.files()
    code, out, _ = disk.run("apply", "--yes")
    assert (code, "sha256 was" in out) == (3, True), out
    assert disk.files() == before


@pytest.fixture
def ntfs(hosts, tmp_path):
    """The same root on a real NTFS volume, whose hive has a stream, attributes and a descriptor of its own."""
    need(all(map(shutil.which, ("mkntfs", "ntfs-3g", "umount"))) and Path("/dev/fuse").exists(), "ntfs-3g and FUSE")
    image, place = tmp_path / "disk.img", tmp_path / "win-bad-0"
    place.mkdir()
    with image.open("wb") as stream:
        stream.truncate(64 << 20)
    assert subprocess.run(["mkntfs", "-F", "-Q", "-q", str(image)], capture_output=True).returncode == 0

    def mount(options: str) -> None:
        subprocess.run(["umount", str(place)], capture_output=True)
        need(subprocess.run(["ntfs-3g", "-o", options, str(image), str(place)]).returncode == 0, "a kernel that mounts by FUSE")

    mount("streams_interface=xattr,umask=077")
    try:
        shutil.copytree(hosts[1] / "hosts/win-bad-0", place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("$MFT"))
        hive = place / SOFTWARE
        os.setxattr(hive, "user.stream", b"a stream of its own")
        os.setxattr(hive, "system.ntfs_attrib", (0x22).to_bytes(4, "little"))
        yield Disk(place, tmp_path / "work"), mount
    finally:
        subprocess.run(["umount", str(place)], capture_output=True)


def test_a_hive_on_ntfs_keeps_stream_descriptor_attributes_and_creation_time(ntfs) -> None:
    disk, mount = ntfs
    names = ("user.stream", "system.ntfs_acl", "system.ntfs_attrib", "system.ntfs_crtime")
    target = {"key": f"HKLM\\SOFTWARE\\{WINLOGON}", "value": "xUserinit"}
    disk.write({"kind": "registry-value", "target": target})
    hive = disk.root / SOFTWARE
    before, facts = everything(hive), [os.getxattr(hive, name) for name in names]
    code, out, err = disk.run("check", "--seal")
    assert code == 0, out + err
    code, out, err = disk.run("apply", "--yes")
    assert code == 0, out + err
    assert [os.getxattr(hive, name) for name in names] == facts
    assert changed_keys(before, everything(hive)) == {f"\\{WINLOGON}"}
    code, out, err = disk.run("undo")
    assert code == 0, out + err
    assert (everything(hive), [os.getxattr(hive, name) for name in names]) == (before, facts)
    mount("streams_interface=xattr")
    code, out, err = disk.run("apply", "--yes")
    assert (code, "mount it with umask=077" in " ".join(out.split())) == (3, True), out + err
    mount("streams_interface=windows,umask=077")
    code, out, err = disk.run("apply", "--yes")
    assert (code, "streams that this mount does not show" in " ".join((out + err).split())) == (3, True), out + err
