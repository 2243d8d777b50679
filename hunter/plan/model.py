"""The types of a plan, and how it is written: what a person reads, edits and seals, and what `apply` does exactly.

`seal` is the sha256 of the canonical JSON (sorted keys, no white space) of host, recipients and actions, so it shows every edit. Where the
analyst has a key (`hunter.plan.sealkey`), the id of the key and a MAC follow, so that nobody else can renew the seal.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

from commodore.case import trust
from hunter.catalogue import BARRIER, catalogue
from hunter.objects import of, told
from hunter.plan.sealkey import SealKey
from hunter.plan.yaml_text import scalar, write
from hunter.ref import Ref, as_words
from scout.console import escape, plural

_DROP_IN = re.compile(r"/(?:.*/)?([^/]+)\.d/[^/]+\.conf", re.DOTALL)
VERSION = "2"
FILE = "file"
ATTACK_VERSION = "2026-08"
ASK = "ask"
"""`do` of an action that is a question"""
GONE = {"absent": "yes"}
"""what a plan expects of a target that was not there when it was sealed"""
LATER = {"later": "yes"}
"""what a plan expects of a target that only the running host shows"""
NOT_COLLECTED = "was not collected"


def stays(path: str, why: str) -> str:
    """The sentence about a file that the persistence names and the plan does not remove."""
    return f"not in the plan: {path} {why}: {'look at it on the host, or collect it' if why == NOT_COLLECTED else 'look at it'}"


@dataclass(frozen=True, slots=True)
class RemovalTarget:
    """What an action removes: an object, or a line or element of it (raw bytes)."""

    ref: Ref
    line: bytes | None = None
    """the line or element"""
    number: int | None = None
    """its line in a text file, from 1: selects one of several equal lines"""
    name: str = ""

    def to_plan(self, word: str) -> dict[str, Any]:
        """Return the target as a plan has it. `word`: what `line` is called, `line` or `element`."""
        text: dict[str, Any] = of(self.ref).words(self.ref)
        text |= {"name": self.name} if self.name else {}
        text |= as_words(word, self.line) if self.line is not None else {}
        return text | ({"number": str(self.number)} if self.number is not None else {})


@dataclass(frozen=True, slots=True)
class RemovalAction:
    """One removal. `expect`: everything that changes → its exact present state, as text."""

    id: str
    mechanism: str
    kind: str
    target: RemovalTarget
    expect: dict[Ref, dict[str, Any]]
    why: tuple[str, ...] = ()
    note: str = ""
    asked: bool = False
    """it is a question: nothing is done until a person writes the verb into its `do`"""

    def to_plan(self) -> dict[str, Any]:
        entry = catalogue()[self.kind]
        expect = [{**_address(ref), **facts} for ref, facts in self.expect.items()]
        data = {
            "id": self.id,
            "mechanism": self.mechanism,
            "kind": self.kind,
            "do": ASK if self.asked else entry.verb,
            "target": self.target.to_plan(entry.target),
            "expect": expect,
            "why": list(self.why),
            "backup": "encrypted",
            "reboot": entry.reboot,
            "class": entry.cls,
        }
        return data | ({"note": self.note} if self.note else {})

    @property
    def missing(self) -> list[str]:
        """The facts that `expect` needs and does not have."""
        if self.target.ref not in self.expect:
            return ["everything"]
        return sorted({name for ref, facts in self.expect.items() if facts not in (GONE, LATER) for name in of(ref).lacking(facts)})

    @property
    def expected_gone(self) -> bool:
        """Return whether the target was gone when the plan was sealed: there is nothing to do."""
        return self.expect.get(self.target.ref) == GONE

    @property
    def title(self) -> str:
        """`quarantine /tmp/x`: one line for a person, not escaped."""
        return ": ".join(self.told)

    @property
    def told(self) -> list[str]:
        """The title in one or two parts: the operation, and its data or file."""
        data = (self.target.line or b"").decode(errors="backslashreplace").strip()
        begin, end = (data[:47] + "…", "…" + data[-27:]) if len(data) > 48 else (data, data)
        path = told(self.target.ref)
        name = self.target.name or path.rpartition("/")[2]
        entry = catalogue()[self.kind]
        owner = match[1] if (match := _DROP_IN.fullmatch(path)) else ""
        what = entry.inside if owner and entry.inside else entry.what
        every = (text.format(path=path, name=name, data=data, begin=begin, end=end, owner=owner) for text in (what, entry.detail))
        return [text for text in every if text]


def _address(ref: Ref) -> dict[str, str]:
    """Return the words that name an object in `expect`; the kind of object is `file` where it is not said."""
    return ({} if ref.object == FILE else {"object": ref.object}) | of(ref).words(ref)


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """A plan. `sealed`: the seal that was read with it, '' for none."""

    host: dict[str, str]
    recipients: tuple[str, ...]
    actions: tuple[RemovalAction, ...]
    attack_version: str = ATTACK_VERSION
    sealed: str = ""
    stays: tuple[tuple[str, str], ...] = ()
    """(path, why) of files that the removed persistence names and the plan leaves on the host"""
    findings: dict[str, list[str]] = field(default_factory=dict, compare=False)
    """action id → sentences of its findings, for the comments; not part of the seal"""

    def body(self) -> dict[str, Any]:
        stays = [{"path": path, "why": why} for path, why in self.stays]
        return {
            "escadre_plan": VERSION,
            "host": self.host,
            "attack_version": self.attack_version,
            "recipients": list(self.recipients),
            **({"not_in_plan": stays} if stays else {}),
            "actions": [a.to_plan() for a in self.actions],
        }

    def canonical(self) -> bytes:
        """Return the content that is sealed."""
        return json.dumps(self.body(), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()

    def seal(self) -> str:
        """Return the sha256 of the content."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def sealed_with(self, key: SealKey | None) -> str:
        """Return the complete seal: the sha256, and with a key its id and the MAC."""
        return f"{self.seal()} {key.id} {key.mac(self.canonical())}" if key is not None else self.seal()

    def text(self, key: SealKey | None = None) -> str:
        """Return the plan as YAML with comments, sealed."""
        head = [
            f"# Removal plan for {_comment(self.host.get('name', '?'))}: {plural(len(self.actions), 'action')}. Nothing was changed yet.",
            "# Read it, delete what must stay:  hunter check PLAN   hunter apply PLAN --yes   (after an edit: hunter check PLAN --seal)",
            "# Order: stop what runs, cut persistence, quarantine files; what cannot be undone comes last, behind a barrier.",
        ]
        if receipt := self.host.get("receipt", ""):
            doubt = f": {trust.DOUBT[receipt]}. Compare the receipt before you apply this plan." if receipt in trust.DOUBT else ""
            head.insert(1, f"# Trust: receipt {_comment(receipt)}{doubt}")
        body = self.body()
        top = write({k: v for k, v in body.items() if k not in ("actions", "not_in_plan")})
        if self.stays:
            told = [stays(path, why) for path, why in self.stays]
            top += "\n" + "".join(f"# {_comment(line)}\n" for line in told) + write({"not_in_plan": body["not_in_plan"]}) + "\n"
        blocks, stage = [], ""
        for n, action in enumerate(self.actions, 1):
            if (now := catalogue()[action.kind].stage) != stage:
                stage = now
                blocks.append(f"\n  {stage_heading(stage)}")
            blocks.append(action_text(self, n - 1).rstrip("\n"))
        listed = "actions:\n" + "\n".join(blocks) if blocks else "actions: []"
        return "\n".join(head) + f"\n{top}{listed}\n\nseal: {scalar(self.sealed_with(key))}\n"


