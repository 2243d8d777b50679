"""Hash rules for AppLocker, for a GPO: of collected programs, as AppLocker's hash is the Authenticode digest and no hash of the file.

The collections also have the rule that allows everything else, without which a single deny rule would block every program; they only
audit until a person sets `EnforcementMode="Enabled"`. Source: Microsoft, "AppLocker CSP" (schema of the policy), "How AppLocker works".
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import quoteattr

from scout.console import escape

_NAMESPACE = uuid.UUID("6b1d7c62-6f0b-4ce5-9a1c-6f0f6a3a2c11")
_COLLECTIONS = {".exe": "Exe", ".com": "Exe", ".dll": "Dll", ".ocx": "Dll"}
Program = Mapping[str, object]


def policy(hashes: Mapping[str, str], programs: Iterable[Program]) -> tuple[str, set[str]]:
    """Return (the policy as XML, '' where no program fits; the sha256 of the files that it blocks).

    hashes     sha256 of the file → why; programs: records of the dataset `programs`
    """
    rules: dict[str, dict[str, str]] = {}
    blocked: set[str] = set()
    for program in programs:
        sha256, digests = str(program.get("file.hash.sha256") or ""), program.get("escadre.signature.digests")
        digest = next((str(d) for d in digests if len(str(d)) == 64), "") if isinstance(digests, list) else ""
        if sha256 not in hashes or not digest:
            continue
        name = escape(str(program.get("file.name") or "")) or "program"
        collection = _COLLECTIONS.get(name[-4:].lower(), "Exe")
        rules.setdefault(collection, {})[digest] = _rule(digest, name, int(str(program.get("file.size") or 0)), hashes[sha256])
        blocked.add(sha256)
    if not rules:
        return "", blocked
    body = ""
    for name, each in sorted(rules.items()):
        inner = _everything(name) + "".join(each[d] for d in sorted(each))
        body += f'  <RuleCollection Type="{name}" EnforcementMode="AuditOnly">\n{inner}  </RuleCollection>\n'
    return f'<AppLockerPolicy Version="1">\n{body}</AppLockerPolicy>\n', blocked


def _everything(collection: str) -> str:
    return (
        f'    <FilePathRule Id="{uuid.uuid5(_NAMESPACE, collection)}" Name="Everything else" Description=""'
        ' UserOrGroupSid="S-1-1-0" Action="Allow">\n'
        '      <Conditions><FilePathCondition Path="*"/></Conditions>\n    </FilePathRule>\n'
    )


def _rule(digest: str, name: str, size: int, why: str) -> str:
    what = quoteattr(escape(why.replace("\n", " "))[:300])
    head = f'Id="{uuid.uuid5(_NAMESPACE, digest)}" Name={quoteattr(f"Escadre: {name}"[:200])} Description={what}'
    condition = f'<FileHash Type="SHA256" Data="0x{digest.upper()}" SourceFileName={quoteattr(name)} SourceFileLength="{size}"/>'
    return (
        f'    <FileHashRule {head} UserOrGroupSid="S-1-1-0" Action="Deny">\n'
        f"      <Conditions><FileHashCondition>{condition}</FileHashCondition></Conditions>\n    </FileHashRule>\n"
    )
