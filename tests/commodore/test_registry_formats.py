"""Binary values of the registry: each field is what the published layout says, and a neighbouring layout is refused, never misread."""

from __future__ import annotations

from struct import pack
from typing import Any, NamedTuple

import pytest

from commodore import catalogue
from commodore.containers.registry import Keys
from fixtures.hives.writer import BINARY, DWORD, QWORD, Value
from fixtures.windows import shellitems
from tests.commodore.described import ticks
from tests.commodore.registry_hives import NTUSER, SAM, SOFTWARE, SYSTEM, run

FIRST, SECOND, THIRD = "2026-10-30T08:00:00.0000001Z", "2026-10-31T09:30:00.5000000Z", "2026-11-01T10:00:00.0000000Z"
FILETIME_PROPERTY = 0xFFFF0010
EXPLORER = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer"
CURRENT = "Microsoft\\Windows\\CurrentVersion"
TASK = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tasks\\{0A1B2C3D-1111-2222-3333-444455556666}"
NETWORK = "Microsoft\\Windows NT\\CurrentVersion\\NetworkList"
DISK = "ControlSet001\\Enum\\USBSTOR\\Disk&Ven_A&Prod_B&Rev_1\\123&0\\Properties\\{83da6326-97a6-4088-9453-a1923f573b29}"


def when(time: str) -> bytes:
    return pack("<Q", ticks(time))


def wide(text: str) -> bytes:
    return text.encode("utf-16-le")


def systemtime(*parts: int) -> bytes:
    return pack("<8H", *parts)


def counted(text: str) -> bytes:
    return pack("<I", len(wide(text))) + wide(text)


class Layout(NamedTuple):
    """A binary value: where it lies, its bytes, what they mean, and bytes of neighbouring layouts."""

    artefact: str
    source: str
    key: str
    name: str
    good: bytes | Value
    means: dict[str, Any]
    neighbours: tuple[bytes | Value, ...]
    beside: dict[str, dict[str, Any]] = {}  # noqa: RUF012  (nobody changes it)
    """further values, by key, that the layout needs"""

    def read(self, raw: bytes | Value):
        value = raw if isinstance(raw, Value) else Value("", self.good.kind if isinstance(self.good, Value) else BINARY, raw)
        keys = {key: dict(values) for key, values in self.beside.items()}
        keys.setdefault(self.key, {})[self.name] = value
        return run(self.artefact, keys, self.source)


def account(revision: int = 3, size: int = 80, more: int = 0) -> bytes:
    """F of an account: revision, at 6 how many bytes follow, logon, password set, expiry, failed logon, RID 1001, group 513, flags,
    country, failures, logons.
    """
    raw = pack("<HHHH", revision, 1, 0, more) + when(THIRD) + bytes(8) + when(FIRST) + pack("<Q", 0x7FFFFFFFFFFFFFFF) + when(SECOND)
    raw += pack("<IIHHHHHH", 1001, 513, 0x0211, 0, 0, 0, 2, 7)
    return raw.ljust(size, b"\0")[:size]


def names(length: int | None = None) -> bytes:
    """V of an account: a header of 204 bytes, in it at 12 the place and length of the name."""
    head = bytearray(204)
    head[12:20] = pack("<II", 0, 8 if length is None else length)
    return bytes(head) + wide("gast")


def group(count: int = 1, size: int = 10) -> bytes:
    """C of a group: RID, at 16 the name, at 28 the remark, at 40 the members."""
    member = bytes.fromhex("010100000000000512000000")
    head = pack("<I", 544) + bytes(12) + pack("<IIIIIIIII", 0, size, 0, 0, 0, 0, 12, len(member), count)
    return head + wide("Admin").ljust(12, b"\0") + member


def failures(*actions: tuple[int, int]) -> bytes:
    """SERVICE_FAILURE_ACTIONS of 32 bits: reset in seconds, message, command, number, pointer; then type and milliseconds of each."""
    return pack("<5I", 86400, 0, 1, len(actions), 20) + b"".join(pack("<II", *action) for action in actions)


