"""Sign a plan, and demand the signature of an allowed signer. The signature of PLAN is `PLAN.sig`.

It is over the bytes of the file, so that these do the same as HUNTER, with keys on a token or in an agent too:

    ssh-keygen -Y sign -n escadre-plan -f KEY PLAN
    ssh-keygen -Y verify -n escadre-plan -f allowed_signers -I NAME -s PLAN.sig < PLAN
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from hunter.plan.place import guarded
from hunter.plan.yaml_text import MAX_BYTES
from hunter.private import write_private
from hunter.sign import sshsig
from hunter.sign.signers import AllowedSigner, default_file, read
from scout.console import WRONG_USE, Complaint, escape

NAMESPACE = "escadre-plan"
_SIGN = f"ssh-keygen -Y sign -n {NAMESPACE} -f KEY PLAN"


@dataclass(frozen=True, slots=True)
class PlanSigner:
    """Who signed a plan: the name in the list of allowed signers, and the fingerprint of the key."""

    name: str
    fingerprint: str


def signature_of(plan: Path) -> Path:
    """Return `<plan>.sig`."""
    return plan.with_name(plan.name + ".sig")


def load_key(path: Path, passphrase: Callable[[], str]) -> sshsig.SigningKey:
    """Read an SSH private key. `passphrase` is asked where the key has one. Complaint (code 2) where it is none that HUNTER signs with."""
    try:
        raw = path.read_bytes()
    except OSError as e:
        raise Complaint(f"{path} cannot be read: {e.strerror}.", "Give an SSH private key: ssh-keygen -t ed25519", WRONG_USE) from e
    try:
        try:
            key = load_ssh_private_key(raw, None)
        except TypeError:  # it has a passphrase
            key = load_ssh_private_key(raw, passphrase().encode())
    except (ValueError, UnsupportedAlgorithm) as e:
        what = f"{path} does not open as an SSH private key."
        raise Complaint(what, f"Check the passphrase. For a key on a token or in an agent: {_SIGN}", WRONG_USE) from e
    if not isinstance(key, Ed25519PrivateKey | RSAPrivateKey | EllipticCurvePrivateKey):
        raise Complaint(f"{path} is a key of a kind that HUNTER does not sign with.", "Use Ed25519: ssh-keygen -t ed25519", WRONG_USE)
    return key


def sign(plan: Path, key: sshsig.SigningKey) -> Path:
    """Write the signature beside the plan; an older one is replaced. Return its path."""
    target = signature_of(plan)
    temporary = target.with_name(f".{target.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        write_private(temporary, sshsig.sign(key, _content(plan), NAMESPACE))
        temporary.replace(target)
    except OSError as e:
        raise Complaint(f"{target} cannot be written: {e.strerror}.", "Make room, or sign a copy in another folder.") from e
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return target


def allowed(given: Path | None) -> list[AllowedSigner] | None:
    """Return the allowed signers of the file given, else of the analyst's own list; None where there is no such list."""
    if given is not None:
        return read(given)
    with suppress(RuntimeError):
        own = default_file()
        if own.exists():
            return read(own)
    return None


def signer_of(plan: Path, signers: Sequence[AllowedSigner] | None, *, required: bool) -> PlanSigner | None:
    """Return who signed a plan. None where nobody did, or nobody is known who may, and no signature is required.

    Complaint (code 2) for a signature that does not fit, one of a key that is not allowed (any more), and for none where one is required.
    """
    path = signature_of(plan)
    if not path.exists():
        if required:
            do = f"Sign it on the analyst's machine (hunter sign {plan.name} -k KEY), and bring {path.name} too."
            raise Complaint(f"{plan} is not signed: {path.name} is not beside it.", do, WRONG_USE)
        return None
    if signers is None:
        if required:
            do = "Give the list of who may sign: --allowed-signers FILE (one `NAME ssh-ed25519 AAAA…` in a line)."
            raise Complaint("Nobody is known here who may sign plans.", do, WRONG_USE)
        return None
    guarded(path)
    again = f"Read the plan, then sign it again: hunter sign {plan.name} -k KEY"
    try:
        with path.open("rb") as stream:
            signature = sshsig.read(stream.read(sshsig.MAX_BYTES + 1))
        sshsig.verify(signature, _content(plan), NAMESPACE)
    except OSError as e:
        raise Complaint(f"{path} cannot be read: {e.strerror}.", "Run hunter as its owner.", WRONG_USE) from e
    except sshsig.SignatureError as e:
        raise Complaint(f"{path}: {escape(e)}.", again, WRONG_USE) from e
    mine = [signer for signer in signers if signer.key == signature.key]
    reasons = [signer.why_not(NAMESPACE, time.time()) for signer in mine]
    for signer, why in zip(mine, reasons, strict=True):
        if not why:
            return PlanSigner(signer.principals, signature.fingerprint)
    why = reasons[0] if reasons else "it is not in the list of allowed signers"
    do = "Have it signed by one of them, or renew the line in the list."
    raise Complaint(f"{plan} is signed with the key {signature.fingerprint}: {escape(why)}.", do, WRONG_USE)


def _content(plan: Path) -> bytes:
    try:
        with plan.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as e:
        raise Complaint(f"{plan} cannot be read: {e.strerror}.", "Give the path of a plan.", WRONG_USE) from e
    if len(data) > MAX_BYTES:
        raise Complaint(f"{plan} is larger than {MAX_BYTES >> 20} MiB.", "Give the path of a plan.", WRONG_USE)
    return data


def ask_passphrase() -> str:
    """Ask on the terminal. Complaint where there is none."""
    import getpass
    import sys

    if not sys.stdin.isatty() and not os.path.exists("/dev/tty"):  # noqa: PTH110
        raise Complaint("The key has a passphrase, and there is no terminal to ask for it.", f"With an ssh-agent: {_SIGN}", WRONG_USE)
    try:
        return getpass.getpass("Passphrase of the key: ")
    except EOFError as e:
        raise Complaint("No passphrase was given.", f"With an ssh-agent: {_SIGN}", WRONG_USE) from e
