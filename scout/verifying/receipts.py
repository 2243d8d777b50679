"""Receipts: the file beside an archive, or the short code from paper, compared with the archive."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scout.archive.custody import normal_code, receipt_code
from scout.console import DONE, PARTIAL, WRONG_USE, Complaint
from scout.verifying.result import VerifyResult


def read_receipt(given: str | Path) -> dict[str, Any]:
    """Return {"code": …} of a short code, or the content of a receipt file. Complaint where it is neither."""
    code = normal_code(str(given)) if isinstance(given, str) else None
    if code is not None and not Path(given).exists():
        return {"code": code}
    try:
        with open(given, "rb") as file:
            document = json_object(file.read(1 << 20))
    except OSError as e:
        raise Complaint(
            f"{given} is neither a receipt code nor a file that can be read: {e.strerror}.",
            "Give the code as it was printed (K7QM-3F9T-XW2P), or the file <archive>.receipt.json.",
            WRONG_USE,
        ) from None
    if document is None or not isinstance(document.get("archive_sha256"), str) or not isinstance(document.get("chain_head"), str):
        raise Complaint(
            f"{given} is no receipt.", "Give the code as it was printed (K7QM-3F9T-XW2P), or the file <archive>.receipt.json.", WRONG_USE
        )
    return document


def compare(verdict: VerifyResult, paper: Mapping[str, Any]) -> None:
    # an interrupted writer may not know that one more seal reached the file
    heads = [verdict.chain_head, *(verdict.heads if verdict.state == "interrupted" else ())]
    if "archive_sha256" in paper:
        same = paper["archive_sha256"] == verdict.archive_sha256 and paper["chain_head"] in heads
    else:
        same = any(paper["code"] == receipt_code(head, verdict.archive_sha256) for head in heads)
    verdict.receipt = "agrees" if same else "differs"


def without_key(archive: Path, paper: Mapping[str, Any] | None) -> VerifyResult:
    """Verify without a key: compare the hash of the file with a receipt file. Complaint where the archive or the receipt is missing."""
    if paper is None or "archive_sha256" not in paper:
        raise Complaint(
            f"{archive} cannot be verified without a key.",
            "Give -i key.txt; or --receipt <archive>.receipt.json to compare the file's hash alone.",
            WRONG_USE,
        )
    try:
        with open(archive, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        raise Complaint(f"{archive} cannot be read: {e.strerror}.", "Give the path of an archive that scout collect wrote.") from None
    verdict = VerifyResult(str(archive), archive_sha256=digest)
    verdict.receipt = "agrees" if digest == paper["archive_sha256"] else "differs"
    if verdict.receipt == "agrees":
        whole = paper.get("state") == "whole"
        verdict.state, verdict.code = ("whole", DONE) if whole else ("interrupted", PARTIAL)
        verdict.lines = [
            f"This is the archive of the receipt ({'whole' if whole else 'interrupted'} when it was written). "
            "Its content was not read: that needs -i key.txt."
        ]
    else:
        verdict.state, verdict.code = "inconsistent", PARTIAL
        verdict.lines = [
            "This is not the archive of the receipt: it was cut, damaged, changed or exchanged. Give -i key.txt to see what can be read."
        ]
    return verdict


def check_readable(archive: str | Path) -> None:
    """Raise a Complaint where there is no archive that can be opened: asked first, whatever else is missing."""
    try:
        with open(archive, "rb"):
            return
    except OSError as e:
        raise Complaint(f"{archive} cannot be read: {e.strerror}.", "Give the path of an archive that scout collect wrote.") from None


def json_object(content: bytes) -> dict[str, Any] | None:
    """Return a JSON object; None for anything else."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
