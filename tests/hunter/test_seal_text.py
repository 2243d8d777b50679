"""`check --seal` in the text of a person: it does not change by a byte, except the seal and the expected state."""

from __future__ import annotations

import difflib
import json
import os
import re

import pytest

from hunter.plan.yaml_text import read
from tests.hunter.conftest import GUILTY
from tests.hunter.driver import hunt

SEAL = re.compile(rb"^seal: .*\n", re.MULTILINE)


@pytest.fixture
def planned(bench):
    bench.plan_here()
    return bench


def seal(bench) -> tuple[int, str, str]:
    return hunt("check", bench.plan, "--root", bench.root, "--seal")


def sealed(bench, text: bytes) -> bytes:
    """The plan after `text` was sealed; it must be ready to be applied."""
    bench.plan.write_bytes(text)
    code, out, err = seal(bench)
    assert code == 0, out + err
    assert hunt("check", bench.plan, "--root", bench.root)[0] == 0
    assert os.listdir(bench.plan.parent) == [bench.plan.name]
    return bench.plan.read_bytes()


def without_action(text: bytes, number: int) -> bytes:
    """As a person takes an action out: from its dash to the blank line."""
    begin = text.index(b"  - id: a%03d" % number)
    return text[:begin] + text[text.index(b"\n\n", begin) + 2 :]


def changed_lines(before: bytes, after: bytes) -> list[str]:
    """What `diff` says, the seal left out: `- old line`, `+ new line`."""
    lines = difflib.ndiff(SEAL.sub(b"", before).decode().splitlines(), SEAL.sub(b"", after).decode().splitlines())
    return [line for line in lines if line[0] in "+-"]


COMMENTED = b"# Anna, 14:05: asked Paul, \xc3\xa7a va \xf0\x9f\x99\x82\n"


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: COMMENTED + without_action(text, 2) + b"# the end",
        lambda text: without_action(text, 2).replace(b"kind: file", b"kind:   file   # the dropper"),
        lambda text: b"\xef\xbb\xbf" + COMMENTED + without_action(text, 3),
        lambda text: (COMMENTED + without_action(text, 1)).replace(b"\n", b"\r\n"),
        lambda text: without_action(text, 5).replace(b'mode: "0644"', b"mode: '0644' # as it should be"),
        lambda text: without_action(text, 5).replace(b"    expect:\n", b"\n    # what is there\n    expect:\n        # seen by Anna\n"),
        lambda text: b"---\n%YAML".replace(b"%YAML", b"# plan\n") + without_action(text, 4),
    ],
    ids=["comments", "layout", "mark", "crlf", "quotes", "within", "document"],
)
def test_where_nothing_else_changed_only_the_seal_does(planned, edit) -> None:
    text = edit(planned.plan.read_bytes())
    after = sealed(planned, text)
    assert after != text
    assert SEAL.sub(b"", after) == SEAL.sub(b"", text)


def test_what_differs_is_replaced_in_its_place(planned) -> None:
    text = planned.plan.read_bytes().replace(b'mode: "4755"', b'mode: "4755"   # setuid!')
    (planned.root / GUILTY["file"][1:]).chmod(0o700)
    after = sealed(planned, text)
    changed = [line for line in changed_lines(text, after) if "acl" not in line]  # the mode is in the ACL as well
    assert changed == ['-         mode: "4755"   # setuid!', '+         mode: "0700"   # setuid!']


def test_a_fact_more_is_written_where_it_belongs(planned) -> None:
    text = planned.plan.read_bytes()
    at = planned.root / GUILTY["file"][1:]
    os.setxattr(at, "user.new", b"x")
    at.write_bytes(b"#!/bin/sh\necho other\n")
    at.chmod(0o4755)
    after = sealed(planned, text)
    changed = {line[2:].split(":")[0].strip() for line in changed_lines(text, after) if line[0] == "+"}
    assert {"user.new", "sha256"} <= changed <= {"user.new", "user.origin", "system.posix_acl_access", "sha256", "size"}


