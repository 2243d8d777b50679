"""Collections that a compromised host has spoiled: text that is no path, links out of the root, too many homes, renamed secrets."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

from scout.collecting import identity
from scout.collecting.examined import open_host
from scout.collecting.options import CollectOptions
from scout.sources import mounts
from scout.sources.directory import DirectorySource
from scout.sources.source import find
from tests.conftest import need
from tests.scout.collecting import *  # noqa: F403  (fixtures)
from tests.scout.collecting import AS_ROOT, mounted, scout

ROOT_LINE = "root:x:0:0:root:/root:/bin/bash\n"


def test_a_nul_byte_in_passwd_costs_that_home_alone(root: Path, collected) -> None:
    (root / "home/agnes").mkdir(parents=True)
    (root / "home/agnes/.bashrc").write_text("alias\n")
    (root / "etc/passwd").write_bytes(ROOT_LINE.encode() + b"x:x:1:1::/home/\0x:/bin/sh\nagnes:x:2:2::/home/agnes:/bin/sh\n")
    archive = collected(root)
    assert archive.verdict("/etc/passwd") == "taken"
    assert archive.verdict("/home/agnes/.bashrc") == "taken"


def test_a_home_whose_name_is_no_utf8_is_looked_through(root: Path, collected) -> None:
    home = bytes(root) + b"/srv/caf\xe9"
    Path(home.decode("utf-8", "surrogateescape")).mkdir(parents=True)
    Path((home + b"/.bashrc").decode("utf-8", "surrogateescape")).write_text("alias\n")
    (root / "etc/passwd").write_bytes(ROOT_LINE.encode() + b"c:x:1:1::/srv/caf\xe9:/bin/sh\n")
    assert collected(root).verdict("/srv/caf\udce9/.bashrc") == "taken"


@pytest.mark.parametrize("name", ["../../outside", "..", "a/b", "a\0b", "\ud800", ""])
def test_a_name_that_leads_elsewhere_is_no_name(root: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").mkdir()
    source = DirectorySource(root / "etc")
    for call in (source.status, source.open, source.identity, source.link):
        with pytest.raises(FileNotFoundError):
            call((name,))
    assert find(source, name) is None
    source.close()


def test_the_system_is_recognised_without_leaving_the_root(root: Path, tmp_path: Path, collected) -> None:
    (tmp_path / "elsewhere/System32").mkdir(parents=True)
    (root / "Windows").symlink_to(tmp_path / "elsewhere")
    source = DirectorySource(root)
    assert identity.systems_of(source) == ["linux"]
    source.close()
    assert collected(root).verdict("/etc/passwd") == "taken"


@pytest.mark.skipif(not AS_ROOT, reason="mounts need root")
def test_nothing_is_written_into_an_examined_disk_that_is_mounted_twice(root: Path, tmp_path: Path, key, capsys) -> None:
    (root / "srv/out").mkdir(parents=True)
    (tmp_path / "again").mkdir()
    for below, out in (("", "again/srv/out"), ("srv", "again/out")):
        with mounted("--bind", str(root / below), str(tmp_path / "again")):
            assert scout("collect", "-r", key[1], "--root", str(root), "-o", str(tmp_path / out)) == 2
        assert "second mount of the same disk" in capsys.readouterr().err
        assert list((root / "srv/out").iterdir()) == []


def test_another_folder_of_the_same_disk_is_not_inside(root: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert not mounts.inside(str(tmp_path / "out"), str(root))
    assert mounts.inside(str(root / "etc"), str(root))


def test_more_homes_than_the_bound_are_recorded(root: Path, collected, monkeypatch) -> None:
    monkeypatch.setattr("scout.collecting.identity.MAX_HOMES", 3)
    lines = [ROOT_LINE]
    for number in range(6):
        (root / f"home/u{number}").mkdir(parents=True)
        (root / f"home/u{number}/.bashrc").write_text("x\n")
        lines.append(f"u{number}:x:{number}:1::/home/u{number}:/bin/sh\n")
    (root / "etc/passwd").write_text("".join(lines))
    archive = collected(root)
    gaps = [line for line in archive.lines if line["type"] == "facts"]
    assert [(line["source"], line["verdict"]) for line in gaps] == [("/etc/passwd", "over limit"), ("/home", "over limit")]
    assert all("more than 3 homes" in line["error"] for line in gaps)
    assert archive.verdict("/home/u0/.bashrc") == "taken"


def test_a_passwd_that_is_cut_is_recorded(root: Path, monkeypatch) -> None:
    monkeypatch.setattr("scout.collecting.identity.MAX_TEXT", 40)
    (root / "etc/passwd").write_text(ROOT_LINE + "agnes:x:2:2::/home/agnes:/bin/sh\n")
    source, gaps = DirectorySource(root), {}
    identity.load_owners(source, gaps)
    assert list(gaps) == ["/etc/passwd"] and "first 40 bytes" in gaps["/etc/passwd"]
    source.close()


def test_path_takes_these_paths_alone(root: Path, collected) -> None:
    (root / "tmp/a*b").mkdir()
    (root / "tmp/a*b/one").write_text("1")
    (root / "etc/shadow").write_text("root:$6$abcdefgh$abcdefgh:1:0:9:7:::\n")
    archive = collected(root, "--path", "/etc/passwd", "--path", "/tmp/a*b", "--path", "/etc/gone", "--path", "/etc/shadow")
    verdicts = {line["source"]: line["verdict"] for line in archive.lines if line.get("type") != "collection"}
    assert verdicts == {"/etc/passwd": "taken", "/tmp/a*b/one": "taken", "/etc/gone": "missing", "/etc/shadow": "blocked"}
    assert {line["target"] for line in archive.lines if line.get("type") != "collection"} == {"PATH"}
    assert "-paths.tar" in archive.path.name


@pytest.mark.parametrize("path", ["etc/passwd", "../x", "/etc/../../x"])
def test_path_must_be_absolute_and_below_the_root(root: Path, key, path: str, capsys) -> None:
    assert scout("collect", "-r", key[1], "--root", str(root), "--os", "linux", "-o", str(root.parent), "--path", path) == 2
    assert "not an absolute path" in capsys.readouterr().err


def test_path_of_a_windows_disk(tmp_path: Path) -> None:
    (tmp_path / "disk/Windows/System32/Tasks").mkdir(parents=True)
    host = open_host(CollectOptions(root=tmp_path / "disk", paths=["c:/windows/system32/tasks"]))
    assert host.targets[0].paths == ("Windows/System32/Tasks/**",)
    host.close()


SHADOW = "root:$y$j9T$aaaaaaaaaaaaaaaaaaaaaa$bbbbbbbbbbbbbbbbbbbbbbbbb:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n"


@pytest.mark.parametrize("name", ["shadow~", "backup/shadow", "notes.txt", "group.bak"])
def test_password_hashes_are_known_by_their_form(root: Path, collected, name: str) -> None:
    (root / "etc/backup").mkdir()
    content = "root:*::\nadm:$6$saltsalt$hashhashhash:root:syslog\n" if name == "group.bak" else SHADOW
    (root / "etc" / name).write_text(content)
    archive = collected(root)
    assert archive.verdict(f"/etc/{name}") == "blocked"
    assert archive.custody[f"/etc/{name}"]["error"] == "secret material (password hashes): listed, never taken"
    assert content.encode() not in archive.plain.read_bytes()


@pytest.fixture(scope="module")
def pems(tmp_path_factory) -> dict[str, bytes]:
    """Keys and certificates as OpenSSL itself writes them."""
    need(shutil.which("openssl"), "openssl")
    at = tmp_path_factory.mktemp("pem")
    run = lambda *words: subprocess.run(["openssl", *words], cwd=at, check=True, capture_output=True)  # noqa: E731
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "cert", "-subj", "/CN=web")
    run("pkcs12", "-export", "-in", "cert", "-inkey", "key", "-out", "p12", "-passout", "pass:x", "-name", "web")
    run("pkcs12", "-in", "p12", "-out", "bag", "-nodes", "-passin", "pass:x")
    run("pkcs8", "-topk8", "-nocrypt", "-in", "key", "-outform", "DER", "-out", "der")
    run("pkcs8", "-topk8", "-in", "key", "-outform", "DER", "-out", "locked", "-passout", "pass:x")
    run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-outform", "DER", "-out", "ec")
    run("rsa", "-in", "key", "-traditional", "-outform", "DER", "-out", "rsa")
    run("genpkey", "-algorithm", "ed25519", "-outform", "DER", "-out", "ed25519")
    run("x509", "-in", "cert", "-outform", "DER", "-out", "cert.der")
    run("crl2pkcs7", "-nocrl", "-certfile", "cert", "-outform", "DER", "-out", "p7")
    run("pkey", "-in", "key", "-pubout", "-outform", "DER", "-out", "public")
    run("x509", "-in", "cert", "-text", "-out", "text")
    return {file.name: file.read_bytes() for file in at.iterdir()}


def test_private_keys_are_known_by_their_form(root: Path, collected, pems) -> None:
    secret = {
        "chain.pem": pems["cert"] + pems["key"],
        "long.pem": pems["cert"] * 90 + pems["key"],  # the key is behind the first 64 KiB
        "text.crt": pems["text"] + pems["key"],
        "bag.txt": pems["bag"],
        "bom": b"\xef\xbb\xbf" + pems["key"],
        "utf16": pems["key"].decode().encode("utf-16"),
        **{f"{name}.bin": pems[name] for name in ("der", "p12", "locked", "ec", "rsa", "ed25519")},
        "wide": pems["key"].decode().encode("utf-16-be"),
        "packed": gzip.compress(pems["key"]),
        "age": b"# created: today\n# public key: age1x\nAGE-SECRET-KEY-1ABC\n",
    }
    public = {
        "cert.pem": pems["cert"],
        "bundle.crt": pems["text"] * 40,
        **{f"{name}.bin": pems[name] for name in ("cert.der", "p7", "public")},
        "cron": b"# job\n" + pems["key"] + b"* * * * * root /tmp/evil\n",
        "passwd-": b"root:$6$saltsalt$hashhashhash:0:0::/root:/bin/sh\n",
    }
    for name, content in {**secret, **public}.items():
        (root / "etc" / name).write_bytes(content)
    archive = collected(root)
    assert {name: archive.verdict(f"/etc/{name}") for name in secret} == dict.fromkeys(secret, "blocked")
    assert {name: archive.verdict(f"/etc/{name}") for name in public} == dict.fromkeys(public, "taken")
    assert archive.content("/etc/bundle.crt") == public["bundle.crt"]


def test_a_file_whose_status_cannot_be_read_again_keeps_the_archive_in_step(root: Path, collected, monkeypatch) -> None:
    from scout.sources.directory import DiskFile

    def stale(self) -> None:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(DiskFile, "status_now", stale)
    archive = collected(root, code=1)
    line = archive.custody["/etc/passwd"]
    assert line["verdict"] == "error" and "Stale" in line["error"]
    assert archive.content("/etc/passwd") == ROOT_LINE.encode()


def test_hives_of_zeros_are_evidence_and_end_nothing(tmp_path: Path, collected) -> None:
    root = tmp_path / "zeros"
    for name in ("SYSTEM", "SOFTWARE", "SAM"):
        path = root / "Windows/System32/config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(300_000))
    (root / "Users/ann").mkdir(parents=True)
    (root / "Users/ann/NTUSER.DAT").write_bytes(bytes(5000))
    archive = collected(root, "--os", "windows", "--targets", "WR")
    for source in ("C:\\Windows\\System32\\config\\SYSTEM", "C:\\Windows\\System32\\config\\SOFTWARE", "C:\\Users\\ann\\NTUSER.DAT"):
        assert archive.verdict(source) == "taken"
        assert set(archive.content(source)) == {0}


def test_a_terabyte_of_holes_costs_its_data_only(root: Path, collected) -> None:
    path = root / "var/log/lastlog"
    try:
        with path.open("wb") as file:
            file.truncate(1 << 40)
            file.seek(1 << 39)
            file.write(b"in the middle")
    except OSError as e:
        pytest.skip(f"this file system has no sparse files of a terabyte ({e.strerror})")
    archive = collected(root, "--targets", "LF06", "--os", "linux")
    line = archive.custody["/var/log/lastlog"]
    assert (line["verdict"], line["size"]) == ("taken", 1 << 40)
    assert archive.path.stat().st_size < 1 << 20
