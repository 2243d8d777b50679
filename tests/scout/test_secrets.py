"""Secrets are known by their form, and what starts a program is no secret, whatever stands around it."""

from __future__ import annotations

import pytest

from scout.collecting import secrets

TOKEN = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
SECRETS = {
    "key store of KeePass": b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5\1\0\4\0",
    "keytab of Kerberos": b"\5\2\0\0\0\x3b\0\1\0\7EXAMPLE\0\4host",
    "tickets of Kerberos": b"\5\4\0\x0c\0\1\0\x08\xff\xff\xff\xff\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0\7EXAMPLE",
    "OpenPGP": b"\x95\x03\xbe\x04\x65\x01\x02\x03\x01\x08\x00",
    "GnuPG": b"Created: 20260101T000000\nKey: (protected-private-key (ecc (curve Ed25519)",
    "PuTTY": b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n",
    "DPAPI": b"\2" + bytes(11) + "9f2b1c00-1111-2222-3333-444455556666".encode("utf-16-le"),
    "Java": b"\xce\xce\xce\xce\0\0\0\2",
    "WireGuard": f"{TOKEN}\n".encode(),
    "age": b"# plugin\nAGE-PLUGIN-YUBIKEY-1QQQ\n",
    "ssh.com": b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/56wAAA\n",
    "service account": b'{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\\nMIIE"}',
    "JSON Web Key": b'{"kty":"OKP","crv":"Ed25519","d":"nWGxne","x":"11"}',
    "htpasswd": b"admin:$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00\nbob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n",
    "smbpasswd": f"root:0:{'X' * 32}:{'8846F7EA' * 4}:[U          ]:LCT-5F0:\n".encode(),
    "AWS": f"[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = {TOKEN}\n".encode(),
    "netrc": b"machine h login u password p\ndefault login a\npassword b\n",
    "pgpass": b"# local\nlocalhost:5432:db:user:s3cret\n*:*:*:u:p\n",
    "git": b"https://u:p@example.org\n",
}
EVIDENCE = {
    "a command of the credentials": b"[default]\ncredential_process = /tmp/evil\naws_secret_access_key = aaaaaaaaaaaaaaaaaaaa\n",
    "a macro of netrc": b"machine h login u password p\nmacdef init\n!/tmp/evil\n\n",
    "a substitution": b"localhost:5432:db:user:$(/tmp/evil)\n",
    "a command behind a value": b"machine h login u password p;/tmp/evil\n",
    "a table of cron": b"* * * * * root /tmp/evil\n",
    "accounts": b"root:x:0:0:root:/root:/bin/bash\nevil:$6$saltsalt$hashhashhash:0:0::/root:/bin/sh\n",
    "groups": b"root:x:0:\nadm:x:4:syslog\n",
    "inittab": b"id:5:initdefault:\n1:2345:respawn:/sbin/getty 38400 tty1\n",
    "a public key of OpenPGP": b"\x99\x01\x0d\x04\x65\x01\x02\x03\x01\x08\x00",
    "a tunnel, which starts a program": f"[Interface]\nPrivateKey = {TOKEN}\nPostUp = /tmp/evil\n".encode(),
    "an address": b"https://example.org/a:b@c\n",
    "messages of a compiler": b"a.c:12:5: error: expected\n",
    "nothing": b"",
}


@pytest.mark.parametrize(("what", "data"), SECRETS.items())
def test_stores_of_keys_and_lists_of_credentials_are_known(what: str, data: bytes) -> None:
    assert secrets.found(data, lambda: data, len(data))


@pytest.mark.parametrize(("what", "data"), EVIDENCE.items())
def test_what_only_looks_like_them_is_evidence(what: str, data: bytes) -> None:
    assert not secrets.found(data, lambda: data, len(data))


@pytest.mark.parametrize("what", ["htpasswd", "JSON Web Key", "service account", "git"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_byte_order_mark_and_wide_characters_hide_none(what: str, encoding: str) -> None:
    data = SECRETS[what].decode().encode(encoding)
    assert secrets.found(data, lambda: data, len(data))
