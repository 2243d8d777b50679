"""`scout build`: SCOUT's one-file agent, with its settings baked in. `freeze` makes the file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from scout import __version__
from scout.agent import settings
from scout.agent.freeze import FrozenProgram, ProgramParts, freeze, runtime_of
from scout.console import WRONG_USE, Complaint

LEFT_OUT = (
    *("typer", "click", "rich", "pygments", "shellingham", "yara", "sqlite3", "xmlrpc", "numpy", "cryptography"),
    *("pyewf", "pyvhdi", "pyvmdk", "pyqcow", "pyvshadow", "scout.cli"),
)
"""what a collection does not need; images stay with the full installation, YARA is added where it is asked for"""
FOUND_BY_NAME = (
    *("scout.live.windows", "scout.live.linux", "scout.references.windows", "scout.references.linux", "scout.collecting.configured"),
)
"""live sources, readers of references and of configuration"""


def build(known: settings.AgentSettings, out: Path, *, yara: bool = False) -> FrozenProgram:
    """Make `scout` (`scout.exe`) and its bill of materials in a folder. `yara`: for rules in sweeps.

    Complaint for settings that no agent could work with.
    """
    if not known.recipients:
        raise Complaint("An agent without recipients could not encrypt.", "Give -r age1… (scout keygen makes a key pair).", WRONG_USE)
    document = {
        **known.document(),
        "runtime_dir": runtime_of(known.runtime_dir),
        "built": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "version": __version__,
    }
    baked = json.dumps(document, indent=1).encode()
    settings.parse(json.loads(baked), "the settings")
    return freeze(parts(baked, known.runtime_dir, yara=yara), out)


def parts(baked: bytes, runtime_dir: str = "", *, yara: bool = False) -> ProgramParts:
    """Return what the agent consists of; `baked` is its settings as JSON."""
    return ProgramParts(
        name="scout",
        entry="scout.agent.main:main",
        packages=("scout",),
        found_by_name=FOUND_BY_NAME,
        left_out=tuple(name for name in LEFT_OUT if not (yara and name == "yara")),
        baked={"scout/agent/agent.json": baked},
        runtime_dir=runtime_dir,
    )
