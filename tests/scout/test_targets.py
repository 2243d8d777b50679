"""Target definitions: each is valid and names existing things; a wrong one is refused by name; patterns match as documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import commodore
from scout import live
from scout.console import Complaint
from scout.data import parse_yaml
from scout.formats.linux_paths import OWN_UNITS, SYSTEM_UNITS, USER_UNITS
from scout.targets import load, parse_size, select
from scout.targets.loader import HERE, readers
from scout.targets.patterns import PatternTree, braces, expand, path_regex, wanted

ARTEFACTS = Path(commodore.__file__).parent / "artefacts"
GOOD = {
    "id": "WR01",
    "what": "Hives",
    "why": "Because",
    "os": "windows",
    "paths": ["a/b"],
    "priority": "T",
    "order": 1,
    "size": "small",
    "access": "N",
    "unread": "for a test",
}


def definition(tmp_path, *entries) -> Path:
    import yaml

    path = tmp_path / "some.yaml"
    path.write_text(yaml.safe_dump(list(entries)))
    return path


def test_every_target_that_is_collected_is_read_or_says_why_not():
    names = {path.stem for path in ARTEFACTS.rglob("*.py")}
    for target in load():
        assert bool(target.reads) != bool(target.unread)
        assert set(target.reads) <= names, target.id


def test_no_definition_says_that_nothing_reads_what_an_artefact_reads():
    written = [entry for path in sorted(HERE.glob("*.yaml")) for entry in parse_yaml(path.read_bytes())]
    assert [e["id"] for e in written if e.get("unread") and e["id"] in readers()] == []


def test_live_targets_name_sources_that_exist():
    for target in load():
        for source in target.live:
            module = live.load(source, target.os)
            assert isinstance(module.SCHEMA, int) and callable(module.collect)
            assert f"`{source}/{module.SCHEMA}`" in module.__doc__


def test_triage_never_takes_password_hashes_or_private_keys():
    secret = {
        target.id: [path_regex(one, False) for pattern in target.secret for one in expand(pattern, ["home/a"], {})] for target in load()
    }
    for path, target in (
        ("etc/shadow", "LF04"),
        ("etc/shadow-", "LF04"),
        ("etc/gshadow", "LF04"),
        ("etc/ssh/ssh_host_rsa_key", "LF04"),
        ("etc/ssl/private/web.key", "LF04"),
        ("etc/krb5.keytab", "LF04"),
        ("home/a/.ssh/id_rsa", "LF12"),
        ("home/a/.ssh/work.pem", "LF12"),
        ("etc/wireguard/wg0.conf", "LF04"),
    ):
        assert any(regex.fullmatch(path) for regex in secret[target]), path
    assert not any(regex.fullmatch("etc/ssh/ssh_host_rsa_key.pub") for regex in secret["LF04"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"os": "beos"}, "os is 'beos'"),
        ({"priority": "X"}, "priority is 'X'"),
        ({"id": "hives"}, "no target id"),
        ({"colour": 1}, "unknown word 'colour'"),
        ({"paths": ["a\\b"]}, "must use /"),
        ({"paths": ["../etc"]}, "stay below"),
        ({"paths": ["{a,b"]}, "unbalanced"),
        ({"paths": "a"}, "list of patterns"),
        ({"reads": ["evtx"]}, "unknown word 'reads'"),
        ({"id": "WR99", "unread": ""}, "must say why"),
        ({"cap": "lots"}, "no size"),
        ({"paths": []}, "neither paths nor"),
        ({"groups": {"log": "x.LOG"}, "paths": ["a/*.x"]}, "{name}"),
        ({"rule": {"headers": ["mz"]}}, "header is 'mz'"),
        ({"rule": {}}, "a rule needs"),
        ({"access": "Z"}, "access is 'Z'"),
        ({"paths": ["%SystemRot%/a"]}, "unknown %SystemRot%"),
        ({"paths": ["<H>/a"]}, "unknown <H>"),
        ({"live": ["proceses"]}, "no live source 'proceses'"),
        ({"order": 1.5}, "whole number"),
        ({"order": float("inf")}, "whole number"),
        ({"stream": "maybe"}, "true or false"),
        ({"rule": {"headers": ["elf"], "double": 2}}, "true or false"),
        ({"size": []}, "size must be"),
    ],
)
def test_a_wrong_definition_is_refused_by_name(tmp_path, change, said):
    with pytest.raises(Complaint) as refused:
        load([definition(tmp_path, {**GOOD, **change})])
    assert "some.yaml" in refused.value.what and said in refused.value.what and refused.value.code == 2


def test_a_missing_word_a_second_id_and_broken_yaml_are_refused(tmp_path):
    with pytest.raises(Complaint, match="why is missing"):
        load([definition(tmp_path, {key: value for key, value in GOOD.items() if key != "why"})])
    with pytest.raises(Complaint, match="already defined"):
        load([definition(tmp_path, GOOD, GOOD)])
    broken = tmp_path / "broken.yaml"
    broken.write_text("- id: WR01\n  what: [\n")
    with pytest.raises(Complaint, match="line 3"):
        load([broken])


@pytest.mark.parametrize(
    ("text", "size"), [("4096", 4096), ("500 MB", 500_000_000), ("64k", 64_000), ("2G", 2_000_000_000), ("1.5 GB", 1_500_000_000)]
)
def test_sizes_are_decimal(text, size):
    assert parse_size(text) == size


def test_selection_by_profile_and_by_beginning():
    chosen = {target.id for target in select(load(), os_name="windows", profile="triage")}
    assert {"WR01", "WE01", "WX01"} <= chosen and "WE02" not in chosen
    assert "WE02" in {target.id for target in select(load(), os_name="windows", profile="full")}
    assert {target.id for target in select(load(), os_name="windows", profile="triage", names=["wr"])} == {
        "WR01",
        "WR02",
        "WR03",
        "WR04",
        "WR05",
        "WR06",
        "WR07",
        "WR08",
    }
    for names, profile in ((["XX"], "triage"), ([], "quick")):
        with pytest.raises(Complaint):
            select(load(), os_name="linux", profile=profile, names=names)


def test_variables_and_profiles_are_those_of_the_host():
    assert list(expand("%SystemRoot%/x", [], {"systemroot": "WINNT"})) == ["WINNT/x"]
    assert list(expand("%Nowhere%/x", [], {})) == []
    tree = PatternTree(False)
    for one in expand("<U>/.bashrc", ["home/a*b", "home/{c,d}"], {}):
        tree.add(one, "rc")
    assert fits(tree, "home/a*b/.bashrc") and fits(tree, "home/{c,d}/.bashrc")
    assert not fits(tree, "home/aXb/.bashrc") and not fits(tree, "home/c/.bashrc")


def fits(tree: PatternTree, path: str) -> bool:
    state = tree.start()
    for part in path.split("/"):
        state = tree.advance(state, part)
    return bool(wanted(state))


PART = st.sampled_from(["a", "b", "ab", "a.b", "*", "?", "a*", "*.b", "**"])
NAME = st.sampled_from(["a", "b", "ab", "a.b", "B", "aab", "x.b"])


def by_hand(pattern: list[str], path: list[str]) -> bool:
    """What the words of the docs say, without a tree: the reference for the one that is fast."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        if len(pattern) == 1:
            return bool(path)
        return any(by_hand(pattern[1:], path[skip:]) for skip in range(len(path) + 1))
    if not path:
        return False
    regex = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern[0])
    return re.fullmatch(regex, path[0]) is not None and by_hand(pattern[1:], path[1:])


