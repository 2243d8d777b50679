"""ACLs of NFSv4, written as RFC 7530 lays them out: who may write beside the owner is told."""

from __future__ import annotations

import errno
import os
import struct

import pytest

from hunter.plan import place
from hunter.plan.place import guarded, nfs4_entries
from scout.console import Complaint
from tests.conftest import need


def acl(*entries: tuple[int, int, bytes]) -> bytes:
    packed = (struct.pack(">IIII", kind, 0, mask, len(who)) + who + bytes(-len(who) % 4) for kind, mask, who in entries)
    return struct.pack(">I", len(entries)) + b"".join(packed)


READ, WRITE, CHANGE = 0x1, 0x2, 0x40000


def test_entries_are_read_as_they_are_laid_out() -> None:
    raw = acl((0, READ | WRITE, b"OWNER@"), (1, WRITE, b"EVERYONE@"), (0, READ, b"paul@example.org"))
    assert nfs4_entries(raw) == [(0, 3, "OWNER@"), (1, 2, "EVERYONE@"), (0, 1, "paul@example.org")]
    for cut in range(4, len(raw) - 3):
        with pytest.raises(ValueError, match="cut"):
            nfs4_entries(raw[:cut])


@pytest.mark.parametrize(
    ("entries", "who"),
    [
        ([(0, READ | WRITE, b"OWNER@"), (0, READ, b"EVERYONE@")], ""),
        ([(1, WRITE, b"EVERYONE@")], ""),
        ([(0, WRITE, b"EVERYONE@")], "EVERYONE@"),
        ([(0, CHANGE, b"GROUP@")], "GROUP@"),
        ([(0, WRITE, b"paul@example.org")], "paul@example.org"),
        ([(0, WRITE, b"root@example.org")], ""),
    ],
)
def test_a_plan_that_an_acl_lets_others_write_is_refused(tmp_path, monkeypatch, entries, who) -> None:
    need(hasattr(os, "getxattr"), "extended attributes")
    plan = tmp_path / "plan.yaml"
    plan.write_text("x")
    real = os.getxattr

    def getxattr(at: object, name: str, **more: object) -> bytes:  # no NFSv4 server here: its answer, at the thinnest boundary
        if name == "system.nfs4_acl":
            if os.fspath(at) == os.fspath(plan):
                return acl(*entries)
            raise OSError(errno.ENOTSUP, "not supported")
        return real(at, name, **more)

    monkeypatch.setattr(place.os, "getxattr", getxattr)
    if not who:
        guarded(plan)
        return
    with pytest.raises(Complaint, match=f"{who}, by an ACL"):
        guarded(plan)
