"""Plans with valid words and a wrong meaning: a missing line, a name of another path, shapes that no plan has."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.hunter.conftest import facts, manifest
from tests.hunter.driver import hunt
from tests.yamls import PLAIN


@pytest.fixture
def written(bench):
    bench.plan_here()
    bench.words = yaml.load(bench.plan.read_text(), PLAIN)
    return bench


def text_facts(root: Path, path: str) -> dict[str, Any]:
    known = {k: v if k == "xattrs" else str(v) for k, v in facts(root, path).items() if k not in ("ino", "verdict")}
    return {"path": path, **known}


def plan_of(bench, kind: str, **changes: Any) -> None:
    """A plan of one action with these words changed; a value of None takes the word out. `target.x` and `expect.x` reach inside."""
    action = copy.deepcopy(next(a for a in bench.words["actions"] if a["kind"] == kind))
    for name, value in changes.items():
        outer, _, inner = name.rpartition("__")
        place = {"": action, "target": action["target"], "expect": action["expect"][0]}[outer]
        place.pop(inner, None)
        if value is not None:
            place[inner] = value
    bench.plan.write_text(json.dumps(bench.words | {"actions": [action]}))


@pytest.mark.parametrize(
    ("kind", "changes", "told"),
    [
        ("cron-entry", {"target__line": None, "target__line_base64": None, "target__number": None}, "does not name it"),
        ("cron-entry", {"target__line_base64": None, "target__line": " "}, "does not name it"),
        ("cron-entry", {"target__number": "9" * 7000}, "number must be a number"),
        ("ld-so-preload", {"target__element": None}, "does not name it"),
        ("file", {"target__line": "x"}, "removes the complete object"),
        ("file", {"target__number": "1"}, "removes the complete object"),
        ("systemd-unit", {"target__line": "x"}, "removes the complete object"),
        ("systemd-unit", {"target__name": "harmless.service"}, "not that of its path"),
        ("file", {"target__name": "harmless"}, "not that of its path"),
        ("file", {"target__name": ["x"]}, "name must be text"),
        ("file", {"mechanism": {"a": "b"}}, "mechanism must be text"),
        ("file", {"note": ["x"]}, "note must be text"),
        ("file", {"expect__mounts": "/var/tmp"}, "expect: mounts"),
        ("file", {"expect__mounts": {"/var": "x"}}, "expect: mounts"),
        ("file", {"expect__xattrs": "none"}, "expect: xattrs"),
        ("file", {"expect__mode": ["0755"]}, "expect: mode"),
    ],
)
def test_a_plan_that_says_no_sense_is_not_sealed(written, kind, changes, told) -> None:
    plan_of(written, kind, **changes)
    before, words = manifest(written.root), written.plan.read_text()
    code, out, err = hunt("check", written.plan, "--root", written.root, "--seal")
    assert (code, out) == (2, "")
    assert told in err
    assert (manifest(written.root), written.plan.read_text()) == (before, words)


@pytest.mark.parametrize("recipients", [["age1nonsense"], ["/etc/passwd"], ["AGE-SECRET-KEY-1X"]])
def test_recipients_that_are_none_are_told_before_anything_is_written(written, recipients) -> None:
    written.plan.write_text(json.dumps(written.words | {"recipients": recipients}))
    code, _, err = hunt("check", written.plan, "--root", written.root, "--seal")
    assert (code, "recipient" in err) == (2, True), err


@pytest.mark.parametrize(
    ("kind", "path", "line"),
    [
        ("cron-entry", "/etc/passwd", "root:x:0:0:root:/root:/bin/bash"),
        ("authorized-key", "/etc/shadow", "paul:$y$j9T$abc$def:19000:0:99999:7:::"),
    ],
)
def test_a_line_of_what_the_host_needs_is_guarded_as_well(written, kind, path, line) -> None:
    target = {"path": path, "line": line, "number": None}
    plan_of(written, kind, target={k: v for k, v in target.items() if v}, expect=[text_facts(written.root, path)])
    before = manifest(written.root)
    assert hunt("check", written.plan, "--root", written.root, "--seal")[0] == 0
    code, out, _ = hunt("apply", written.plan, "--root", written.root, "--yes")
    assert (code, f"--i-know {path}" in out, manifest(written.root)) == (3, True, before)


def test_an_empty_plan_is_no_refusal(written) -> None:
    written.plan.write_text(json.dumps(written.words | {"actions": []}))
    assert hunt("check", written.plan, "--root", written.root, "--seal")[0] == 0
    code, out, _ = hunt("apply", written.plan, "--root", written.root, "--yes")
    assert (code, out.split()[0], "the plan has no action" in out) == (0, "Checked", True)


def test_the_name_of_a_file_answers_for_no_guard(written) -> None:
    plan_of(written, "file", target={"path": "/etc/passwd", "name": "passwd"}, expect=[])
    assert hunt("check", written.plan, "--root", written.root, "--seal")[0] == 0
    assert hunt("check", written.plan, "--root", written.root, "--i-know", "passwd")[0] == 3
    assert hunt("check", written.plan, "--root", written.root, "--i-know", "/etc/passwd")[0] == 0
