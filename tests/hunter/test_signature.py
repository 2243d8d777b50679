"""Signatures of plans, against the real ssh-keygen in both directions; a changed plan, a foreign key and an expired one are refused."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hunter.sign import sshsig
from tests.conftest import need
from tests.hunter.conftest import Bench, manifest
from tests.hunter.driver import hunt

KINDS = {"ed25519": [], "ecdsa": ["-b", "384"], "rsa": ["-b", "3072"]}


@pytest.fixture
def signed_bench(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    need(bool(shutil.which("ssh-keygen")), "ssh-keygen")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    bench.plan_here(["file"])
    return bench


def new_key(folder: Path, name: str, kind: str = "ed25519") -> Path:
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", "t", "-t", kind, *KINDS[kind], "-f", path], check=True)
    return path


def signers(folder: Path, key: Path, options: str = "") -> Path:
    path = folder / f"{key.name}.signers"
    public = " ".join(Path(f"{key}.pub").read_text().split()[:2])
    path.write_text(f"# ours\nalice@site {options}{' ' if options else ''}{public}\n")
    return path


def keygen(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["ssh-keygen", "-Y", *map(str, arguments)], input=stdin, capture_output=True, check=False)


def checked(bench: Bench, *more: object) -> tuple[int, str, str]:
    return hunt("check", bench.plan, "--root", bench.root, *more)


@pytest.mark.parametrize("kind", list(KINDS))
def test_ssh_keygen_verifies_what_hunter_signs_and_hunter_what_ssh_keygen_signs(signed_bench, tmp_path, kind) -> None:
    key = new_key(tmp_path, "k", kind)
    listed, signature = signers(tmp_path, key), Path(f"{signed_bench.plan}.sig")
    code, out, err = hunt("sign", signed_bench.plan, "-k", key)
    assert code == 0, err
    said = subprocess.run(["ssh-keygen", "-l", "-f", key], capture_output=True, text=True, check=True).stdout.split()[1]
    assert said in out
    verify = ("verify", "-n", "escadre-plan", "-f", listed, "-I", "alice@site", "-s", signature)
    assert keygen(*verify, stdin=signed_bench.plan.read_bytes()).returncode == 0
    signature.unlink()
    assert keygen("sign", "-n", "escadre-plan", "-f", key, signed_bench.plan).returncode == 0
    code, out, err = checked(signed_bench, "--require-signature", "--allowed-signers", listed)
    assert (code, f"Signed by alice@site with the key {said}" in err) == (0, True), err


def test_a_changed_plan_a_foreign_key_and_another_purpose_are_refused_before_any_write(signed_bench, tmp_path) -> None:
    key, other = new_key(tmp_path, "k"), new_key(tmp_path, "other")
    mine, theirs = signers(tmp_path, key), signers(tmp_path, other)
    state, signature = manifest(signed_bench.root), Path(f"{signed_bench.plan}.sig")

    def refused(says: str, listed: Path | None, *more: object) -> None:
        given = ["--allowed-signers", listed] if listed else []
        for command in (["check"], ["apply"], ["apply", "--yes"], ["verify"]):
            code, out, err = hunt(command[0], signed_bench.plan, "--root", signed_bench.root, *command[1:], *given, *more)
            assert (code, says in err) == (2, True), (command, out, err)
        assert manifest(signed_bench.root) == state

    refused("is not signed", mine)
    refused("is not signed", None, "--require-signature")
    assert hunt("sign", signed_bench.plan, "-k", key)[0] == 0
    refused("not in the list", theirs)
    refused("Nobody is known", None, "--require-signature")
    signed_bench.plan.write_text("# one more comment\n" + signed_bench.plan.read_text())  # the seal still fits
    assert checked(signed_bench)[0] == 0
    refused("changed after it was signed", mine)
    signature.unlink()
    keygen("sign", "-n", "file", "-f", key, signed_bench.plan)
    refused("another purpose", mine)
    signature.write_bytes(b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n")
    refused("no SSH signature", mine)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ('valid-before="20200101"', "expired at"),
        ('valid-after="29990101Z"', "not valid before"),
        ('namespaces="git,file"', "may sign git, file"),
        ("cert-authority", "not in the list"),
    ],
)
def test_an_entry_that_does_not_allow_it_refuses_as_ssh_keygen_does(signed_bench, tmp_path, options, says) -> None:
    key = new_key(tmp_path, "k")
    listed = signers(tmp_path, key, options)
    assert hunt("sign", signed_bench.plan, "-k", key)[0] == 0
    theirs = keygen(
        *("verify", "-n", "escadre-plan", "-f", listed, "-I", "alice@site", "-s", f"{signed_bench.plan}.sig"),
        stdin=signed_bench.plan.read_bytes(),
    )
    assert theirs.returncode != 0
    code, _, err = checked(signed_bench, "--allowed-signers", listed)
    assert (code, says in err) == (2, True), err


def test_a_valid_period_and_the_purpose_are_accepted(signed_bench, tmp_path) -> None:
    key = new_key(tmp_path, "k")
    listed = signers(tmp_path, key, 'namespaces="escadre-*",valid-after="20200101Z",valid-before="29990101"')
    assert hunt("sign", signed_bench.plan, "-k", key)[0] == 0
    assert checked(signed_bench, "--allowed-signers", listed)[0] == 0
    listed.chmod(0o666)
    code, _, err = checked(signed_bench, "--allowed-signers", listed)
    assert (code, "can be written by others" in err) == (2, True)
    listed.chmod(0o600)
    listed.write_text("alice ssh-ed25519 AAAA\n")
    code, _, err = checked(signed_bench, "--allowed-signers", listed)
    assert (code, "line 1" in err) == (2, True), err


def test_a_key_with_a_passphrase_that_nobody_can_type_names_the_other_way(signed_bench, tmp_path) -> None:
    path = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-N", "a long passphrase", "-t", "ed25519", "-f", path], check=True)
    done = subprocess.run(
        ["setsid", "-w", *signed_bench.hunter("--version").args[:3], "sign", str(signed_bench.plan), "-k", str(path)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 2 and "ssh-keygen -Y sign" in done.stderr, done.stderr


def test_every_cut_and_every_flipped_byte_of_a_signature_is_refused(tmp_path) -> None:
    import base64

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    whole = sshsig.sign(Ed25519PrivateKey.from_private_bytes(bytes(range(32))), b"plan", "escadre-plan")
    sshsig.verify(sshsig.read(whole), b"plan", "escadre-plan")
    lines = whole.splitlines()
    blob = base64.b64decode(b"".join(lines[1:-1]))

    def armoured(raw: bytes) -> bytes:
        return b"\n".join([lines[0], base64.b64encode(raw), lines[-1]])

    spoiled = [blob[:n] for n in range(len(blob))] + [blob[:n] + bytes([blob[n] ^ 1]) + blob[n + 1 :] for n in range(len(blob))]
    for raw in spoiled:
        with pytest.raises(sshsig.SignatureError):
            sshsig.verify(sshsig.read(armoured(raw)), b"plan", "escadre-plan")
