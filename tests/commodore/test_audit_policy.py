"""The audit policy of all releases: names and settings from layouts that were read by hand, and what no release writes is refused."""

from __future__ import annotations

from struct import pack

import pytest

from fixtures.hives.writer import Value
from tests.commodore.registry_hives import SECURITY, hive, of_corpus, run

COUNTS = (5, 11, 14, 3, 6, 6, 6, 4, 4)


def policy(counts: tuple[int, ...] = COUNTS, spare: bytes = b"\0\0", **settings: int) -> bytes:
    """A value as Windows writes it; `settings`: place `p<number>` among all subcategories → setting."""
    made = [settings.get(f"p{place}", 0) for place in range(sum(counts))]
    body = pack(f"<{len(made)}H", *made) + spare
    return pack("<HHII", 0x100, 0, len(counts), 12 + len(body)) + body + pack(f"<{len(counts)}H", *counts)


def read(raw: bytes) -> tuple[dict[str, str], list[str]]:
    records, problems = run("audit_policy", hive({"Policy\\PolAdtEv": {"": Value("", 0, raw)}}), SECURITY)
    return {r["escadre.audit.subcategory"]: r["escadre.audit.setting"] for r in records}, [p.reason for p in problems]


@pytest.mark.parametrize(
    ("counts", "special", "other_object", "creation", "last"),
    [  # places of four subcategories: (offset in the published structure - 12) / 2
        ((5, 9, 11, 3, 4, 6, 6, 4, 4), 9, 18, 28, 51),
        ((5, 9, 12, 3, 4, 6, 6, 4, 4), 9, 18, 29, 52),
        ((5, 10, 14, 3, 4, 6, 6, 4, 4), 9, 19, 32, 55),
        ((5, 11, 14, 3, 5, 6, 6, 4, 4), 9, 20, 33, 57),
        (COUNTS, 9, 20, 33, 58),
        ((5, 12, 14, 3, 6, 6, 6, 4, 4), 9, 21, 34, 59),
    ],
)
def test_subcategories_are_named_in_the_layout_of_each_release(counts, special, other_object, creation, last):
    settings = {f"p{special}": 1, f"p{other_object}": 2, f"p{creation}": 3, f"p{last}": 1}
    found, problems = read(policy(counts, **settings))
    assert not problems
    assert len(found) == sum(counts)
    assert {name: setting for name, setting in found.items() if setting != "no auditing"} == {
        "Special Logon": "success",
        "Other Object Access Events": "failure",
        "Process Creation": "success and failure",
        "Kerberos Authentication Service": "success",
    }


def test_a_layout_of_no_known_release_is_refused_and_never_read_as_its_neighbour():
    whole = policy(p33=3)
    for at in range(len(COUNTS)):
        for change in (-1, 1):
            counts = tuple(count + change * (place == at) for place, count in enumerate(COUNTS))
            if counts != (5, 12, 14, 3, 6, 6, 6, 4, 4) and counts != (5, 11, 14, 3, 5, 6, 6, 4, 4):
                assert read(policy(counts))[0] == {}, counts
                assert read(whole[:-18] + pack("<9H", *counts))[0] == {}, counts
    for cut in range(len(whole)):
        found, problems = read(whole[:cut])
        assert (found, len(problems)) == ({}, 1), cut
    windows_xp = pack("<I", 1) + pack("<9I", 3, 3, 0, 0, 0, 3, 3, 0, 3) + pack("<I", 9)
    assert read(windows_xp) == ({}, [f"audit policy of {len(windows_xp)} bytes: no known form"])


def test_a_setting_that_means_nothing_costs_its_subcategory():
    found, problems = read(policy(p33=4, p34=2))
    assert problems == ["audit policy: setting 0x4 of Process Creation"]
    assert "Process Creation" not in found
    assert found["Process Termination"] == "failure"


def test_the_policy_of_a_windows_10_has_the_settings_that_windows_ships_with(corpus):
    records, problems = run("audit_policy", of_corpus(corpus, "SECURITY"), SECURITY)
    assert [p.reason for p in problems] == ["hive is dirty and has no transaction log: its latest changes are not seen"]
    found = {r["escadre.audit.subcategory"]: r["escadre.audit.setting"] for r in records}
    assert len(found) == 59
    # defaults by Microsoft's pages on each subcategory
    for name in ("Security State Change", "Logoff", "Account Lockout", "Special Logon", "Audit Policy Change", "User Account Management"):
        assert found[name] == "success", name
    for name in ("System Integrity", "Other System Events", "Logon", "Network Policy Server"):
        assert found[name] == "success and failure", name
    assert found["Process Creation"] == "no auditing"