def cache(header: int = 0x34, mark: bytes = b"10ts") -> bytes:
    """ShimCache of Windows 10: a header that begins with its own size, then entries: mark, checksum, size, path, time of the file, data."""
    path = wide("C:\\a.exe")
    body = pack("<H", len(path)) + path + when(FIRST) + pack("<I", 0)
    return pack("<I", header).ljust(header, b"\0") + mark + bytes(4) + pack("<I", len(body)) + body


LAYOUTS = [
    Layout(
        "shim_cache",
        SYSTEM,
        "ControlSet001\\Control\\Session Manager\\AppCompatCache",
        "AppCompatCache",
        cache(),
        {"file.path": "C:\\a.exe", "file.mtime": FIRST, "escadre.cache.position": 0, "escadre.cache.ran": None},
        (cache(0x38), cache(0x2C), cache(mark=b"11ts"), cache(mark=b"00ts"), cache()[:-1], b""),
    ),
    Layout(
        "activity_moderator",
        SYSTEM,
        "ControlSet001\\Services\\bam\\State\\UserSettings\\S-1-5-18",
        "\\Device\\HarddiskVolume2\\a.exe",
        when(FIRST) + bytes(16),
        {"process.start": FIRST, "process.executable": "\\Device\\HarddiskVolume2\\a.exe", "user.id": "S-1-5-18"},
        (when(FIRST) + bytes(8), when(FIRST) + bytes(24), when(FIRST), b""),
    ),
    Layout(
        "user_assist",
        NTUSER,
        f"{EXPLORER}\\UserAssist\\{{CEBFF5CD}}\\Count",
        "P:\\n.rkr",
        pack("<4I", 0, 3, 9, 4500) + bytes(44) + when(FIRST) + bytes(4),
        {
            "escadre.execution.program": "C:\\a.exe",
            "escadre.execution.count": 3,
            "escadre.execution.focus_count": 9,
            "escadre.execution.focus_ms": 4500,
            "process.start": FIRST,
        },
        (pack("<IIQ", 1, 9, ticks(FIRST)), bytes(71), bytes(73), bytes(80)),
        {f"{EXPLORER}\\UserAssist\\{{CEBFF5CD}}": {"Version": 5}},
    ),
    Layout(
        "user_assist",
        NTUSER,
        f"{EXPLORER}\\UserAssist\\{{75048700}}\\Count",
        "HRZR_EHACNGU:P:\\n.rkr",
        pack("<IIQ", 1, 9, ticks(FIRST)),
        {"escadre.execution.program": "UEME_RUNPATH:C:\\a.exe", "escadre.execution.count": 4, "process.start": FIRST},
        (pack("<4I", 0, 3, 9, 4500) + bytes(44) + when(FIRST) + bytes(4), bytes(15), bytes(17)),
        {f"{EXPLORER}\\UserAssist\\{{75048700}}": {"Version": 3}},
    ),
    Layout(
        "feature_usage",
        NTUSER,
        f"{EXPLORER}\\FeatureUsage\\AppLaunch",
        "C:\\a.exe",
        Value("", DWORD, pack("<I", 12)),
        {"escadre.execution.count": 12, "escadre.execution.use": "AppLaunch", "process.name": "a.exe"},
        (Value("", BINARY, pack("<I", 12)), Value("", DWORD, b"\x0c\0"), Value("", BINARY, pack("<IQ", 12, ticks(FIRST)))),
    ),
    Layout(
        "jump_list_data",
        NTUSER,
        "Software\\Microsoft\\Windows\\CurrentVersion\\Search\\JumplistData",
        "C:\\a.exe",
        Value("", QWORD, when(FIRST)),
        {"process.start": FIRST},
        (Value("", DWORD, pack("<I", 1793400000)), systemtime(2026, 10, 5, 30, 8, 0, 0, 0), when(FIRST) + bytes(1)),
    ),
    Layout(
        "capability_access",
        NTUSER,
        "Software\\Microsoft\\Windows\\CurrentVersion\\CapabilityAccessManager\\ConsentStore\\webcam\\NonPackaged\\C:#a.exe",
        "LastUsedTimeStart",
        Value("", QWORD, when(FIRST)),
        {"event.start": FIRST, "escadre.capability.name": "webcam", "process.executable": "C:\\a.exe"},
        (Value("", DWORD, pack("<I", 1793400000)), systemtime(2026, 10, 5, 30, 8, 0, 0, 0), when(FIRST)[:7]),
    ),
    Layout(
        "typed_urls",
        NTUSER,
        "Software\\Microsoft\\Internet Explorer\\TypedURLsTime",
        "url2",
        when(FIRST),
        {"@timestamp": FIRST, "url.full": "https://a.example/"},
        (pack("<I", 1793400000), systemtime(2026, 10, 5, 30, 8, 0, 0, 0)),
        {"Software\\Microsoft\\Internet Explorer\\TypedURLs": {"url2": "https://a.example/"}},
    ),
    Layout(
        "trusted_documents",
        NTUSER,
        "Software\\Microsoft\\Office\\16.0\\Word\\Security\\Trusted Documents\\TrustRecords",
        "C:/a.docm",
        when(FIRST) + pack("<QII", 0, 0, 0x7FFFFFFF),
        {"file.created": FIRST, "file.path": "C:\\a.docm", "escadre.trust.granted": "content", "process.name": "Word"},
        (when(FIRST) + pack("<QI", 0, 0x7FFFFFFF), when(FIRST) + pack("<QIII", 0, 0, 1, 1), b""),
    ),
    Layout(
        "startup_approved",
        SOFTWARE,
        f"{CURRENT}\\Explorer\\StartupApproved\\Run",
        "Helper",
        pack("<I", 3) + when(FIRST),
        {"escadre.startup.enabled": False, "@timestamp": FIRST, "escadre.startup.kind": "Run"},
        (pack("<I", 3), pack("<Q", 3) + when(FIRST), pack("<I", 3) + when(FIRST) + bytes(4)),
    ),
    Layout(
        "last_shutdown",
        SYSTEM,
        "ControlSet001\\Control\\Windows",
        "ShutdownTime",
        when(FIRST),
        {"event.end": FIRST, "@timestamp": FIRST},
        (systemtime(2026, 10, 5, 30, 8, 0, 0, 0), pack("<I", 1793400000), Value("", DWORD, pack("<I", 1793400000)), bytes(8)),
    ),
    Layout(
        "network_profiles",
        SOFTWARE,
        f"{NETWORK}\\Profiles\\{{1}}",
        "DateLastConnected",
        systemtime(2026, 10, 5, 30, 8, 1, 2, 3),
        {"escadre.network.last_connected": "2026-10-30T07:01:02.003Z", "network.name": "Hotel"},
        (when(FIRST), pack("<I", 1793400000), systemtime(2026, 10, 5, 30, 8, 1, 2, 3) + bytes(2)),
        {f"{NETWORK}\\Profiles\\{{1}}": {"ProfileName": "Hotel"}},
    ),
    Layout(
        "network_profiles",
        SOFTWARE,
        f"{NETWORK}\\Signatures\\Unmanaged\\0101",
        "DefaultGatewayMac",
        bytes.fromhex("001122aabbcc"),
        {"escadre.network.gateway_mac": "00-11-22-AA-BB-CC"},
        (bytes.fromhex("001122aabbccddee"), bytes.fromhex("001122aabb"), bytes(20)),
    ),
    Layout(
        "usb_storage",
        SYSTEM,
        f"{DISK}\\0065",
        "",
        Value("", FILETIME_PROPERTY, when(FIRST)),
        {"escadre.device.first_installed": FIRST, "device.serial_number": "123"},
        (
            Value("", 0xFFFF0009, when(FIRST)),  # DEVPROP_TYPE_UINT64
            Value("", FILETIME_PROPERTY, when(FIRST) * 2),
            Value("", 0xFFFF0007, pack("<I", 1793400000)),
        ),
    ),
    Layout(
        "usb_storage",
        SYSTEM,
        f"{DISK}\\00000066\\00000000",
        "Data",
        when(SECOND),
        {"escadre.device.arrived": SECOND},
        (when(SECOND)[:4], when(SECOND) * 2),
        {f"{DISK}\\00000066\\00000000": {"Type": 0x10}},
    ),
    Layout(
        "mounted_devices",
        SYSTEM,
        "MountedDevices",
        "\\DosDevices\\E:",
        pack("<IQ", 0x1234ABCD, 1048576),
        {"escadre.volume.mount_point": "E:", "escadre.volume.disk_signature": "1234abcd", "escadre.volume.offset": 1048576},
        (pack("<II", 0x1234ABCD, 1048576), b"DMIO:ID:" + bytes(8), b"DMIO:XX:" + bytes(16), pack("<IQI", 1, 2, 3)),
    ),
    Layout(
        "mounted_devices",
        SYSTEM,
        "MountedDevices",
        "\\DosDevices\\F:",
        b"DMIO:ID:" + bytes(range(16)),
        {"escadre.volume.partition": "03020100-0504-0706-0809-0a0b0c0d0e0f"},
        (b"DMIO:ID:" + bytes(range(15)), b"DMIO:ID:" + bytes(range(17))),
    ),
    Layout(
        "task_cache",
        SOFTWARE,
        TASK,
        "DynamicInfo",
        pack("<I", 3) + when(FIRST) + when(SECOND) + pack("<II", 4, 0x80070002) + when(THIRD),
        {
            "event.created": FIRST,
            "event.start": SECOND,
            "event.end": THIRD,
            "escadre.settings": ["State=4", "Result=0x80070002"],
            "escadre.task.path": "\\Helper",
        },
        (
            pack("<I", 2) + when(FIRST) + when(SECOND) + pack("<II", 4, 0) + when(THIRD),
            pack("<I", 4) + when(FIRST) + when(SECOND) + pack("<II", 4, 0),
            pack("<I", 3) + when(FIRST) + when(SECOND) + pack("<II", 4, 0) + when(THIRD) * 2,
            pack("<I", 3) + when(FIRST),
        ),
        {TASK: {"Path": "\\Helper"}},
    ),
    Layout(
        "task_cache",
        SOFTWARE,
        TASK,
        "Actions",
        pack("<H", 3)
        + counted("Author")
        + pack("<H", 0x6666)
        + counted("")
        + counted("C:\\a.exe")
        + counted("-x")
        + counted("")
        + bytes(2),
        {
            "escadre.task.context": "Author",
            "escadre.task.actions": ["exec C:\\a.exe -x"],
            "escadre.task.commands": ["C:\\a.exe -x"],
            "process.executable": "C:\\a.exe",
        },
        (
            pack("<H", 4) + counted("Author") + pack("<H", 0x6666) + counted("") + counted("C:\\a.exe") + counted("-x") + counted(""),
            pack("<H", 0) + counted("Author"),
            pack("<H", 3) + counted("Author") + pack("<H", 0x5555) + counted("") + counted("C:\\a.exe"),
            pack("<H", 3) + counted("Author") + pack("<H", 0x6666) + counted("") + counted("C:\\a.exe")[:-2],
        ),
        {TASK: {"Path": "\\Helper"}},
    ),
    Layout(
        "services",
        SYSTEM,
        "ControlSet001\\Services\\s",
        "FailureActions",
        failures((1, 60000), (3, 0), (0, 0)),
        {
            "escadre.settings": [
                "FailureActions=restart after 60000 ms, run command after 0 ms, none, failures are forgotten after 86400 s"
            ],
            "service.name": "s",
        },
        (
            failures((1, 60000), (3, 0))[:-8],
            failures((1, 60000)) + bytes(8),
            failures((5, 60000)),
            failures((1, 60000))[:19],
            pack("<IxxxxQQQQ", 86400, 0, 0, 1, 40) + pack("<II", 1, 0),  # pointers of 64 bits
            b"",
        ),
    ),
    Layout(
        "sam_users",
        SAM,
        "SAM\\Domains\\Account\\Users\\000003E9",
        "F",
        account(),
        {
            "user.id": "S-1-5-21-1-2-3-1001",
            "user.name": "gast",
            "escadre.account.last_login": THIRD,
            "escadre.account.password_set": FIRST,
            "escadre.account.failed_login": SECOND,
            "escadre.account.logins": 7,
            "escadre.account.flags": ["disabled", "normal", "password does not expire"],
            "escadre.settings": ["FailedLogons=2"],
        },
        (account(4), account(1), account(size=72), account(size=88), account(more=8), account(more=16, size=88), account()[:6]),
        {
            "SAM\\Domains\\Account": {"V": Value("", BINARY, bytes(40) + bytes.fromhex("010400000000000515000000") + pack("<3I", 1, 2, 3))},
            "SAM\\Domains\\Account\\Users\\000003E9": {"V": Value("", BINARY, names())},
        },
    ),
    Layout(
        "sam_users",
        SAM,
        "SAM\\Domains\\Account\\Users\\000003E9",
        "V",
        names(),
        {"user.name": "gast"},
        (names(4096), names()[:100], names()[:-2]),
        {"SAM\\Domains\\Account\\Users\\000003E9": {"F": Value("", BINARY, account())}},
    ),
    Layout(
        "sam_groups",
        SAM,
        "SAM\\Domains\\Builtin\\Aliases\\00000220",
        "C",
        group(),
        {"group.id": "544", "group.name": "Admin", "group.domain": "Builtin", "escadre.account.members": ["S-1-5-18"]},
        (group()[:40], group()[:51], b""),
    ),
    Layout(
        "sam_groups",
        SAM,
        "SAM\\Domains\\Account\\Aliases\\000003EA",
        "C",
        group(),
        {"group.name": "Admin"},
        (group(size=4096), group()[:56]),
    ),
    Layout(
        "shell_bags",
        NTUSER,
        "Software\\Microsoft\\Windows\\Shell\\BagMRU",
        "0",
        shellitems.root("{20D04FE0-3AEA-1069-A2D8-08002B30309D}") + bytes(2),
        {"escadre.shell.path": "My Computer"},
        (b"\x14\0\x1f", pack("<H", 0x200) + bytes(20), bytes(2), b""),
    ),
    Layout(
        "shell_bags",
        NTUSER,
        "Software\\Microsoft\\Windows\\Shell\\BagMRU",
        "0",
        shellitems.zip_folder("loot") + bytes(2),
        {"escadre.shell.path": "loot", "escadre.shell.items": ["loot (zip folder, modified 10/31/2026 19:03:08 local time)"]},
        (pack("<H", 96) + shellitems.zip_folder("loot")[2:96], pack("<H", 40) + shellitems.zip_folder("loot")[2:40][:20]),
    ),
    Layout(
        "shell_bags",
        NTUSER,
        "Software\\Microsoft\\Windows\\Shell\\BagMRU",
        "0",
        shellitems.old_zip_folder("loot") + bytes(2),
        {"escadre.shell.path": "loot", "escadre.shell.items": ["loot (zip folder, modified 10/31/26 19:03 local time)"]},
        (pack("<H", 70) + shellitems.old_zip_folder("loot")[2:70],),
    ),
    Layout(
        "last_visited_mru",
        NTUSER,
        f"{EXPLORER}\\ComDlg32\\LastVisitedPidlMRU",
        "0",
        wide("a.exe\0") + shellitems.root("{20D04FE0-3AEA-1069-A2D8-08002B30309D}") + bytes(2),
        {"process.name": "a.exe", "escadre.shell.path": "My Computer"},
        (wide("a.exe\0") + b"\x14\0\x1f", wide("a.exe\0") + pack("<H", 0x200) + bytes(20)),
    ),
    Layout(
        "recent_docs",
        NTUSER,
        f"{EXPLORER}\\RecentDocs\\.txt",
        "0",
        wide("a.txt\0") + shellitems.root("{20D04FE0-3AEA-1069-A2D8-08002B30309D}") + bytes(2),
        {"file.name": "a.txt", "file.extension": "txt"},
        (wide("\0a.txt"), wide("a.txt\0") + pack("<H", 0x200) + bytes(20)),
    ),
    Layout(
        "office_mru",
        NTUSER,
        "Software\\Microsoft\\Office\\16.0\\Word\\File MRU",
        "Item 1",
        Value("", 1, wide(f"[F00000000][T{ticks(FIRST):016X}][O00000000]*C:\\a.docx\0")),
        {"@timestamp": FIRST, "file.path": "C:\\a.docx", "process.name": "Word", "escadre.mru.position": 0},
        (Value("", 1, wide(f"[F00000000][X{ticks(FIRST):016X}-1]*C:\\a.docx\0")), Value("", 1, wide("[F0000]*C:\\a.docx\0"))),
    ),
    Layout(
        "user_profiles",
        SOFTWARE,
        "Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\S-1-5-21-1-2-3-1001",
        "LocalProfileLoadTimeHigh",
        Value("", DWORD, pack("<I", ticks(FIRST) >> 32)),
        {"event.start": FIRST, "file.path": "C:\\Users\\a"},
        (Value("", BINARY, when(FIRST)), Value("", DWORD, b"\1\2")),
        {
            "Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\S-1-5-21-1-2-3-1001": {
                "ProfileImagePath": "C:\\Users\\a",
                "LocalProfileLoadTimeLow": Value("", DWORD, pack("<I", ticks(FIRST) & 0xFFFFFFFF)),
            }
        },
    ),
]


