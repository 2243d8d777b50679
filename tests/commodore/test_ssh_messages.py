"""Messages of OpenSSH and dropbear, in the spelling of their sources: the user and the address have named fields."""

from __future__ import annotations

import pytest

from tests.commodore.test_auth_log import one

OPENSSH = [
    ("Disconnecting invalid user none 198.51.100.1 port 5: Too many authentication failures [preauth]", "ssh-disconnected", "none"),
    ("Disconnecting authenticating user root 198.51.100.1 port 5: Too many authentication failures [preauth]", "ssh-disconnected", "root"),
    (
        "Disconnecting authenticating user a 198.51.100.1 port 5: Change of username or service not allowed: "
        "(a,ssh-connection) -> (b 192.0.2.9 port 1: x,ssh-connection) [preauth]",
        "ssh-disconnected",
        "a",
    ),
    ("Disconnecting user paul 198.51.100.1 port 5: Idle timeout", "ssh-disconnected", "paul"),
    ("Postponed keyboard-interactive for invalid user x from 198.51.100.1 port 5 ssh2 [preauth]", "ssh-login-continued", "x"),
    ("Partial publickey for root from 198.51.100.1 port 5 ssh2: RSA SHA256:abc", "ssh-login-continued", "root"),
    ("error: PAM: Authentication failure for root from 198.51.100.1", "ssh-login", "root"),
    ("error: PAM: User not known to the underlying authentication module for illegal user x from 198.51.100.1", "ssh-login", "x"),
    ("ROOT LOGIN REFUSED FROM 198.51.100.1 port 5", "ssh-login", None),
    ("User root from 198.51.100.1 not allowed because not listed in AllowUsers", "ssh-login", "root"),
    ("fatal: Timeout before authentication for 198.51.100.1 port 5", "ssh-connection-closed", None),
    ("Timeout before authentication for connection from 198.51.100.1 to 192.0.2.1, pid = 77", "ssh-connection-closed", None),
    ("Did not receive identification string from 198.51.100.1 port 5", "ssh-connection-closed", None),
    ("Bad protocol version identification 'GET / HTTP/1.1' from 198.51.100.1 port 5", "ssh-negotiation-failed", None),
    ("banner exchange: Connection from 198.51.100.1 port 5: invalid format", "ssh-negotiation-failed", None),
    (
        "Unable to negotiate with 198.51.100.1 port 5: no matching host key type found. Their offer: ssh-rsa [preauth]",
        "ssh-negotiation-failed",
        None,
    ),
    (
        "ssh_dispatch_run_fatal: Connection from authenticating user root 198.51.100.1 port 5: incorrect signature [preauth]",
        "ssh-connection-closed",
        "root",
    ),
    ("Connection to user paul 198.51.100.1 port 5 timed out", "ssh-connection-closed", "paul"),
    ("Timeout, client not responding from user paul 198.51.100.1 port 5", "ssh-connection-closed", "paul"),
    ("drop connection #10 from [198.51.100.1]:5 on [192.0.2.1]:22 past MaxStartups", "ssh-connection-refused", None),
    ("drop connection #0 from [198.51.100.1]:5 on [192.0.2.1]:22 penalty: failed authentication", "ssh-connection-refused", None),
    ("refused connect from host.example (198.51.100.1)", "ssh-connection-refused", None),
    ("Starting session: shell on pts/0 for paul from 198.51.100.1 port 5 id 0", "ssh-session-started", "paul"),
    ("Close session: user paul from 198.51.100.1 port 5 id 0", "ssh-session-ended", "paul"),
    (
        "PAM 2 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost=198.51.100.1  user=root",
        "authentication-failed",
        "root",
    ),
]
DROPBEAR = [
    ("Child connection from 198.51.100.1:5", "ssh-connection-opened", None),
    ("Password auth succeeded for 'root' from 198.51.100.1:5", "ssh-login", "root"),
    ("Pubkey auth succeeded for 'root' with ssh-ed25519 key SHA256:abc from 198.51.100.1:5", "ssh-login", "root"),
    ("Pubkey auth succeeded for 'root' with key md5 aa:bb from 198.51.100.1:5", "ssh-login", "root"),
    ("PAM password auth succeeded for 'root' from 198.51.100.1:5", "ssh-login", "root"),
    ("Auth succeeded with blank password for 'x' from 198.51.100.1:5", "ssh-login", "x"),
    ("Bad password attempt for 'root' from 198.51.100.1:5", "ssh-login", "root"),
    ("Bad PAM password attempt for 'root' from 198.51.100.1:5", "ssh-login", "root"),
    ("Login attempt for nonexistent user from 198.51.100.1:5", "ssh-user-unknown", None),
    ("Login attempt for nonexistent user 'x' from 198.51.100.1:5", "ssh-user-unknown", "x"),
    ("Login attempt with wrong user admin from 198.51.100.1:5", "ssh-login", "admin"),
    ("Max auth tries reached - user 'root' from 198.51.100.1:5", "ssh-attempts-exceeded", "root"),
    ("Exit before auth from <198.51.100.1:5>: (user 'root', 3 fails): Exited normally", "ssh-connection-closed", "root"),
    ("Exit before auth from <198.51.100.1:5>: Exited normally", "ssh-connection-closed", None),
    ("Exit (root) from <198.51.100.1:5>: Disconnect received", "ssh-disconnected", "root"),
]
SUCCEEDS = ("Password auth succeeded", "Pubkey auth succeeded", "PAM password auth succeeded", "Auth succeeded")


@pytest.mark.parametrize(
    ("program", "message", "action", "user"),
    [("sshd", *case) for case in OPENSSH] + [("sshd-session", *case) for case in OPENSSH[:2]] + [("dropbear", *case) for case in DROPBEAR],
)
def test_a_message_names_its_user_and_address(program, message, action, user):
    fields = one(message, f"{program}[7]")
    assert (fields["event.action"], fields.get("user.name"), fields.get("source.ip")) == (action, user, "198.51.100.1")
    assert fields.get("source.port", 5) == 5
    if action == "ssh-login":
        assert fields["event.outcome"] == ("success" if message.startswith(SUCCEEDS) else "failure")


@pytest.mark.parametrize(
    ("program", "message", "user"),
    [
        ("sshd", "Disconnecting: Too many authentication failures for root [preauth]", "root"),
        ("sshd", "input_userauth_request: invalid user x [preauth]", "x"),
        ("sshd", "fatal: Access denied for user x by PAM account configuration [preauth]", "x"),
        ("sshd", "User x not allowed because account is locked", "x"),
        ("sshd", "subsystem request for sftp by user paul", "paul"),
        ("dropbear", "User 'x' has invalid shell, rejected", "x"),
        ("dropbear", "exit after auth (root): Disconnect received", "root"),
    ],
)
def test_a_message_without_an_address_names_its_user(program, message, user):
    fields = one(message, f"{program}[7]")
    assert fields["user.name"] == user
    assert "source.ip" not in fields
    assert fields["event.action"] != "message-logged"


def test_an_ipv6_address_of_dropbear_ends_at_its_port():
    fields = one("Bad password attempt for 'root' from 2001:db8::1:40022", "dropbear[7]")
    assert (fields["source.ip"], fields["source.port"]) == ("2001:db8::1", 40022)
