"""What has no golden file to repeat grows no faster than its size either: hives, findings, indicators, Sigma rules, queries.

Subjects are those that the tools know: each type of indicators, each modifier of Sigma, each form of a query. Work is the number of
calls, of Python and of C functions, as in `test_scaling.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from commodore import catalogue
from commodore.detection import Detection
from commodore.detection.findings import folded
from commodore.detection.sigma.values import _KNOWN
from commodore.engine import reading
from commodore.evidence import Evidence
from commodore.hits import DetectionRule, Hit
from commodore.readers.calls import CallCount
from eye.query.kibana import to_kibana
from eye.query.syntax import forms
from fixtures.hives.writer import Image, Key
from scout.formats.indicator_forms import TYPES
from tests.commodore.damage import HOST
from tests.commodore.test_scaling import FIXED, SLACK

TIME = 134_000_000_000_000_000
RUN = "Microsoft\\Windows\\CurrentVersion\\Run"


def calls(work: Callable[[], object]) -> int:
    """Count the calls that work takes."""
    count = CallCount()
    with count.counting():
        work()
    return count.made


def linear(work: Callable[[int], Callable[[], object]], size: int) -> None:
    """Fail where the work for twice the size takes much more than twice the calls. `work(n)` prepares, what it returns is counted."""
    costs = {times: calls(work(size * times)) for times in (1, 2, 4)}
    for small, large in ((1, 2), (2, 4)):
        assert costs[large] <= 2 * SLACK * costs[small] + FIXED[0], costs


def hive_of(form: str, n: int) -> bytes:
    root = Key("ROOT", TIME)
    run = root.at(RUN)
    if form == "values":
        run.put(**{f"v{i}": f"C:\\Temp\\{i}.exe" for i in range(n)})
    elif form == "keys":
        for i in range(n):
            run.keys.append(Key(f"k{i}", TIME))
    elif form == "depth":
        for i in range(n // 8):
            run.keys.append(Key(f"k{i}", TIME))
            run = run.keys[0]
    else:
        run.put(a="x" * 40 * n, b=["y"] * 20 * n)
    return Image(root, TIME, "SOFTWARE").hive()


@pytest.mark.parametrize("form", ["values", "keys", "depth", "length"])
def test_a_hive_with_more_of_something(form):
    known = [one for one in catalogue.artefacts().values() if one.artefact.holds is not None and one.artefact.holds.container == "registry"]

    def work(n: int) -> Callable[[], object]:
        evidence = Evidence("C:\\Windows\\System32\\config\\SOFTWARE", hive_of(form, n))
        take = lambda artefact, records, problems: sum(len(str(record)) for record in records)  # noqa: E731
        return lambda: list(reading.read(known, evidence, HOST, take, lambda _: None))

    linear(work, 400)


INDICATORS = {
    "md5": lambda i: f"{i:032x}",
    "sha1": lambda i: f"{i:040x}",
    "sha256": lambda i: f"{i:064x}",
    "ip": lambda i: f"198.51.{i // 256 % 256}.{i % 256}",
    "cidr": lambda i: f"10.{i // 256 % 256}.{i % 256}.0/24",
    "domain": lambda i: f"host{i}.update.example",
    "url": lambda i: f"https://host{i}.update.example/a?b={i}",
    "path": lambda i: f"C:\\Temp\\{i}.exe",
    "filename": lambda i: f"helper{i}.exe",
    "mutex": lambda i: f"Global\\helper{i}",
    "pipe": lambda i: f"\\\\.\\pipe\\helper{i}",
}
"""an indicator of each type that `scout` knows"""


@pytest.mark.parametrize("kind", TYPES)
def test_more_indicators(kind, tmp_path):
    def work(n: int) -> Callable[[], object]:
        path = tmp_path / f"{n}.txt"
        path.write_text("\n".join(map(INDICATORS[kind], range(n))))
        return lambda: Detection.load(iocs=[path])

    linear(work, 700)


@pytest.mark.parametrize("kind", TYPES)
def test_a_longer_record_and_more_indicators_of_which_it_holds_all(kind, tmp_path):
    def work(n: int) -> Callable[[], object]:
        path = tmp_path / f"{n}.txt"
        path.write_text("\n".join(map(INDICATORS[kind], range(n))))
        detection = Detection.load(iocs=[path])
        record = {"escadre.id": "0" * 32, "message": " ".join(map(INDICATORS[kind], range(n)))}
        return lambda: detection.match(catalogue.artefacts()["auth_log"].artefact, [record], HOST)

    linear(work, 200)


RULE_OF = {
    "title": "R",
    "id": "7d3c4f2e-9a51-4c1b-8e57-000000000001",
    "level": "high",
    "logsource": {"product": "linux", "service": "sshd"},
}
RULE = """title: Rule {n}
id: 7d3c4f2e-9a51-4c1b-8e57-{n:012x}
level: high
logsource: {{product: linux, service: sshd}}
detection:
  selection: {{user.name|contains: [{words}]}}
  keywords: [{words}]
  condition: selection or keywords
