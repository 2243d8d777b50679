"""sshd: only lines go whose absence leaves the server as it is without them. The way in of the person who works on the host stays.

Lines that say where the server listens, who may log in and which keys it has are left to a person. `AuthorizedKeysCommandUser` stays while
there is a command: the server does not start without it. Source: sshd_config(5).
"""

from __future__ import annotations

from collections import Counter

from hunter.host.view import FileView

_MAY_GO = frozenset(
    {
        *("authorizedkeyscommand", "authorizedkeyscommanduser", "authorizedkeysfile", "authorizedprincipalscommand"),
        *("authorizedprincipalscommanduser", "authorizedprincipalsfile", "trustedusercakeys", "forcecommand", "permituserenvironment"),
        *("permitrootlogin", "permitemptypasswords", "subsystem", "acceptenv", "setenv", "gatewayports", "permittunnel", "permitopen"),
    }
)
_NEEDS = {"authorizedkeyscommand": "authorizedkeyscommanduser", "authorizedprincipalscommand": "authorizedprincipalscommanduser"}


def problem(before: FileView, after: FileView, path: str) -> str:
    """Return why the server would not start, or not let in whom it lets in now."""
    was, left = _words(before.read(path)), _words(after.read(path))
    for word in (was - left).elements():
        if word not in _MAY_GO:
            return f"{word} of the ssh server is left to a person: connections depend on it"
    there = set(left)
    needing = next((command for command, user in _NEEDS.items() if command in there and user in set(was) - there), "")
    return f"{needing} stays, and the ssh server does not start without {_NEEDS[needing]}" if needing else ""


def _words(data: bytes) -> Counter[str]:
    """Return the keywords of the lines, without case."""
    rows = (line.strip().replace(b"=", b" ").split() for line in data.split(b"\n"))
    return Counter(row[0].decode("latin-1").lower() for row in rows if row and not row[0].startswith(b"#"))
