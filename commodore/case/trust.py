"""Receipts in a case: is an archive the one that SCOUT wrote.

Anyone who knows the public key can build an archive of a known host; only the receipt that SCOUT printed on that host shows the
difference. The manifest of a collection has the result as `receipt`, and what a receipt is compared with: `sha256` and `chain_heads`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scout.archive.custody import receipt_code
from scout.console import plural
from scout.verifying.receipts import read_receipt

VERIFIED, NOT_GIVEN, CONTRADICTED = "verified", "not given", "contradicted"
RECEIPTS = (VERIFIED, NOT_GIVEN, CONTRADICTED)
"""values of `receipt` in a manifest; '' for plain input, which has no receipt"""
OTHER_ARCHIVE = "it is not the archive of the receipt that was given"
DOUBT = {
    NOT_GIVEN: "whoever has the public key can have made the archive",
    CONTRADICTED: "this is not the archive that SCOUT wrote, or not all of it. Do not trust it",
}
"""what each result other than `verified` means for the reader"""
_NAMED = 5
"""hosts that are named in one line"""


@dataclass(frozen=True, slots=True)
class GivenReceipt:
    """A receipt as the user gave it. `content`: a code, or the object of a receipt file."""

    given: str
    content: Mapping[str, Any]

    def fits(self, about: Mapping[str, Any]) -> bool:
        """Return whether it is the receipt of the archive that this manifest describes."""
        digest, heads = about.get("sha256"), about.get("chain_heads") or ()
        if "archive_sha256" in self.content:
            return bool(self.content["archive_sha256"] == digest and self.content["chain_head"] in heads)
        return any(self.content["code"] == receipt_code(head, str(digest)) for head in heads)

    def names(self, about: Mapping[str, Any]) -> bool:
        """Return whether it names the collection of this manifest. A code names none."""
        return str(self.content.get("collection", "")).lower() == str(about["collection"])


class Receipts:
    """The receipts of one run. Each belongs to the archive with its content, whatever the order in which they were given.

    `alone`: the run has one archive, so that every receipt must be its own. Raises Complaint where one is no receipt.
    """

    def __init__(self, given: Iterable[str | Path], *, alone: bool = False) -> None:
        self._receipts = [GivenReceipt(str(one), read_receipt(one)) for one in given]
        self._used: set[str] = set()
        self.alone = alone

    def judged(self, about: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the manifest with the result in `receipt`, `state` and `reason`.

        before   the manifest that it replaces: its result stays where the archive is the same and no receipt of it is given now
        """
        if not about["receipt"]:
            return dict(about)
        fitting = [one for one in self._receipts if one.fits(about)]
        self._used.update(one.given for one in fitting)
        if fitting:
            return _with(about, VERIFIED)
        if self._receipts and (self.alone or any(one.names(about) for one in self._receipts)):
            return _with(about, CONTRADICTED)
        if before is not None and before.get("sha256") == about["sha256"] and before.get("receipt") in RECEIPTS:
            return _with(about, before["receipt"])
        return dict(about)

    def unused(self) -> list[str]:
        """Return the receipts that fitted no archive, as they were given."""
        return [one.given for one in self._receipts if one.given not in self._used]

    def __bool__(self) -> bool:
        return bool(self._receipts)


def _with(about: Mapping[str, Any], receipt: str) -> dict[str, Any]:
    """Return the manifest with this result. A complete archive that its receipt contradicts is inconsistent."""
    was = about["receipt"] == CONTRADICTED
    state, reason = about["state"], about["reason"]
    if was and reason == OTHER_ARCHIVE:
        state, reason = "complete", ""
    elif was:
        reason = reason.removesuffix(f"; {OTHER_ARCHIVE}")
    if receipt == CONTRADICTED and state == "complete":
        state, reason = "inconsistent", OTHER_ARCHIVE
    elif receipt == CONTRADICTED:
        reason = f"{reason}; {OTHER_ARCHIVE}"
    return {**about, "receipt": receipt, "state": state, "reason": reason}


def of(about: Mapping[str, Any]) -> str:
    """Return the result that a manifest has; '' for plain input and for a manifest without one."""
    receipt = about.get("receipt")
    return receipt if receipt in RECEIPTS else ""


def by_host(manifests: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return (host, result) of each archive, sorted by host."""
    return sorted((str(about.get("host", "")), receipt) for about in manifests if (receipt := of(about)))


def summarised(manifests: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return one line for each result among the archives of a case, the worst first; an empty list for plain input."""
    hosts = by_host(manifests)
    lines = []
    for receipt in reversed(RECEIPTS):
        if names := [host for host, result in hosts if result == receipt]:
            whom = ", ".join(names) if len(names) <= _NAMED else plural(len(names), "host")
            lines.append(f"Receipt {receipt}: {whom}{': ' if receipt in DOUBT else ''}{DOUBT.get(receipt, '')}.")
    return lines
