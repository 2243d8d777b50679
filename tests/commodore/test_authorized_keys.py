"""authorized_keys: fingerprints as ssh-keygen prints them, options as sshd reads them."""

from __future__ import annotations

import base64
import hashlib
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from commodore import catalogue
from commodore.artefacts.linux.files import authorized_keys
from commodore.host import Host
from tests.commodore.damage import damaged, inputs, survives

SOURCE = "/home/paul/.ssh/authorized_keys"


def public(key) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


KEYS = [
    public(ed25519.Ed25519PrivateKey.generate()),
    public(rsa.generate_private_key(65537, 2048)),
    public(ec.generate_private_key(ec.SECP256R1())),
]


def read(text: str, source: str = SOURCE, host: Host | None = None):
    return survives(authorized_keys, source, text.encode(), **({"host": host} if host else {}))


@pytest.mark.parametrize("key", KEYS, ids=["ed25519", "rsa", "ecdsa"])
def test_type_and_fingerprint_are_those_of_the_key(key):
    (record,), _ = read(f"{key} a comment with blanks\n")
    blob = base64.b64decode(key.split()[1])
    assert record.fields["escadre.ssh.key_type"] == blob[4 : 4 + struct.unpack(">I", blob[:4])[0]].decode()
    assert record.fields["escadre.ssh.fingerprint"] == "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    assert record.fields["escadre.ssh.comment"] == "a comment with blanks"


def test_options_end_at_the_first_blank_outside_quotes():
    line = f'no-pty,command="sh -c \\"echo, a b\\"",from="10.0.0.0/8,!10.1.1.1",ENVIRONMENT="A=b c",environment="D=e" {KEYS[0]} x'
    (record,), _ = read(line)
    fields = record.fields
    assert fields["process.command_line"] == 'sh -c "echo, a b"'
    assert 'from="10.0.0.0/8,!10.1.1.1"' in fields["escadre.settings"]
    assert fields["process.env_vars"] == ["A=b c", "D=e"]
    assert fields["escadre.settings"][0] == "no-pty"
    assert fields["escadre.line"] == line


@pytest.mark.parametrize(
    "line",
    ["ssh-ed25519", "ssh-ed25519 !!!!", "no-such-type AAAA c", f'command="unclosed {KEYS[0]}', KEYS[0].replace("ssh-ed25519", "ssh-rsa")],
    ids=["type alone", "no blob", "unknown type", "unclosed", "other type"],
)
def test_what_sshd_would_pass_over_is_named_as_lost(line):
    records, problems = read(f"{KEYS[1]}\n{line}\n")
    assert (len(records), [(p.locator, p.lost) for p in problems]) == (1, [("line 2", 1)])


@pytest.mark.parametrize(
    ("source", "user"),
    [
        ("/root/.ssh/authorized_keys", "root"),
        ("/srv/data/git/.ssh/authorized_keys", "git-service"),
        ("/home/eve/.ssh/authorized_keys2", "eve"),
        ("/etc/ssh/authorized_keys/mallory", "mallory"),
        ("/etc/ssh/keys/mallory", "mallory"),
        ("/etc/ssh/keys/mallory/authorized_keys", "mallory"),
        ("/etc/ssh/authorized_keys", "every user"),
        ("/etc/dropbear/authorized_keys", "root"),
        ("C:\\Users\\agnes\\.ssh\\authorized_keys", "S-1-5-21-1"),
    ],
)
def test_the_account_comes_from_the_home_directory(source, user):
    host = Host("c", profiles={"git-service": "/srv/data/git", "root": "/root", "S-1-5-21-1": "C:\\Users\\agnes"})
    (record,), _ = read(KEYS[0], source, host)
    assert record.fields["user.name"] == user
    assert "authorized_keys" in catalogue.matcher().match(source.removeprefix("C:\\").replace("\\", "/").lstrip("/"), b"x").names


@pytest.mark.parametrize(("source", "data"), inputs("authorized_keys"), ids=lambda v: v if isinstance(v, str) else "")
def test_damage_is_survived(source, data):
    for bad in damaged(data):
        survives(authorized_keys, source, bad)
