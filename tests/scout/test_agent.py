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
from scout.console import Complaint
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


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the agent for Linux")
def test_the_agent_collects_in_a_root_without_python(tmp_path: Path) -> None:
    from scout.agent.build import build
    from scout.keys import keygen, load_identities
    from scout.verifying.verify import verify

    if find_spec("PyInstaller") is None:
        pytest.skip("needs PyInstaller (the extra agent)")
    need(os.geteuid() == 0 and shutil.which("unshare"), "root and unshare")
    public = keygen(tmp_path / "key.txt")
    made = build(settings.AgentSettings(recipients=(public,), targets=("LL01",)), tmp_path)
    assert made.size < 25_000_000 and made.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()
    bill = json.loads(made.bill.read_text())
    assert bill["bomFormat"] == "CycloneDX" and {"pyrage", "zstandard", "psutil"} <= {one["name"] for one in bill["components"]}
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
    inside = f"mount -t proc proc {root}/proc && exec chroot {root} /scout -o /out"
    done = subprocess.run(["unshare", "-m", "sh", "-c", inside], capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list((root / "dev/shm").iterdir())
    (archive,) = (root / "out").glob("*.age")
    assert verify(archive, load_identities(tmp_path / "key.txt"), None).code == 0
