"""The output of `hunter sign`."""

from __future__ import annotations

import base64
from pathlib import Path

from hunter.show.words import command
from hunter.sign import sshsig
from scout.console import Screen


def signed(screen: Screen, plan: Path, signature: Path, key: sshsig.SigningKey) -> None:
    """Print the fingerprint of the key, the line of the list of allowed signers, and the next step."""
    blob = sshsig.blob_of(key)
    name = blob[4 : 4 + int.from_bytes(blob[:4])].decode()
    line = f"{name} {base64.b64encode(blob).decode()}"
    if screen.json_lines:
        screen.emit({"plan": str(plan), "signature": str(signature), "fingerprint": sshsig.fingerprint(blob), "public_key": line})
        return
    screen.say(f"Signed {plan} with the key {sshsig.fingerprint(blob)} → {signature}")
    screen.say("Who applies it needs your line in a list of allowed signers, for example:")
    screen.say(f'  you@example.org namespaces="escadre-plan" {line}')
    screen.say(f"Next: {command('apply', plan, '--require-signature', '--allowed-signers', 'FILE')}")
