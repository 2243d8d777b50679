"""Keys that may log in, where sshd looks for them elsewhere: `AuthorizedKeysFile /etc/ssh/keys/%u`. Source: sshd_config(5)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scout.collecting import identity
from scout.collecting.configured import config_lines, folder
from scout.sources.source import EvidenceSource

_WORDS = ("authorizedkeysfile", "authorizedprincipalsfile", "trustedusercakeys", "revokedkeys")


def names(source: EvidenceSource) -> Iterator[str]:
    """Yield the paths: `%h` is each home, another `%` any text; a relative path begins in each home."""
    files = [("etc", "ssh", "sshd_config"), *folder(source, ("etc", "ssh", "sshd_config.d"), ".conf")]
    homes = list(dict.fromkeys(identity.homes_by_account(source).values()))[: identity.MAX_HOMES]
    for line in config_lines(source, files, "sshd"):
        word, *values = re.split(r"[\s=]+", line)
        for value in values if word.lower() in _WORDS else ():
            path = value.strip('"')
            if path.lower() == "none":
                continue
            every = [path] if path.startswith("/") else [f"{home}/{path.removeprefix('%h/')}" for home in homes]
            yield from (re.sub("%[A-Za-z]", "*", one) for one in every)
