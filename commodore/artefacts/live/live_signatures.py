"""Signatures of what starts by itself on the live Windows, and of what ran."""

from __future__ import annotations

from typing import Any

from commodore.containers.listing import listing_artefact
from commodore.host import Host


def _adds(one: dict[str, Any], host: Host) -> dict[str, Any]:  # noqa: ARG001
    verdict = one.get("verdict")
    out: dict[str, Any] = {"file.name": str(one.get("path", "")).rpartition("\\")[2]}
    if isinstance(verdict, str):
        out["file.code_signature.exists"] = verdict != "unsigned"
        out["file.code_signature.trusted"] = verdict == "signed"
        out["file.code_signature.valid"] = verdict not in ("unsigned", "bad digest")
    elif one.get("missing") is True:
        out["file.code_signature.status"] = "no such file"
    if isinstance(one.get("sha256"), str):
        out["related.hash"] = [one["sha256"]]
    return out


ARTEFACT, parse, expected = listing_artefact(
    "signatures/1",
    renamed={
        "path": "file.path",
        "size": "file.size",
        "sha256": "file.hash.sha256",
        "verdict": "file.code_signature.status",
        "signer": "file.code_signature.subject_name",
        "named_by": "escadre.listing.named_by",
    },
    shown=("status", "catalog", "error"),
    adds=_adds,
    added=("file.name", "related.hash", "file.code_signature.exists", "file.code_signature.trusted", "file.code_signature.valid"),
    name="live_signatures",
    title="Signatures of autostarts and running programs",
    about="Verdict of Windows on the signature of every file that a service, driver, run key, task or startup folder names, and of every "
    "running program, while SCOUT ran: embedded, or by a catalog. An unsigned autostart is the first to look at.",
    proves_not="That a signed file is harmless, or that its certificate was not revoked: revocation was not asked, and the answer is "
    "that of the suspect host.",
    targets=("WL20",),
    category=("file",),
    action="signature-checked",
    attack=("T1553.002",),
    message="{file.path!q} is {file.code_signature.status}[ by {file.code_signature.subject_name!q}]; "
    "named by [{escadre.listing.named_by!q}|nothing].",
    sources=("scout.live.windows.signatures: live/signatures.jsonl, schema signatures/1", "WinVerifyTrust, Microsoft Learn"),
)
