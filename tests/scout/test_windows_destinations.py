r"""Links and junctions of Windows volumes: the file behind is taken under its own path, and custody has both names.

The texts are those of reparse points ([MS-FSCC] 2.1.2.4 and 2.1.2.5), written as such by ntfs-3g. The volume's own bytes and a mount are
read.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from commodore.engine.process import process
from scout.collecting.examined import make_plan, open_host
from scout.collecting.options import CollectOptions
from scout.keys import load_identities
from tests.commodore.cases import records
from tests.commodore.damage import GOLDEN
from tests.commodore.registry_hives import hive
from tests.scout.collecting import *  # noqa: F403  (fixtures)
from tests.scout.volumes import mounted_ntfs, ntfs_image, partitioned

JUNCTION, SYMLINK = 0xA0000003, 0xA000000C
TASKS = "C:\\Windows\\System32\\Tasks"
DATA_GUID = "{5f2c2d10-1111-2222-3333-0123456789ab}"
SYSTEM_ID, DATA_ID = struct.pack("<IQ", 0x1234ABCD, 2048 * 512), struct.pack("<IQ", 0x1234ABCD, 59392 * 512)
TABLE = "label: dos\nlabel-id: 0x1234abcd\nstart=2048, size=57344, type=7\nstart=59392, size=49152, type=7\n"


def link(path: Path, way: str, *, folder: bool = False, relative: bool = False, shown: str = "C:\\looks\\harmless.xml") -> None:
    """Make a junction (`folder`) or a symbolic link whose substitute name is `way`; its print name says something else."""
    name, seen = way.encode("utf-16-le"), shown.encode("utf-16-le")
    names = struct.pack("<4H", 0, len(name), len(name) + 2, len(seen)) + (b"" if folder else struct.pack("<I", relative))
    names += name + bytes(2) + seen + bytes(2)
    path.mkdir() if folder else path.write_bytes(b"")
    data = struct.pack("<IHH", JUNCTION if folder else SYMLINK, len(names), 0) + names
    os.setxattr(path, "system.ntfs_reparse_data", data)


def fill_system(point: Path) -> None:
    tasks = point / "Windows/System32/Tasks"
    for folder in (tasks, point / "Windows/System32/config", point / "ProgramData/more", point / "Users/Ada"):
        folder.mkdir(parents=True)
    devices = {"\\DosDevices\\C:": SYSTEM_ID, "\\DosDevices\\D:": DATA_ID, f"\\??\\Volume{DATA_GUID}": DATA_ID}
    (point / "Windows/System32/config/SYSTEM").write_bytes(hive({"MountedDevices": devices}))
    (point / "ProgramData/one.xml").write_bytes(b"one")
    (point / "ProgramData/more/Two").write_bytes(b"two")
    (point / "ProgramData/more/exact.txt").write_bytes(b"exact")
    link(tasks / "Absolute", "\\??\\c:\\PROGRAMDATA\\ONE.XML")
    link(tasks / "Relative", "..\\..\\..\\programdata\\more\\exact.TXT", relative=True)
    link(tasks / "Top", "\\ProgramData\\more\\Two", relative=True)
    link(tasks / "Far", "\\??\\D:\\jobs\\far.xml")
    link(tasks / "Volume", f"\\??\\Volume{DATA_GUID.upper()}\\jobs\\volume.xml")
    link(tasks / "Folder", "\\??\\D:\\folder", folder=True)
    link(tasks / "Chain", "\\??\\C:\\Hop")
    link(point / "Hop", "\\??\\D:\\back\\Chained")
    link(tasks / "Round", "\\??\\C:\\Windows\\System32\\Tasks\\Again")
    link(tasks / "Again", "Round", relative=True)
    link(tasks / "Own", "\\??\\C:\\Windows\\System32", folder=True)
    link(tasks / "Share", "\\??\\UNC\\server\\share\\x.xml")
    link(tasks / "Nowhere", "\\??\\E:\\x.xml")
    link(tasks / "Gone", "\\??\\C:\\ProgramData\\gone.xml")
    link(tasks / "Up", "..\\" * 30 + "ProgramData\\one.xml", relative=True)
    link(point / "Users/Ada/NTUSER.DAT", "\\??\\D:\\profiles\\hive")


def fill_data(point: Path) -> None:
    for folder in ("jobs", "folder/deep", "profiles", "back"):
        (point / folder).mkdir(parents=True)
    for name in ("jobs/far.xml", "jobs/volume.xml", "folder/deep/Inner", "folder/Outer", "profiles/hive", "landed.xml"):
        (point / name).write_bytes(TASK)
    link(point / "back/Chained", "..\\landed.xml", relative=True)
    link(point / "folder/loop", "\\??\\D:\\folder", folder=True)
    link(point / "folder/On", "\\??\\C:\\ProgramData\\one.xml")


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    """The images of C: and D:."""
    folders = [tmp_path_factory.mktemp(name) for name in ("system", "data")]
    return ntfs_image(folders[0], fill_system, 28 << 20), ntfs_image(folders[1], fill_data, 24 << 20)


@pytest.fixture(scope="module")
def disk(volumes, tmp_path_factory):
    return partitioned(tmp_path_factory.mktemp("disk") / "disk.img", 60 << 20, TABLE, dict(zip((2048, 59392), volumes, strict=True)))


def behind(archive) -> dict[str, str]:
    """Path → place of the link, of what was taken behind links."""
    return {path: line["referrer"][0] for path, line in archive.custody.items() if line["verdict"] == "taken" and "referrer" in line}


TASK = (GOLDEN / "scheduled_tasks/input/Windows/System32/Tasks/Plain").read_bytes()
ON_C = {"C:\\ProgramData\\one.xml", "C:\\ProgramData\\more\\exact.txt", "C:\\ProgramData\\more\\Two"}


def test_a_raw_disk_is_followed_across_its_volumes(disk, collected):
    archive = collected(None, "--image", str(disk), "--targets", "WP01,WR03")
    assert behind(archive) == {
        "C:\\ProgramData\\one.xml": f"{TASKS}\\Absolute",
        "C:\\ProgramData\\more\\exact.txt": f"{TASKS}\\Relative",
        "C:\\ProgramData\\more\\Two": f"{TASKS}\\Top",
        "D:\\jobs\\far.xml": f"{TASKS}\\Far",
        "D:\\jobs\\volume.xml": f"{TASKS}\\Volume",
        "D:\\landed.xml": f"{TASKS}\\Chain",
        "D:\\folder\\deep\\Inner": f"{TASKS}\\Folder\\deep\\Inner",
        "D:\\folder\\Outer": f"{TASKS}\\Folder\\Outer",
        "D:\\profiles\\hive": "C:\\Users\\Ada\\NTUSER.DAT",
    }
    assert archive.content("D:\\landed.xml") == TASK and archive.content("C:\\ProgramData\\one.xml") == b"one"
    said = archive.custody
    assert said[f"{TASKS}\\Absolute"]["link"] == "\\??\\c:\\PROGRAMDATA\\ONE.XML", "the substitute name, not the print name"
    assert said[f"{TASKS}\\Chain"]["leads"] == "D:\\landed.xml"
    assert said[f"{TASKS}\\Folder"]["leads"] == "D:\\folder"
    assert said["D:\\folder\\On"]["leads"] == "C:\\ProgramData\\one.xml"
    assert "circle" in said[f"{TASKS}\\Round"]["error"] and "circle" in said[f"{TASKS}\\Again"]["error"]
    assert said[f"{TASKS}\\Gone"]["error"] == "it leads to C:\\ProgramData\\gone.xml, which is not there"
    for name, to in (("Share", "\\??\\UNC\\server\\share\\x.xml"), ("Nowhere", "\\??\\E:\\x.xml")):
        assert said[f"{TASKS}\\{name}"]["verdict"] == "link"
        assert said[f"{TASKS}\\{name}"]["error"] == f"it leads out of what is examined, to {to}: not followed"
    assert said[f"{TASKS}\\Up"]["leads"] == "C:\\ProgramData\\one.xml", "above the top there is only the top"


def test_the_tasks_behind_links_are_read_in_their_places(volumes, disk, collected, key, tmp_path):
    collected(None, "--image", str(disk), "--targets", "WP01")
    process([next((tmp_path / "out0").glob("*.age"))], tmp_path / "case", identities=load_identities(key[0]))
    places = {record["escadre.source"] for record in records(tmp_path / "case", "scheduled_tasks")}
    names = ("Far", "Volume", "Chain", "Folder\\Outer", "Folder\\deep\\Inner")
    assert {f"{TASKS}\\{name}" for name in names} <= places


def test_a_mount_is_followed_within_its_root_by_what_the_reparse_points_say(volumes, collected, tmp_path):
    """ntfs-3g itself says that a link to D: leads into the mount of C:, if there is such a path: that text is not believed."""
    with mounted_ntfs(volumes[0], tmp_path / "mnt") as point:
        (point / "jobs").mkdir(exist_ok=True)
        (point / "jobs/far.xml").write_bytes(b"of C, and nobody's")
        archive = collected(point, "--targets", "WP01,WR03")
    assert set(behind(archive)) == ON_C
    said = archive.custody
    assert said[f"{TASKS}\\Far"]["error"] == "it leads out of what is examined, to \\??\\D:\\jobs\\far.xml: not followed"
    assert said[f"{TASKS}\\Folder"]["error"] == "it leads out of what is examined, to \\??\\D:\\folder: not followed"
    assert "--image" in said[f"{TASKS}\\Volume"]["error"], "the driver does not hand out this one"
    assert said[f"{TASKS}\\Chain"]["error"].endswith("to \\??\\D:\\back\\Chained: not followed")


@pytest.mark.parametrize(
    "text",
    [
        "../../../programdata/ONE.xml",
        "/ProgramData/one.xml",
        "/??/C:/ProgramData/one.xml",
        "C:\\ProgramData\\one.xml",
        "{root}/ProgramData/one.xml",
    ],
)
def test_texts_as_drivers_and_copies_of_trees_have_them(collected, tmp_path, text):
    root = tmp_path / "tree"
    (root / "Windows/System32/Tasks").mkdir(parents=True)
    (root / "ProgramData").mkdir()
    (root / "ProgramData/one.xml").write_bytes(b"one")
    (root / "Windows/System32/Tasks/T").symlink_to(text.replace("{root}", str(root)))
    archive = collected(root, "--os", "windows", "--targets", "WP01")
    assert behind(archive) == {"C:\\ProgramData\\one.xml": f"{TASKS}\\T"}
    assert archive.custody[f"{TASKS}\\T"]["leads"] == "C:\\ProgramData\\one.xml"


def test_a_folder_of_users_on_another_volume_and_hives_with_their_logs(tmp_path, collected):
    def system(point: Path) -> None:
        (point / "Windows/System32/config").mkdir(parents=True)
        devices = {"\\DosDevices\\C:": SYSTEM_ID, "\\DosDevices\\D:": DATA_ID}
        (point / "Windows/System32/config/SYSTEM").write_bytes(hive({"MountedDevices": devices}))
        homes = {"S-1-5-21-1-2-3-1001": "C:\\Users\\Ada", "S-1-5-21-1-2-3-1002": "D:\\Elsewhere\\Bob"}
        profiles = {sid: {"ProfileImagePath": path} for sid, path in homes.items()}
        keys = {f"Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\{sid}": values for sid, values in profiles.items()}
        (point / "Windows/System32/config/SOFTWARE").write_bytes(hive(keys))
        link(point / "Users", "\\??\\D:\\Homes", folder=True)

    def data(point: Path) -> None:
        (point / "Homes/Ada").mkdir(parents=True)
        for name in ("NTUSER.DAT", "ntuser.dat.LOG1", "ntuser.dat.LOG2", "other.txt"):
            (point / f"Homes/Ada/{name}").write_bytes(name.encode())

        (point / "Elsewhere/Bob").mkdir(parents=True)
        (point / "Elsewhere/Bob/NTUSER.DAT").write_bytes(b"bob")

    images = []
    for name, filled, size in (("c", system, 28), ("d", data, 24)):
        (tmp_path / name).mkdir()
        images.append(ntfs_image(tmp_path / name, filled, size << 20))
    disk = partitioned(tmp_path / "disk.img", 60 << 20, TABLE, dict(zip((2048, 59392), images, strict=True)))
    archive = collected(None, "--image", str(disk), "--targets", "WR03")
    taken = {path: line for path, line in archive.custody.items() if line["verdict"] == "taken" and path != "collection.json"}
    assert taken.pop("D:\\Elsewhere\\Bob\\NTUSER.DAT")
    assert set(taken) == {f"D:\\Homes\\Ada\\{name}" for name in ("NTUSER.DAT", "ntuser.dat.LOG1", "ntuser.dat.LOG2")}
    tar = archive.plain.read_bytes()
    assert all(f":{place}/3\n".encode() in tar for place in ("main:1", "log1:2", "log2:3")), "a hive and its logs are one group"
    assert archive.custody["C:\\Users"]["leads"] == "D:\\Homes"


def test_secrets_stay_secrets_at_either_end_of_a_link(collected, tmp_path):
    """OpenSSH's folder moved away by a junction: a host key is one by the place at which sshd reads it."""
    root = tmp_path / "tree"
    for folder in ("Windows/System32", "elsewhere", "ProgramData"):
        (root / folder).mkdir(parents=True)
    (root / "elsewhere/ssh_host_rsa_key").write_bytes(b"no form that a reader knows")
    (root / "elsewhere/sshd_config").write_text("Port 22\n")
    (root / "ProgramData/ssh").symlink_to("C:\\elsewhere")
    archive = collected(root, "--os", "windows", "--targets", "WP07")
    assert archive.verdict("C:\\elsewhere\\sshd_config") == "taken"
    assert archive.verdict("C:\\elsewhere\\ssh_host_rsa_key") == "blocked"


def test_junctions_in_circles_are_bounded(tmp_path, monkeypatch):
    root = tmp_path / "tree"
    tasks = root / "Windows/System32/Tasks"
    tasks.mkdir(parents=True)
    for number in range(12):
        (root / f"ring{number}").mkdir()
        for other in range(12):
            (root / f"ring{number}/to{other}").symlink_to(f"C:\\ring{other}")
        (root / f"ring{number}/task").write_text("x")
    (tasks / "in").symlink_to("C:\\ring0")
    host = open_host(CollectOptions(recipients=[], out=tmp_path, root=root, system="windows", targets=["WP01"]))
    plan = make_plan(host)
    host.close()
    assert sum(item.parts[-1] == "task" for item in plan.items) == 12, "each once"
    assert len(plan.items) < 1_000
