r"""Hosts and shares in the registry, dates that are none, licences that were refused, and paths of trusted documents."""

from __future__ import annotations

from struct import pack

import pytest

from commodore.registry.remote import end_point, server
from fixtures.hives.writer import Value
from scout.formats.shell.items import shell_items, shell_path
from tests.commodore.registry_hives import NTUSER, SOFTWARE, run

EXPLORER = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer"
CLIENT = "Software\\Microsoft\\Terminal Server Client"
NETWORK = "Microsoft\\Windows NT\\CurrentVersion\\NetworkList"
TRUSTED = "Software\\Microsoft\\Office\\16.0\\Word\\Security\\Trusted Documents\\TrustRecords"
DWORD, BINARY = 4, 3


def hosts(records: list[dict]) -> list[tuple]:
    return [(r.get("destination.address"), r.get("destination.port")) for r in records]


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.0.0.9:3390", "10.0.0.9", 3390),
        ("[fe80::1]:3389", "fe80::1", 3389),
        ("[fe80::1]", "fe80::1", None),
        ("fe80::1", "fe80::1", None),
        ("srv.corp.example", "srv.corp.example", None),
        ("srv:70000", "srv", None),
        ("", None, None),
    ],
)
def test_an_end_point_is_a_host_and_a_port(text, host, port):
    assert hosts([end_point(text)]) == [(host, port)]


@pytest.mark.parametrize(
    ("path", "host", "port"),
    [
        ("\\\\srv\\share\\x", "srv", None),
        ("\\\\10.0.0.5@SSL@8443\\DavWWWRoot", "10.0.0.5", 8443),
        ("\\\\web.example@SSL\\DavWWWRoot", "web.example", 443),
        ("\\\\web.example@8080\\x", "web.example", 8080),
        ("\\\\?\\Volume{x}", None, None),
        ("\\\\.\\pipe\\x", None, None),
        ("C:\\x", None, None),
    ],
)
def test_the_server_of_a_share_is_a_host_and_for_webdav_a_port(path, host, port):
    assert hosts([server(path)]) == [(host, port)]


def test_the_remote_desktop_client_keeps_hosts_with_their_ports():
    keys = {f"{CLIENT}\\Default": {"MRU0": "10.0.0.9:3390", "MRU1": "srv"}, f"{CLIENT}\\Servers\\[fe80::1]:3391": {"UsernameHint": "C\\a"}}
    records, problems = run("rdp_client", keys, NTUSER)
    assert problems == []
    assert hosts(records) == [("10.0.0.9", 3390), ("srv", None), ("fe80::1", 3391)]


def test_shares_of_mount_points_drives_and_the_list_of_the_window_name_their_server():
    keys = {
        f"{EXPLORER}\\MountPoints2\\##10.0.0.5@SSL@8443#DavWWWRoot#a": {},
        f"{EXPLORER}\\MountPoints2\\##?#Volume{{x}}": {},
        f"{EXPLORER}\\Map Network Drive MRU": {"a": "\\\\x\\y", "b": "\\\\z\\w", "MRUList": "ba"},
        "Network\\Z": {"RemotePath": "\\\\10.1.2.3\\c$", "UserName": "C\\adm"},
    }
    records, problems = run("mount_points", keys, NTUSER)
    assert problems == []
    found = {r["file.path"]: (r.get("destination.address"), r.get("destination.port"), r.get("escadre.mru.position")) for r in records}
    assert found == {
        "\\\\10.0.0.5@SSL@8443\\DavWWWRoot\\a": ("10.0.0.5", 8443, None),
        "\\\\?\\Volume{x}": (None, None, None),
        "\\\\10.1.2.3\\c$": ("10.1.2.3", None, None),
        "\\\\x\\y": ("x", None, 1),
        "\\\\z\\w": ("z", None, 0),
    }
    assert [r["file.path"] for r in records if r.get("escadre.mru.position") is not None and "@timestamp" in r] == ["\\\\z\\w"]


def test_a_date_of_a_network_that_no_calendar_has_is_reported_and_zeros_are_no_date():
    bad = pack("<8H", 2026, 13, 1, 1, 25, 0, 0, 0)
    key = {"ProfileName": "Hotel", "DateCreated": Value("", BINARY, bytes(16)), "DateLastConnected": Value("", BINARY, bad)}
    (record,), problems = run("network_profiles", {f"{NETWORK}\\Profiles\\{{1}}": key}, SOFTWARE)
    assert record["network.name"] == "Hotel"
    assert "escadre.network.last_connected" not in record
    (problem,) = problems
    assert problem.reason.startswith(f"DateLastConnected: {bad.hex()} is no time of Europe/Paris")


@pytest.mark.parametrize(("number", "accepted"), [(0, False), (1, True)])
def test_a_licence_that_was_not_accepted_is_no_accepted_one(number, accepted):
    (record,), _ = run("eula_accepted", {"Software\\Sysinternals\\SDelete": {"EulaAccepted": Value("", DWORD, pack("<I", number))}}, NTUSER)
    assert record["escadre.eula.accepted"] is accepted


def test_a_trusted_document_has_a_path_also_where_its_name_is_the_url_of_a_file():
    when = pack("<QQII", 133_000_000_000_000_000, 0, 0, 1)
    names = ("file:///C:/a%20b.docm", "file://srv/s/c.docm", "https://x.example/d.docm", "%USERPROFILE%/e.docm")
    records, _ = run("trusted_documents", {TRUSTED: {name: Value("", BINARY, when) for name in names}}, NTUSER)
    assert [r["file.path"] for r in records] == [
        "C:\\a b.docm",
        "\\\\srv\\s\\c.docm",
        "https://x.example/d.docm",
        "C:\\Users\\agnes.m\\e.docm",
    ]


def wide(*texts: str) -> tuple[list[int], bytes]:
    """Lengths in characters, with the NUL, and the texts."""
    return [len(text) + 1 for text in texts], b"".join(f"{text}\0".encode("utf-16-le") for text in texts)


def device_item(signature: int, head: bytes) -> bytes:
    return pack("<HBBHI", 10 + len(head), 0, 0, len(head), signature) + head


def test_folders_of_a_phone_have_the_names_and_times_of_their_items():
    lengths, texts = wide("Interner Speicher", "SID-{10001}", "Generic hierarchical")
    storage = device_item(0x10312005, bytes(28) + pack("<4I", *lengths, 0) + texts)
    lengths, texts = wide("DCIM", "DCIM ü", "{0001}")
    stored = device_item(
        0x07192006, bytes(16) + pack("<QQ", 133_000_000_000_000_000, 132_000_000_000_000_000) + bytes(20) + pack("<3I", *lengths) + texts
    )
    items = shell_items(storage + stored + bytes(2))
    assert [(item.kind, item.name) for item in items] == [("device storage", "Interner Speicher"), ("device file", "DCIM ü")]
    assert (items[1].modified, items[1].created) == ("2022-06-18T04:26:40.0000000Z", "2019-04-17T18:40:00.0000000Z")
    assert shell_path(items) == "Interner Speicher\\DCIM ü"
    with pytest.raises(ValueError, match="name of a device's folder is cut"):
        shell_items(device_item(0x07192006, bytes(52) + pack("<3I", 1 << 31, 0, 0)) + bytes(2))
