"""`hunter bundle`: freeze HUNTER with one signed plan. `scout.agent.freeze` makes the file."""

from __future__ import annotations

import re
from pathlib import Path

from hunter.bundle.contents import baked_files
from hunter.plan import sealkey
from hunter.plan.read import load
from hunter.sign.plans import PlanSigner, signer_of
from hunter.sign.signers import default_file, read
from scout.agent.freeze import FrozenProgram, ProgramParts, freeze
from scout.console import WRONG_USE, Complaint

LEFT_OUT = (
    *("typer", "click", "rich", "pygments", "pydantic", "pydantic_core", "shellingham", "yara", "sqlite3", "xmlrpc", "numpy", "pandas"),
    *("pyarrow", "duckdb", "tantivy", "jinja2", "starlette", "pyewf", "pyvhdi", "pyvmdk", "pyqcow", "pyvshadow"),
    *("hunter.cli", "hunter.commands", "scout.cli", "hunter.planning", "hunter.fresh.findings"),
)
"""what a host does not need: the command line with its help, making plans, reports, the analyst's libraries"""
FOUND_BY_NAME = ("hunter.mechanisms", "hunter.objects", "hunter.checks", "hunter.host", "hunter.packages")


def bundle(plan: Path, signers: Path | None, out: Path, runtime_dir: str = "") -> tuple[FrozenProgram, PlanSigner]:
    """Make `hunter-<host>` in a folder. Complaint for a plan without a valid signature of an allowed signer, or that is not sealed."""
    listed = signers or default_file()
    if not listed.exists():
        do = "Write your line into a file (hunter sign prints it) and give it with --allowed-signers FILE."
        raise Complaint(f"{listed} is not there: the bundle must know who may sign.", do, WRONG_USE)
    signer = signer_of(plan, read(listed), required=True)
    assert signer is not None
    name = re.sub(r"[^A-Za-z0-9._-]", "_", load(plan, key=sealkey.present()).host.get("name", "")).lstrip(".") or "host"
    parts = ProgramParts(
        name=f"hunter-{name}",
        entry="hunter.bundle.main:main",
        packages=("scout", "commodore.persistence", "hunter"),
        found_by_name=FOUND_BY_NAME,
        left_out=LEFT_OUT,
        baked=baked_files(plan, listed),
        runtime_dir=runtime_dir,
    )
    return freeze(parts, out), signer
