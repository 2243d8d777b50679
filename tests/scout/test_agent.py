"""Settings and signatures of the one-file agent, and the agent itself, in a root without Python."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scout.agent import ed25519, settings, signing
from scout.agent import main as agent_main
from scout.cli import build_app
from scout.console import Complaint, run
from scout.keys import keygen
from tests.conftest import need


@pytest.mark.parametrize("length", [0, 1, 63, 64, 1000])
def test_signatures_are_those_of_another_implementation(length: int) -> None:
    secret, message = hashlib.sha256(bytes([length % 251])).digest(), b"x" * length
    other = Ed25519PrivateKey.from_private_bytes(secret)
    assert ed25519.public_key(secret) == other.public_key().public_bytes_raw()
    signature = ed25519.sign(secret, message)
    assert signature == other.sign(message)
    assert ed25519.verify(ed25519.public_key(secret), message, signature)


def test_what_was_changed_is_refused() -> None:
    secret = bytes(range(32))
    public, signature = ed25519.public_key(secret), ed25519.sign(secret, b"settings")
    order = 2**252 + 27742317777372353535851937790883648493
    above = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    assert not ed25519.verify(public, b"settingz", signature)
    assert not ed25519.verify(public, b"settings", signature[:5] + bytes([signature[5] ^ 1]) + signature[6:])
    assert not ed25519.verify(public, b"settings", above)
    assert not ed25519.verify(ed25519.public_key(bytes(32)), b"settings", signature)
    assert not ed25519.verify(b"\xff" * 32, b"settings", signature)


def test_the_delivery_that_is_built_in_is_the_default_of_the_agent() -> None:
    known = settings.parse({"recipients": ["age1a"], "to": "https://case.example/in/", "pin": "ab" * 32}, "test")
    given = agent_main.parser(known).parse_args(["collect"])
    assert given.to == "https://case.example/in/"
    assert agent_main.parser(known).parse_args(["collect", "--to", "-"]).to == "-"


def test_no_agent_is_built_for_a_place_that_nothing_delivers_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scout", build_app, ["build", "-r", keygen(tmp_path / "key.txt"), "-o", str(tmp_path), "--to", "http://case.example/"]) == 2
    said = capsys.readouterr().err
    assert "http://case.example/" in said and "no place that scout delivers to" in said


def test_signed_settings_replace_what_is_built_in(tmp_path: Path) -> None:
    baked = settings.AgentSettings(recipients=("age1a",), profile="full", signer=signing.new_key(tmp_path / "key"))
    file = tmp_path / "scout.json"
    file.write_text(json.dumps({"recipients": ["age1b"], "max_file": 5}))
    with pytest.raises(Complaint, match="not signed by the key"):
        settings.of_file(file, baked)
    signing.sign_file(file, tmp_path / "key")
    found = settings.of_file(file, baked)
    assert (found.recipients, found.max_file, found.profile) == (("age1b",), 5, "full")
    file.write_text(json.dumps({"recipients": ["age1evil"]}))
    with pytest.raises(Complaint, match="not signed by the key"):
        settings.of_file(file, baked)
    with pytest.raises(Complaint, match="built without a key"):
        settings.of_file(file, settings.AgentSettings())


@pytest.mark.parametrize(
    "document", [[], {"recipient": []}, {"recipients": "age1a"}, {"max_file": "5"}, {"max_file": True}, {"profile": 1}]
)
def test_wrong_settings_are_one_clear_complaint(document: object) -> None:
    with pytest.raises(Complaint, match=r"agent\.json"):
        settings.parse(document, "agent.json")


def test_the_oldest_c_library_is_what_another_reader_of_elf_says() -> None:
    from elftools.elf.elffile import ELFFile
    from elftools.elf.gnuversions import GNUVerNeedSection

    from scout.agent.freeze import oldest_glibc

    need(sys.platform.startswith("linux"), "ELF")
    files = [Path(sys.executable).resolve(), *(Path(find_spec(name).origin) for name in ("pyrage.pyrage", "_json", "zstandard.backend_c"))]
    for path in files:
        asked = [0]
        with path.open("rb") as file:
            for section in ELFFile(file).iter_sections():
                if isinstance(section, GNUVerNeedSection):
                    names = [aux.name for _, all_of in section.iter_versions() for aux in all_of]
                    asked += [int(name.split(".")[1]) for name in names if name.startswith("GLIBC_2.")]
        assert oldest_glibc(iter([path])) == (f"2.{max(asked)}" if max(asked) else ""), path


def test_a_folder_that_depends_on_where_it_is_started_is_refused(tmp_path: Path) -> None:
    from scout.agent.build import build

    need(find_spec("PyInstaller") and not sys.platform.startswith("win"), "PyInstaller (the extra agent)")
    with pytest.raises(Complaint, match="runtime-dir tmp"):
        build(settings.AgentSettings(recipients=("age1x",), runtime_dir="tmp"), tmp_path)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory):
    """(the agent, the secret key for its archives, the key for its settings), built once."""
    from scout.agent.build import build

    need(
        sys.platform.startswith("linux") and find_spec("PyInstaller") and shutil.which("objdump"),
        "PyInstaller (the extra agent) on Linux, objdump",
    )
    place = tmp_path_factory.mktemp("agent")
    known = settings.AgentSettings(recipients=(keygen(place / "key.txt"),), targets=("LL01",), signer=signing.new_key(place / "signer.key"))
    return build(known, place), place / "key.txt", place / "signer.key"


def _isolated(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a shell script that may mount what it likes, with `arguments` as $1 …; without variables of this environment."""
    need(os.geteuid() == 0 and shutil.which("unshare"), "root and unshare")
    command = ["unshare", "-m", "sh", "-ec", script, "sh", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})