def stage_heading(stage: str) -> str:
    """Return the comment above the first action of a stage."""
    barrier = "  Barrier: HUNTER looks at all of the above once more. What follows cannot be taken back." if stage == BARRIER else ""
    return f"# ── {stage} " + "─" * 40 + barrier


def action_text(plan: RemovalPlan, at: int) -> str:
    """Return the action at this index as the text of a plan has it: comments, then YAML, two columns in."""
    action = plan.actions[at]
    return _comments(at + 1, action, plan.findings.get(action.id, [])) + write([action.to_plan()], 1)


def _comment(text: str) -> str:
    return escape(text.replace("\n", " "))


def _comments(n: int, action: RemovalAction, sentences: list[str]) -> str:
    entry = catalogue()[action.kind]
    shown = [f"{n}. {action.title}  [{action.mechanism}, {entry.cls}]", *(f"why: {s}" for s in sentences[:3])]
    if action.asked:
        shown.append(f"question: is it the site's own? HUNTER leaves it until you write `do: {entry.verb}`, then hunter check PLAN --seal")
    shown += [f"risk: {entry.risk}", f"way back: {entry.back}", f"reboot: {entry.reboot}"]
    if action.missing:
        shown.append(f"not recorded in the case: {', '.join(action.missing)}. Look at it on the host with `hunter check --seal`")
    return "\n" + "".join(f"  # {_comment(line)}\n" for line in shown)


def sealed_copy(plan: RemovalPlan, expects: dict[str, dict[Ref, dict[str, Any]]], root_ino: int) -> RemovalPlan:
    """Return the plan with new expectations by action id, and with this root inode where the case had none."""
    host = {**plan.host, "root_ino": plan.host.get("root_ino") or str(root_ino)}
    return replace(plan, host=host, actions=tuple(replace(a, expect=expects.get(a.id, a.expect)) for a in plan.actions))