def test_every_artefact_of_the_registry_says_what_its_times_mean_and_do_not_prove():
    declared = [known.artefact for known in catalogue.artefacts().values() if isinstance(known.artefact.holds, Keys)]
    assert len(declared) > 60
    for artefact in declared:
        assert artefact.proves_not and artefact.sources, artefact.name
        assert "@timestamp" in artefact.times, artefact.name


def device(kind: int = 6, disk: int = 0) -> bytes:
    """The device of a boot entry: at 16 the type (6: a partition), at 32 the partition, at 52 the kind of disk (0: GPT), at 56 the disk."""
    return bytes(16) + pack("<I", kind) + bytes(12) + bytes(range(16)) + bytes(4) + pack("<I", disk) + bytes(range(16, 32))


def test_a_boot_device_of_another_kind_is_shown_as_bytes():
    def read(raw: bytes) -> str:
        entry = "Objects\\{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
        keys = {f"{entry}\\Description": {"Type": 0x10100002}, f"{entry}\\Elements\\11000001": {"Element": raw}}
        ((record,), problems) = run("boot_configuration", keys, "C:\\Boot\\BCD")
        assert not problems
        return record["escadre.settings"][0]

    whole = "device=partition 03020100-0504-0706-0809-0a0b0c0d0e0f of disk 13121110-1514-1716-1819-1a1b1c1d1e1f"
    assert read(device()) == whole
    for other in (device(5), device(6, 1), device()[:71], device(8)):
        assert read(other) == f"device=hex:{other[:64].hex()}"


OTHERS = {
    "device.serial_number",
    "escadre.capability.name",
    "escadre.task.path",
    "file.path",
    "network.name",
    "process.executable",
    "service.name",
    "url.full",
}
"""fields that the name of the value, its key or another value gives"""


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: f"{layout.artefact}-{layout.name or 'default'}")
def test_each_field_is_what_the_layout_says_and_a_neighbouring_layout_is_refused(layout):
    (record,), problems = layout.read(layout.good)
    assert {name: record.get(name) for name in layout.means} == layout.means
    assert not problems
    decoded = set(layout.means) - OTHERS
    for neighbour in layout.neighbours:
        records, problems = layout.read(neighbour)
        assert problems, f"{neighbour!r} is refused in silence"
        for other in records:
            assert {name: other[name] for name in decoded if other.get(name) is not None} == {}, f"{neighbour!r} is misread"