def test_a_drop_in_more_keeps_the_comments_around_it(planned) -> None:
    text = planned.plan.read_bytes().replace(b"  - id: a004", b"  # Anna: the guilty unit\n  - id: a004  # look twice")
    (planned.root / "etc/systemd/system/evil.service.d/second.conf").write_text("[Service]\nUser=root\n")
    after = sealed(planned, text)
    assert b"  # Anna: the guilty unit\n  - id: a004  # look twice\n" in after
    assert b"      - path: /etc/systemd/system/evil.service.d/second.conf\n" in after
    assert after.count(b"#") == text.count(b"#")


@pytest.mark.parametrize("instead", [b"", b"    expect:\n", b"    expect: []\n", b"    expect:   # to be looked at\n", b'    expect: ""\n'])
def test_an_expectation_that_is_not_there_is_written(planned, instead) -> None:
    text = planned.plan.read_bytes()
    begin = text.index(b"    expect:\n", text.index(b"- id: a005"))
    end = text.index(b"    why:", begin)
    after = sealed(planned, text[:begin] + instead + text[end:])
    assert read(after)["actions"] == read(text)["actions"]
    assert after.count(b"#") == text.count(b"#") + instead.count(b"#")


def test_a_seal_and_a_root_that_are_not_there_are_added(planned) -> None:
    text = SEAL.sub(b"", planned.plan.read_bytes())
    text = re.sub(rb"^  root_ino: .*\n", b"", text, count=1, flags=re.MULTILINE).rstrip(b"\n") + b"\n# signed: Anna"
    after = sealed(planned, text)
    assert read(after)["host"]["root_ino"] == str(planned.root.stat().st_ino)
    kept = [line for line in after.splitlines() if not line.startswith((b"seal: ", b"  root_ino: "))]
    assert kept == text.splitlines()


def test_a_plan_in_one_line_is_sealed_in_one_line(planned) -> None:
    document = read(planned.plan.read_bytes())
    del document["seal"], document["host"]["root_ino"], document["actions"][0]["expect"][0]["nlink"], document["actions"][4]["expect"]
    after = sealed(planned, json.dumps(document).encode())
    assert after.count(b"\n") == 0
    assert read(after)["actions"][0] == read(planned.plan.read_bytes())["actions"][0]


def test_a_comment_that_would_be_lost_is_not_lost(planned) -> None:
    text = planned.plan.read_bytes().replace(b'        mode: "4755"\n', b'        # setuid!\n        mode: "4755"\n')
    start = text.index(b"- id: a005")
    nlink = text.index(b'        nlink: "1"\n', start)
    text = text[:nlink] + text[nlink + len(b'        nlink: "1"\n') :]
    planned.plan.write_bytes(text)
    code, _, err = seal(planned)
    line = text[: text.index(b"# setuid!")].count(b"\n") + 1
    assert (code, planned.plan.read_bytes()) == (3, text)
    assert f"line {line} has a comment among facts that must be rewritten. Nothing was sealed or changed." in err
    assert os.listdir(planned.plan.parent) == [planned.plan.name]


STYLES = [
    b"|-\n          4755",
    b"|\n          4755\n\n # lower",
    b">-\n          4755\n\n          # no comment\n",
    b"'47\\\n          55'",
    b"  4755 ",
]


@pytest.mark.parametrize("mode", STYLES)
def test_text_in_any_style_is_replaced(planned, mode) -> None:
    text = planned.plan.read_bytes().replace(b'mode: "4755"', b"mode: " + mode)
    (planned.root / GUILTY["file"][1:]).chmod(0o700)
    after = sealed(planned, text)
    assert read(after)["actions"][4]["expect"][0]["mode"] == "0700"
    comments = [line for line in text.splitlines() if b"#" in line and b"# no comment" not in line]
    assert [line for line in after.splitlines() if b"#" in line] == comments


def test_another_encoding_is_refused(planned) -> None:
    text = planned.plan.read_text().encode("utf-16")
    planned.plan.write_bytes(text)
    code, _, err = seal(planned)
    assert (code, "it is not UTF-8" in err, planned.plan.read_bytes()) == (3, True, text)