"""


ODD = {
    "cidr": lambda i: f"10.{i // 256}.{i % 256}.0/24",
    **dict.fromkeys(("lt", "lte", "gt", "gte"), str),
    "fieldref": lambda _: "process.name",
}
"""values of modifiers that do not take every word"""


@pytest.mark.parametrize("modifier", sorted(_KNOWN))
@pytest.mark.parametrize("more", ["values", "length", "times"])
def test_each_modifier_with_more_values_longer_ones_and_written_many_times(modifier, more, tmp_path):
    """Either the rule is refused, or loading it and testing a record with it costs no more than its length allows."""

    def work(n: int) -> Callable[[], object]:
        path = tmp_path / f"{n}.yml"
        value = ODD.get(modifier, lambda i: f"word {i} -x")
        values = [value(i) for i in range(n if more == "values" else 1)]
        given = values[0] * n if more == "length" else values
        if modifier == "exists":
            given = True
        path.write_text(
            json.dumps(
                RULE_OF | {"detection": {"a": {"user.name" + f"|{modifier}" * (n if more == "times" else 1): given}, "condition": "a"}}
            )
        )
        record = {"escadre.id": "0" * 32, "process.name": "sshd", "user.name": "word 1 -x " * n, "message": "x"}

        def tried() -> None:
            detection = Detection.load([path], cache=tmp_path / f"cache-{n}")
            assert detection.loaded or detection.refused
            detection.match(catalogue.artefacts()["auth_log"].artefact, [record] * 5, HOST)

        return tried

    linear(work, 60)


@pytest.mark.parametrize("form", ["rules", "values", "records"])
def test_more_sigma_rules_values_and_longer_records(form, tmp_path):
    def work(n: int) -> Callable[[], object]:
        path = tmp_path / str(n) / "rule.yml"
        path.parent.mkdir()
        words = ", ".join(f"word{i}" for i in range(n if form == "values" else 3))
        path.write_text("\n---\n".join(RULE.format(n=i, words=words) for i in range(n if form == "rules" else 1)))
        load = lambda: Detection.load([path], cache=tmp_path / f"cache-{n}")  # noqa: E731
        if form != "records":
            return load
        detection = load()
        record = {"escadre.id": "0" * 32, "process.name": "sshd", "user.name": "root", "event.original": "word " * n, "message": "x" * n}
        return lambda: detection.match(catalogue.artefacts()["auth_log"].artefact, [record] * 10, HOST)

    linear(work, 100)


QUERIES = {
    "or": lambda n: " OR ".join(f"word{i}" for i in range(n)),
    "words": lambda n: " ".join(f"word{i}" for i in range(n)),
    "phrase": lambda n: '"' + " ".join(f"w{i}" for i in range(n)) + '"',
    "brackets that nothing closes": lambda n: "(" * n + "a",
    "quotes": lambda n: '"a' * n,
    "stars": lambda n: "a*b?" * n,
    "backslashes": lambda n: "\\" * n,
    "colons": lambda n: "a:" * n,
    "ranges": lambda n: "process.pid:[1 TO 2] " * (n // 2),
    **{form: lambda n, form=form: f"{form} " * (n // 4) for form in forms()},
    **{f"OR: {form}": lambda n, form=form: " OR ".join([f"({form})"] * (n // 4)) for form in forms()},
}
"""odd texts, and each form that the help of the Eye names, many times over"""


@pytest.mark.parametrize("form", QUERIES)
def test_longer_queries(form):
    def work(n: int) -> Callable[[], object]:
        def translate() -> None:
            try:
                to_kibana(QUERIES[form](n))
            except Exception as e:
                assert type(e).__name__ == "QueryComplaint", e

        return translate

    linear(work, 200)


@pytest.mark.parametrize("groups", [1, 0])
def test_more_hits_in_one_finding_and_in_many(groups):
    rule = DetectionRule("r", "R", "sigma", "high")

    def work(n: int) -> Callable[[], object]:
        hits = [Hit("r", f"{i:032x}", "2026-10-31T20:00:00Z", {"a": "b"}, group="" if groups else str(i), host="h") for i in range(n)]
        return lambda: list(folded(hits, lambda _: rule))

    linear(work, 1000)
