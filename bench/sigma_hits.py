"""Count Sigma hits per rule and the records with named fields over all event logs of the corpus, and compare two versions of the code.

    python bench/sigma_hits.py RESULT.json                    counts of the code that is imported
    python bench/sigma_hits.py RESULT.json --against OLD.json and each rule whose count is another one, with what explains it

For the counts of an older version: `git worktree add OLD COMMIT`, then `PYTHONPATH=OLD python bench/sigma_hits.py OLD.json`.
The same events by EvtxECmd's maps (`detection/EricZimmerman+evtx`): which of them have named fields here.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

sys.path.append(str(Path(__file__).resolve().parent))
from common import corpus

FIELDS = ("source.ip", "user.name", "process.executable", "process.command_line", "destination.ip", "user.target.name")


def records(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of an event log; none where it is refused."""
    from commodore import catalogue
    from commodore.engine import unit
    from commodore.evidence import Evidence
    from commodore.host import Host

    out: list[dict[str, Any]] = []
    evidence = Evidence(f"C:\\{file.name}", file.read_bytes(), collection="c", member=1)
    unit.parse(catalogue.artefacts()["evtx"], evidence, Host("c", name="h"), lambda batch, *_: out.extend(batch) or 0)
    yield from out


def counted() -> dict[str, Any]:
    """Return the hits by rule title and the records by field, over all logs."""
    from commodore import catalogue
    from commodore.detection import Detection
    from commodore.host import Host

    artefact = catalogue.artefacts()["evtx"].artefact
    hits: Counter[str] = Counter()
    fields: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as cache:
        detection = Detection.load([corpus() / "detection/SigmaHQ+sigma"], [], Path(cache))
        for file in sorted((corpus() / "evtx").rglob("*.evtx")):
            read = list(records(file))
            fields["records"] += len(read)
            for record in read:
                fields.update(name for name in FIELDS if record.get(name))
                fields["a sentence of its own"] += " logged event " not in str(record.get("message", ""))
            hits.update(hit.rule for hit in detection.match(artefact, read, Host("c", name="h")))
    return {"loaded": detection.loaded, "hits": dict(sorted(hits.items())), "fields": dict(fields), "maps": maps()}


def maps() -> dict[str, Any]:
    """Return how many events EvtxECmd's maps name, and those of them that have no named fields here."""
    try:
        from commodore.schema import winlog

        described = {provider.lower(): set(meanings) for provider, meanings in winlog.described().items()}
    except (ImportError, AttributeError):  # a version before the events had files of their own
        described = {}
    named: set[tuple[str, str]] = set()
    for file in (corpus() / "detection/EricZimmerman+evtx").rglob("*.map"):
        if not file.name.startswith("!"):
            about = yaml.safe_load(file.read_text("utf-8-sig", "replace"))
            named.add((str(about["Provider"]).lower(), str(about["EventId"])))
    missing = sorted(f"{provider} {code}" for provider, code in named if not _has(described, provider, code))
    return {"events": len(named), "with fields": len(named) - len(missing), "missing": missing}


def _has(described: dict[str, set[str]], provider: str, code: str) -> bool:
    return any(code in codes for name, codes in described.items() if name == provider or (name[-1:] == "$" and provider.startswith(name)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("result", type=Path)
    parser.add_argument("--against", type=Path)
    given = parser.parse_args()
    now = counted()
    given.result.write_text(json.dumps(now, indent=1))
    before = json.loads(given.against.read_text()) if given.against else {"hits": {}, "fields": {}, "loaded": 0}
    print(f"rules {before['loaded']:,} -> {now['loaded']:,}; hits {sum(before['hits'].values()):,} -> {sum(now['hits'].values()):,}")
    for name in sorted(set(before["fields"]) | set(now["fields"])):
        print(f"{name}: {before['fields'].get(name, 0):,} -> {now['fields'].get(name, 0):,}")
    print(f"maps: {now['maps']['with fields']} of {now['maps']['events']} events have named fields; none have {now['maps']['missing']}")
    for rule in sorted(set(before["hits"]) | set(now["hits"])):
        old, new = before["hits"].get(rule, 0), now["hits"].get(rule, 0)
        if given.against and old != new:
            print(f"{rule}: {old} -> {new}")


if __name__ == "__main__":
    main()
