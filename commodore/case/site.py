r"""What a site knows of its own hosts: what belongs there, and inventories of hosts that were found good.

    known:     YAML, `--known FILE`
        keys: [AAAAC3Nza…]                  # the part of an authorised key after its type
        accounts: [backup]
        services: [AcmeAgent]               # names of services and units; an intruder may take such a name: prefer hashes and folders
        hashes: [e3b0c44298fc1c14…]         # SHA-256 of programs
        folders: ['C:\Tools\', /opt/acme/] # all that an entry starts must be below
    baseline:  `commodore baseline add CASE -o FILE`, `--baseline FILE`

An entry that the site knows is expected, and its sentence says why.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from commodore.case.inventory import InventoryEntry, entry_of, read_baseline
from scout.console import COULD_NOT, WRONG_USE, Complaint
from scout.data import parse_yaml

KINDS = ("keys", "accounts", "services", "hashes", "folders")
_LARGEST = 16 << 20


@dataclass(frozen=True, slots=True)
class SiteKnowledge:
    """The lists of all files, and the entries of all baselines. Empty: the site says nothing."""

    known: Mapping[str, frozenset[str]] = field(default_factory=dict)
    baseline: frozenset[InventoryEntry] = frozenset()

    @property
    def digest(self) -> str:
        """Return the SHA-256 of all that is known, '' of nothing."""
        if not self.baseline and not any(self.known.values()):
            return ""
        parts = [*(f"{kind}\t{text}" for kind in KINDS for text in sorted(self.known.get(kind, ()))), *map(repr, sorted(self.baseline))]
        return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def reason(self, record: Mapping[str, Any]) -> str:
        """Return why the site expects an entry of the inventory, as a sentence; '' where it does not know it."""
        if self.baseline and entry_of(record)._replace(severity="", message="") in self.baseline:
            return "It is in the baseline."
        known = self.known
        target = record.get("target") or {}
        if str(record.get("file.hash.sha256") or "").lower() in known.get("hashes", ()):
            return "The site knows the hash of its file."
        words = str(target.get("line") or "").split()
        if any(word in known.get("keys", ()) for word in words):
            return "The site knows the key."
        for kind, name in (("services", record.get("service.name")), ("accounts", _account(record, target))):
            if name and str(name).lower() in known.get(kind, ()):
                return f"The site knows the {'service' if kind == 'services' else 'account'} by its name."
        payload = [str(path).lower() for path in target.get("payload") or ()]
        folders = tuple(known.get("folders", ()))
        if payload and folders and all(path.startswith(folders) and "/../" not in path and "\\..\\" not in path for path in payload):
            return "All that it starts is in folders that the site knows."
        return ""


def _account(record: Mapping[str, Any], target: Mapping[str, Any]) -> object:
    """Return the account that the entry itself is, not the one that an entry runs as."""
    return (target.get("name") or record.get("user.name")) if target.get("kind") == "account" else None


def load(known: Iterable[Path] = (), baselines: Iterable[Path] = ()) -> SiteKnowledge:
    """Return what these files say. Raises Complaint with the file and the part at fault."""
    lists: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for path in known:
        for kind, texts in _document(path).items():
            lists[kind] |= {text if kind == "keys" else text.lower() for text in texts}
    entries = frozenset(entry for path in baselines for entry in read_baseline(path))
    return SiteKnowledge({kind: frozenset(texts) for kind, texts in lists.items()}, entries)


def _document(path: Path) -> dict[str, list[str]]:
    try:
        if path.stat().st_size > _LARGEST:
            raise Complaint(f"{path} is larger than {_LARGEST:,} bytes.", "Give a list of what the site knows.", WRONG_USE)
        document = parse_yaml(path.read_bytes())
    except OSError as e:
        raise Complaint(f"{path} cannot be read: {e.strerror}.", "Give a YAML file that you may read.", COULD_NOT) from None
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        raise Complaint(f"{path} is no YAML: {e}.", f"It has lists named {', '.join(KINDS)}.", WRONG_USE) from None
    if not isinstance(document, dict) or (unknown := set(document) - set(KINDS)):
        named = f"has the unknown part {min(map(str, unknown))}" if isinstance(document, dict) else "has no named lists"
        raise Complaint(f"{path} {named}.", f"It has lists named {', '.join(KINDS)}.", WRONG_USE)
    for kind, texts in document.items():
        if not isinstance(texts, list) or not all(isinstance(text, str) and len(text) > 2 for text in texts):
            raise Complaint(f"{path}: {kind} is no list of texts of three characters or more.", "Quote numbers.", WRONG_USE)
        wrong = next((text for text in texts if kind == "folders" and text[-1] not in "/\\"), None)
        if wrong is not None:
            raise Complaint(f"{path}: the folder {wrong} does not end with a slash.", "Write C:\\Tools\\ or /opt/acme/.", WRONG_USE)
    return document