@given(st.lists(st.lists(PART, min_size=1, max_size=4), min_size=1, max_size=4), st.lists(NAME, min_size=1, max_size=5))
def test_the_tree_of_patterns_is_the_sum_of_the_patterns(patterns, path):
    tree = PatternTree(False)
    for pattern in patterns:
        tree.add("/".join(pattern), "x")
    assert fits(tree, "/".join(path)) == any(by_hand(pattern, path) for pattern in patterns)
    assert any(path_regex("/".join(pattern), False).fullmatch("/".join(path)) for pattern in patterns) == fits(tree, "/".join(path))


def test_braces_are_alternatives():
    assert sorted(braces("a{b,c}d{e,f}")) == ["abde", "abdf", "acde", "acdf"]
    for wrong in ("a{b", "a}b", "a{b{c,d}}"):
        with pytest.raises(ValueError, match="braces"):
            braces(wrong)


def test_the_folders_of_systemd_units_are_all_collected_and_all_known():
    targets = [target for target in load() if "systemd_units" in target.reads]
    patterns = [p for target in targets for path in target.paths for p in expand(path, ["home/paul", "root"], {})]
    shared = {folder[1:] for folder in SYSTEM_UNITS + USER_UNITS}
    own = {f"{home}/{folder}" for home in ("home/paul", "root") for folder in OWN_UNITS}
    known = shared | own | {f"run/user/1000/systemd/{kind}" for kind in ("transient", "user.control", "generator")}
    collected = [path_regex(pattern, fold=False) for pattern in patterns]
    assert not [f for f in known if not any(regex.fullmatch(f"{f}/x.service") for regex in collected)]
    named = {p.removesuffix("/**") for pattern in patterns for p in braces(pattern) if re.search(r"/systemd/[a-z.]+/\*\*\Z", p)}
    assert named and named <= known


def test_a_question_mark_does_not_match_a_separator():
    assert path_regex("etc/rc?.d/*", fold=False).fullmatch("etc/rc3.d/S01x")
    assert not path_regex("a?b", fold=False).fullmatch("a/b")
