"""Settings of an agent: baked into it, or in a file beside it that is signed with the key whose public half is baked in.

Beside `scout.exe` these are `scout.exe.json` and `scout.exe.json.sig` (64 bytes, Ed25519, base64). What the file says replaces what is
baked in, so that an agent that is signed itself stays as it is.
"""

from __future__ import annotations

import base64
import binascii
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from scout.agent import ed25519
from scout.console import WRONG_USE, Complaint
from scout.formats.json_text import parsed

BAKED = Path(__file__).with_name("agent.json")
"""In an agent only."""
MAX_FILE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """Defaults of the agent's options; what its command line gives goes before them.

    recipients  who may read the archives
    signer      Ed25519 public key (hexadecimal) of settings beside the agent; '' none are read
    to          where it delivers: an address as for `collect --to`; '' to `out`
    pin         fingerprint of the certificate or host key that it trusts there
    runtime_dir where the agent unpacks itself: the boot loader reads that, it cannot be changed afterwards
    """

    recipients: tuple[str, ...] = ()
    profile: str = "triage"
    targets: tuple[str, ...] = ()
    out: str = "."
    to: str = ""
    pin: str = ""
    max_file: int = 0
    max_total: int = 0
    signer: str = ""
    runtime_dir: str = ""
    built: str = ""
    version: str = ""

    def document(self) -> dict[str, Any]:
        """Return the settings as JSON has them."""
        return asdict(self)


def parse(document: object, where: str) -> AgentSettings:
    """Return the settings of a JSON document. Complaint for an unknown name or a value of a wrong type."""
    if not isinstance(document, dict):
        raise Complaint(f"{where}: not a JSON object.", "scout agent --show-config prints one as it should be.", WRONG_USE)
    known = {field.name: field.default for field in fields(AgentSettings)}
    values: dict[str, Any] = {}
    for key, value in document.items():
        if key not in known:
            raise Complaint(f"{where}: unknown setting {key!r}.", f"Known are {', '.join(known)}.", WRONG_USE)
        if isinstance(known[key], tuple):
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                raise Complaint(f"{where}: {key} must be a list of texts.", "", WRONG_USE)
            values[key] = tuple(value)
        elif type(value) is not type(known[key]):
            raise Complaint(f"{where}: {key} must be a {'number' if known[key] == 0 else 'text'}.", "", WRONG_USE)
        else:
            values[key] = value
    return AgentSettings(**values)


def load() -> tuple[AgentSettings, str]:
    """Return the settings of this agent, and where they are from. Complaint where a file beside it is not signed by its signer."""
    baked = parse(json.loads(BAKED.read_bytes()), "the agent") if BAKED.exists() else AgentSettings()
    beside = Path(f"{sys.executable}.json")
    if not getattr(sys, "frozen", False) or not beside.exists():
        return baked, "the agent itself"
    return of_file(beside, baked), str(beside)


def of_file(path: Path, baked: AgentSettings) -> AgentSettings:
    """Return the settings of a signed file on top of those baked in. Complaint where the signature does not fit."""
    data = bounded(path)
    if not baked.signer:
        what = f"{path} is beside this agent, which was built without a key for such files."
        raise Complaint(what, "Remove it, or build the agent with --signer.", WRONG_USE)
    try:
        signature = base64.b64decode(bounded(Path(f"{path}.sig")), validate=False)
    except (FileNotFoundError, binascii.Error):
        signature = b""
    if not ed25519.verify(bytes.fromhex(baked.signer), data, signature):
        raise Complaint(f"{path} is not signed by the key of this agent.", f"Sign it again: scout sign {path.name} -k KEY", WRONG_USE)
    try:
        document = parsed(data)
    except ValueError as e:
        raise Complaint(f"{path}: not JSON: {e}.", "", WRONG_USE) from e
    if isinstance(document, Mapping) and {"signer", "runtime_dir", "built", "version"} & set(document):
        raise Complaint(f"{path}: signer, runtime_dir, built and version are those of the agent.", "Leave them out.", WRONG_USE)
    return parse({**_lists(baked.document()), **document} if isinstance(document, dict) else document, str(path))


def _lists(document: dict[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in document.items()}


def bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_FILE)