@pytest.mark.slow
def test_the_agent_shows_what_is_built_in_and_its_bill_names_its_parts(agent) -> None:
    made, _, _ = agent
    assert made.size < 25_000_000 and made.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()
    bill = json.loads(made.bill.read_text())
    assert bill["bomFormat"] == "CycloneDX" and {"pyrage", "zstandard", "psutil"} <= {one["name"] for one in bill["components"]}
    assert bill["metadata"]["component"]["hashes"][0]["content"] == made.sha256
    shown = json.loads(subprocess.run([made.path, "agent", "--show-config"], capture_output=True, check=True).stdout)
    assert shown["recipients"][0].startswith("age1") and shown["targets"] == ["LL01"] and shown["runtime_dir"] == "/dev/shm"
    assert shown["unpacked"].startswith("/dev/shm/") and not Path(shown["unpacked"]).exists()


@pytest.mark.slow
def test_the_agent_runs_where_tmp_is_noexec_and_leaves_nothing_where_its_own_folder_is(agent) -> None:
    made, _, _ = agent
    beside = "mkdir -p /run/agent-test; cp $1 /run/agent-test/scout; "
    done = _isolated(beside + "mount -t tmpfs -o noexec tmpfs /tmp; /run/agent-test/scout --version; rm -r /run/agent-test", made.path)
    assert done.returncode == 0 and done.stdout.startswith("scout "), done.stderr
    done = _isolated("mount -t tmpfs -o noexec tmpfs /dev/shm; $1 --version || { ls -A /dev/shm; exit 7; }", made.path)
    assert (done.returncode, done.stdout) == (7, "") and "failed to map segment" in done.stderr  # the words that the guide explains


@pytest.mark.slow
def test_the_agent_follows_signed_settings_beside_it_and_refuses_others(agent, tmp_path: Path) -> None:
    made, _, signer = agent
    own = tmp_path / "scout"
    shutil.copy(made.path, own)
    beside = Path(f"{own}.json")
    beside.write_text(json.dumps({"profile": "volatile", "max_file": 7}))
    refused = subprocess.run([own, "agent", "--show-config"], capture_output=True, text=True)
    assert refused.returncode == 2 and "not signed by the key" in refused.stderr
    signing.sign_file(beside, signer)
    shown = json.loads(subprocess.run([own, "agent", "--show-config"], capture_output=True, check=True).stdout)
    assert (shown["from"], shown["profile"], shown["max_file"]) == (str(beside), "volatile", 7)
    assert made.sha256 == hashlib.sha256(own.read_bytes()).hexdigest()


@pytest.mark.slow
def test_the_agent_collects_in_a_root_without_python(agent, tmp_path: Path) -> None:
    from scout.keys import load_identities
    from scout.verifying.verify import verify

    made, key, _ = agent
    root = tmp_path / "root"
    linked = subprocess.run(["ldd", str(made.path)], capture_output=True, text=True, check=True).stdout
    libraries = [word for line in linked.splitlines() for word in line.split() if word.startswith("/")]
    beside = Path(next(one for one in libraries if "/libc.so." in one)).parent
    glibc = [str(beside / name) for name in ("libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1")]
    for path in (*libraries, *glibc, str(made.path)):
        target = root / (path.lstrip("/") if path != str(made.path) else "scout")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    for folder in ("proc", "dev/shm", "etc", "out"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    os.mknod(root / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    done = _isolated("mount -t proc proc $1/proc; exec chroot $1 /scout -o /out", root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list((root / "dev/shm").iterdir())
    (archive,) = (root / "out").glob("*.age")
    assert verify(archive, load_identities(key), None).code == 0


@pytest.mark.slow
def test_the_agent_sweeps_and_its_returns_are_encrypted(agent, tmp_path: Path) -> None:
    from scout.archive.reader import ArchiveReader
    from scout.keys import load_identities

    made, key, _ = agent
    root = tmp_path / "root"
    for name in ("etc", "usr", "var/tmp"):
        (root / name).mkdir(parents=True)
    (root / "var/tmp/evil-dropper.elf").write_bytes(b"x")
    (tmp_path / "list.txt").write_text("evil-dropper.elf\n")
    sweep = [made.path, "sweep", "--ioc", tmp_path / "list.txt", "--root", root]
    lines = subprocess.run([*sweep, "--lines"], capture_output=True, text=True)
    assert (lines.returncode, [json.loads(line)["path"] for line in lines.stdout.splitlines()]) == (1, ["/var/tmp/evil-dropper.elf"])
    assert subprocess.run([*sweep, "--take", "-o", tmp_path], capture_output=True).returncode == 0
    (archive,) = tmp_path.glob("*-sweep.tar.zst.age")
    with ArchiveReader(archive, load_identities(key)) as reader:
        names = {member.name for member in reader}
    assert "live/sweep.jsonl" in names and sum(name.endswith("/evil-dropper.elf") for name in names) == 1
    refused = subprocess.run([*sweep, "--rules", tmp_path], capture_output=True, text=True)
    assert refused.returncode == 2 and "scout build --yara" in refused.stderr
