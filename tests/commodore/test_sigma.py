"""Sigma by the specification: each case follows a sentence of the standard, on events written here by hand."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml

from commodore import catalogue
from commodore.detection import Detection
from commodore.host import Host

EVTX = catalogue.artefacts()["evtx"].artefact
HOST = Host("c", name="h")
SYSMON = "Microsoft-Windows-Sysmon/Operational"


def event(channel: str = SYSMON, code: str = "1", provider: str = "P", **data: str) -> dict:
    return {
        "event.dataset": "evtx",
        "escadre.id": "r1",
        "@timestamp": "2026-01-01T00:00:00Z",
        "host.name": "h",
        "escadre.collection": "c",
        "winlog.channel": channel,
        "event.code": code,
        "winlog.provider_name": provider,
        "winlog.computer_name": "PC-1",
        "winlog.event_data": data,
    }


def rule(detection: dict, logsource: dict | None = None, **more: object) -> dict:
    return {
        "title": "T",
        "id": "11111111-1111-1111-1111-111111111111",
        "author": "A. Uthor",
        "level": "high",
        "tags": ["attack.t1059.001", "attack.execution"],
        "logsource": logsource or {"product": "windows", "category": "process_creation"},
        "detection": detection,
        **more,
    }


@pytest.fixture
def load(tmp_path: Path):
    def make(*rules: dict | str) -> Detection:
        for number, one in enumerate(rules):
            text = one if isinstance(one, str) else yaml.safe_dump(one, allow_unicode=True)
            (tmp_path / f"rule{number}.yml").write_text(text, encoding="utf-8")
        return Detection.load([tmp_path], [], tmp_path / "cache")

    return make


def fires(load, detection: dict, *events: dict, logsource: dict | None = None) -> list[bool]:
    loaded = load(rule(detection, logsource))
    assert not loaded.refused
    return [bool(loaded.match(EVTX, [e], HOST)) for e in events]


def value(load, key: str, wanted: object, *given: str) -> list[bool]:
    return fires(load, {"s": {key: wanted}, "condition": "s"}, *(event(CommandLine=g) for g in given))


def test_values_are_compared_whole_and_without_case(load) -> None:
    assert value(load, "CommandLine", "Whoami", "whoami", "WHOAMI", "whoami /all", "") == [True, True, False, False]


def test_wildcards_stand_for_any_text_and_one_character(load) -> None:
    assert value(load, "CommandLine", "net*user ?dmin", "net  user admin", "net user xadmin", "netuser Xdmin", "net user admin ") == [
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("written", "text", "hit"),
    [
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        (r"a\?b", "a?b", True),
        (r"a\?b", "axb", False),
        (r"a\b", r"a\b", True),
        (r"a\\b", r"a\b", True),
        (r"a\\*b", r"a\xxb", True),
        (r"a\\*b", "a*b", False),
        (r"\\\\srv\x", r"\\srv\x", True),
        ("C:\\\\*\\evil.exe", "C:\\d\\evil.exe", True),
        (r"end\\", "end\\", True),
        ("end\\", "end\\", True),
    ],
)
def test_backslash_escapes_wildcards_and_itself_only(load, written: str, text: str, hit: bool) -> None:
    assert value(load, "CommandLine", written, text) == [hit]


def test_contains_startswith_endswith_place_the_text(load) -> None:
    assert value(load, "CommandLine|contains", "b", "abc", "ac") == [True, False]
    assert value(load, "CommandLine|startswith", "A", "abc", "cab") == [True, False]
    assert value(load, "CommandLine|endswith", ["C", "x"], "abc", "cab", "box") == [True, False, True]


def test_a_list_means_any_and_all_means_each(load) -> None:
    assert value(load, "CommandLine|contains", ["a", "b"], "a", "b", "c") == [True, True, False]
    assert value(load, "CommandLine|contains|all", ["a", "b"], "a", "ab") == [False, True]


def test_cased_compares_with_case(load) -> None:
    assert value(load, "CommandLine|contains|cased", "Ab", "xAbx", "xabx") == [True, False]


def test_regular_expressions_are_searched_with_case_unless_told_otherwise(load) -> None:
    assert value(load, "CommandLine|re", r"a\d+c", "xa12cx", "xA12cx", "ac") == [True, False, False]
    assert value(load, "CommandLine|re|i", r"^a\d+C$", "A1c", "xA1c") == [True, False]
    assert value(load, "CommandLine|re|m", r"^two$", "one\ntwo", "one two") == [True, False]
    assert value(load, "CommandLine|re|s", r"one.two", "one\ntwo", "onetwo") == [True, False]
    assert value(load, "CommandLine|re", ".{12,}", "x" * 12, "x" * 11, "x" * 8 + "\n" + "x" * 8) == [True, False, False]


def test_windash_takes_every_dash_that_windows_takes(load) -> None:
    assert value(load, "CommandLine|windash|contains", " -enc ", "a -enc b", "a /enc b", "a –enc b", "a ―enc b", "a -e b", "a-enc b") == [
        True,
        True,
        True,
        True,
        False,
        False,
    ]
    assert value(load, "CommandLine|windash|contains|all", ["-a -b -c x-y"], "/a –b -c x-y", "/a –b -c x/y") == [True, False]


def test_networks_match_addresses_in_them(load) -> None:
    assert value(load, "CommandLine|cidr", ["10.0.0.0/8", "fd00::/8"], "10.1.2.3", "11.1.2.3", "fd12::1", "x", "::ffff:10.0.0.1") == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_encodings_follow_each_other(load) -> None:
    # `echo -n 'ping' | base64` = cGluZw==; UTF-16LE of `ping` = cABpAG4AZwA=
    assert value(load, "CommandLine|base64|contains", "ping", "x cGluZw== y", "ping") == [True, False]
    assert value(load, "CommandLine|wide|base64|contains", "ping", "x cABpAG4AZwA= y") == [True]
    # base64 of `xping`, `xxping`: eHBpbmc= and eHhwaW5n; the offset forms of `ping` must be in both
    assert value(load, "CommandLine|base64offset|contains", "ping", "eHBpbmc=", "eHhwaW5n", "cGluZw==", "cG9uZw==") == [
        True,
        True,
        True,
        False,
    ]


def test_numbers_are_compared_as_numbers(load) -> None:
    for modifier, hits in (
        ("lt", [True, False, False]),
        ("lte", [True, True, False]),
        ("gt", [False, False, True]),
        ("gte", [False, True, True]),
    ):
        assert value(load, f"CommandLine|{modifier}", 10, "9", "0xA", "100") == hits
    assert value(load, "CommandLine", 443, "443", "4430") == [True, False]


def test_null_is_a_field_that_is_not_there_or_has_no_content(load) -> None:
    bare, empty = event(Image="x"), event(CommandLine="")
    assert fires(load, {"s": {"CommandLine": None}, "condition": "s"}, bare, empty) == [True, True]  # stored as null
    assert fires(load, {"s": {"CommandLine": ""}, "condition": "s"}, bare, empty) == [False, True]
    assert fires(load, {"s": {"CommandLine|exists": True}, "condition": "s"}, bare, empty) == [False, True]
    assert fires(load, {"s": {"CommandLine|exists": False}, "condition": "s"}, bare, empty) == [True, False]
    assert fires(load, {"s": {"Image": "x"}, "f": {"CommandLine|contains": "y"}, "condition": "s and not f"}, bare) == [True]


def test_fieldref_compares_two_fields_of_the_event(load) -> None:
    same, other = event(Image="C:\\A.exe", ParentImage="c:\\a.EXE"), event(Image="a", ParentImage="b")
    assert fires(load, {"s": {"Image|fieldref": "ParentImage"}, "condition": "s"}, same, other, event(Image="a")) == [True, False, False]
    assert fires(load, {"s": {"Image|fieldref|endswith": "ParentImage"}, "condition": "s"}, event(Image="xab", ParentImage="AB")) == [True]


def test_keywords_stand_anywhere_in_the_event(load) -> None:
    events = event(Other="say mimiKATZ now"), event(Other="no"), event(provider="Mimikatz-Provider")
    assert fires(load, {"keywords": ["mimikatz", "never*there"], "condition": "keywords"}, *events) == [True, False, True]
    assert fires(load, {"keywords": {"|all": ["say", "now"]}, "condition": "keywords"}, *events) == [True, False, False]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("a and b", [False, False, True]),
        ("a or b", [True, True, True]),
        ("not a", [False, True, False]),
        ("a and not b", [True, False, False]),
        ("not a and b or a", [True, True, True]),
        ("not (a or b)", [False, False, False]),
        ("1 of them", [True, True, True]),
        ("all of them", [False, False, True]),
        ("any of a*", [True, False, True]),
        ("1 of b* and not all of *", [False, True, False]),
        ("((a) AND (b))", [False, False, True]),
    ],
)
def test_conditions_bind_not_before_and_before_or(load, condition: str, expected: list[bool]) -> None:
    detection = {"a": {"CommandLine|contains": "aaa"}, "b": {"CommandLine|contains": "bbb"}, "condition": condition}
    assert fires(load, detection, *(event(CommandLine=c) for c in ("aaa", "bbb", "aaabbb"))) == expected


def test_them_leaves_out_names_with_an_underscore_in_front(load) -> None:
    detection = {"a": {"CommandLine": "x"}, "_b": {"CommandLine": "never"}, "condition": "all of them"}
    assert fires(load, detection, event(CommandLine="x")) == [True]


def test_a_list_of_mappings_means_any_of_them(load) -> None:
    detection = {"s": [{"Image": "a", "CommandLine": "b"}, {"Image": "c"}], "condition": "s"}
    assert fires(load, detection, event(Image="a", CommandLine="b"), event(Image="a"), event(Image="c")) == [True, False, True]


def test_log_sources_decide_which_events_are_looked_at(load) -> None:
    detection = {"s": {"Image|endswith": "\\x.exe"}, "condition": "s"}
    assert fires(load, detection, event(Image="\\x.exe"), event(code="5", Image="\\x.exe"), event("System", Image="\\x.exe")) == [
        True,
        False,
        False,
    ]
    assert fires(
        load,
        {"s": {"EventID": 7045}, "condition": "s"},
        event("System", "7045"),
        event("System", "7036"),
        event("SYSTEM", "7045"),
        logsource={"product": "windows", "service": "system"},
    ) == [True, False, True]
    assert fires(
        load,
        {"s": {"Provider_Name": "NTFS"}, "condition": "s"},
        event("System", "55", "ntfs"),
        event("System", "55"),
        logsource={"product": "windows", "service": "system"},
    ) == [True, False]
    assert fires(load, detection, event(Image="\\x.exe"), logsource={"product": "linux", "category": "process_creation"}) == [False]


def test_an_event_about_another_event_has_its_own_id(load) -> None:
    failed = event("Security", "1108", "Microsoft-Windows-Eventlog", EventID="4647", PublisherID="Microsoft-Windows-Security-Auditing")
    source = {"product": "windows", "service": "security"}
    assert fires(load, {"s": {"EventID": 1108}, "condition": "s"}, failed, logsource=source) == [True]
    assert fires(load, {"s": {"EventID": 4647}, "condition": "s"}, failed, logsource=source) == [False]


def test_the_audit_log_feeds_process_rules_under_other_names(load) -> None:
    audit = event(
        "Security", "4688", NewProcessName="C:\\x.exe", CommandLine="x -a", ParentProcessName="C:\\p.exe", MandatoryLabel="S-1-16-16384"
    )
    assert fires(load, {"s": {"Image|endswith": "x.exe", "ParentImage": "c:\\P.EXE"}, "condition": "s"}, audit) == [True]
    assert fires(load, {"s": {"IntegrityLevel": ["System", "High"]}, "condition": "s"}, audit) == [True]
    loaded = load(rule({"s": {"Image|endswith": "x.exe"}, "condition": "s"}))
    assert loaded.match(EVTX, [audit], HOST)[0].matched == {"NewProcessName": "C:\\x.exe"}


def test_what_a_source_cannot_have_is_unknown_and_unknown_never_fires(load) -> None:
    audit = event("Security", "4688", NewProcessName="C:\\x.exe", CommandLine="x")
    sysmon = event(Image="C:\\x.exe", CommandLine="x")
    for condition in ("i and not d", "i and d", "d", "not d", "not (i and d)"):
        detection = {"i": {"Image|endswith": "x.exe"}, "d": {"Description": "evil"}, "condition": condition}
        assert fires(load, detection, audit) == [False], condition
    assert fires(load, {"i": {"Image|endswith": "x.exe"}, "d": {"Description": "evil"}, "condition": "i or d"}, audit) == [True]
    assert fires(load, {"i": {"Image|endswith": "x.exe"}, "d": {"Description": "evil"}, "condition": "i and not d"}, sysmon) == [True]


def test_data_without_names_and_names_with_blanks_read_as_rules_write_them(load) -> None:
    unnamed = event("Windows PowerShell", "400", param1="Available", param2="HostApplication=evil")
    assert fires(
        load, {"s": {"Data|contains": "=evil"}, "condition": "s"}, unnamed, logsource={"product": "windows", "category": "ps_classic_start"}
    ) == [True]
    defender = event("Microsoft-Windows-Windows Defender/Operational", "1116", **{"Threat Name": "Bad"})
    assert fires(
        load, {"s": {"ThreatName": "bad"}, "condition": "s"}, defender, logsource={"product": "windows", "service": "windefend"}
    ) == [True]


def test_a_hit_says_which_rule_by_whom_and_on_what(load) -> None:
    loaded = load(
        rule(
            {"s": {"CommandLine|contains": "evil"}, "n": {"Image": "no"}, "condition": "s and not n"},
            license="MIT",
            references=["https://r.example"],
        )
    )
    hits = loaded.match(EVTX, [event(CommandLine="so EVIL", Image="x")], HOST)
    finding = next(loaded.findings(hits))
    assert finding["rule.id"] == "11111111-1111-1111-1111-111111111111"
    assert finding["rule.author"] == ["A. Uthor"] and finding["rule.license"] == "MIT" and finding["rule.reference"] == "https://r.example"
    assert finding["threat.technique.id"] == ["T1059.001"] and finding["escadre.severity"] == "high" and finding["event.severity"] == 4
    assert finding["escadre.matched"] == {"CommandLine": "so EVIL"} and finding["escadre.confidence"] == "logged"


@pytest.mark.parametrize("field", ["Image", "ServiceName"])
def test_the_name_of_a_program_or_service_alone_is_no_sentence_of_a_finding(load, field: str) -> None:
    """The record says who did it, to what, and from where."""
    loaded = load(rule({"s": {field: "krbtgt"}, "condition": "s"}))
    given = event(**{field: "krbtgt"}) | {"message": "MAIRIE\\bob asked for a ticket from 198.51.100.7."}
    (finding,) = loaded.findings(loaded.match(EVTX, [given], HOST))
    assert finding["message"] == "Sigma rule T matched 1 record: MAIRIE\\bob asked for a ticket from 198.51.100.7."


def test_text_that_utf8_cannot_hold_is_matched_around(load) -> None:
    assert value(load, "CommandLine|contains", "evil", "\udcff evil") == [True]
    assert value(load, "CommandLine|re", "e.il", "evil \ud800") == [True]


# --- what is refused, and how


REFUSED = {
    "expand": ("CommandLine|expand: '%x%'", "`expand`", 9),
    "modifier": ("CommandLine|nosuch: x", "`nosuch`", 9),
    "lookaround": ("CommandLine|re: '(?=a)b'", "bounded", 9),
    "cidr": ("CommandLine|cidr: 10.0.0.0.0/8", "not a network", 9),
    "exists": ("CommandLine|exists: perhaps", "true or false", 9),
    "nested": ("CommandLine: {a: b}", "must be text", 9),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_unsupported_rule_is_refused_with_file_line_and_reason(load, name: str) -> None:
    test, reason, line = REFUSED[name]
    head = "title: T\nid: x\nlevel: low\nlogsource:\n  product: windows\n  category: process_creation\n"
    text = f"{head}detection:\n  s:\n    {test}\n  condition: s\n"
    loaded = load(text, rule({"s": {"Image": "x"}, "condition": "s"}))
    assert loaded.loaded == 1
    assert [(r["file"], r["line"]) for r in loaded.refused] == [("rule0.yml", line)]
    assert reason in loaded.refused[0]["reason"]


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("s | count() > 5", "aggregations"),
        ("s and t", "`t`"),
        ("s and", "too early"),
        ("(s", "closed"),
        ("s s", "cannot be read"),
        ("2 of them", "1, any or all"),
        ("1 of x*", "`x*`"),
        ("not " * 500 + "s", "deeply"),
    ],
)
def test_a_condition_that_cannot_be_read_is_refused(load, condition: str, reason: str) -> None:
    loaded = load(rule({"s": {"Image": "x"}, "condition": condition}))
    assert loaded.loaded == 0
    assert reason in loaded.refused[0]["reason"] and loaded.refused[0]["line"] > 1


def test_files_that_are_no_rules_are_refused_by_name(load) -> None:
    loaded = load(
        "title: [",
        "- a\n- b\n",
        "title: T\ncorrelation: {type: event_count}\n",
        "x: " + "[" * 3000,
        "\n".join(" " * i + "- - -" for i in range(900)),
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c]\n"
        "title: T\nlogsource: {product: windows}\ndetection:\n  s: {x: [*d,*d,*d,*d,*d,*d,*d,*d]}\n  condition: s\n",
        "title: T\nlogsource: {}\ndetection: {s: {a: b}, condition: s}\n",
    )
    assert loaded.loaded == 0
    assert sorted(r["file"] for r in loaded.refused) == [f"rule{i}.yml" for i in range(7)]


def test_bytes_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.yml").write_bytes(b"title: T\nauthor: Ren\xe9\n")
    refused = Detection.load([tmp_path], [], tmp_path / "c").refused
    assert refused == [{"file": "latin.yml", "line": 2, "reason": "not UTF-8"}]


@pytest.mark.parametrize(
    ("codec", "end", "padding"),
    [("utf-16", "\n", b""), ("utf-8-sig", "\r\n", b""), ("utf-8", "\r", b""), ("utf-8", "\n", bytes(512)), ("utf-16", "\r\n", bytes(8))],
)
def test_a_rule_reads_the_same_in_every_encoding_of_yaml_and_with_every_line_end(
    tmp_path: Path, codec: str, end: str, padding: bytes
) -> None:
    text = yaml.safe_dump(rule({"s": {"Image": "é.exe"}, "condition": "s"}), allow_unicode=True)
    (tmp_path / "r.yml").write_bytes(text.replace("\n", end).encode(codec) + padding)
    loaded = Detection.load([tmp_path], [], tmp_path / "c")
    assert not loaded.refused and len(loaded.match(EVTX, [event(Image="É.exe")], HOST)) == 1


def test_the_second_rule_of_one_id_is_refused_and_names_the_first(load) -> None:
    loaded = load(rule({"s": {"Image": "x"}, "condition": "s"}), rule({"s": {"Image": "y"}, "condition": "s"}))
    assert loaded.loaded == 1
    assert loaded.refused == [
        {"file": "rule1.yml", "line": 6, "reason": "duplicate of rule 11111111-1111-1111-1111-111111111111 in rule0.yml"}
    ]


def test_one_file_may_hold_several_rules(load) -> None:
    one, two = rule({"s": {"Image": "x"}, "condition": "s"}), rule({"s": {"Image": "y"}, "condition": "s"}, id="2")
    assert load(yaml.safe_dump(one) + "---\n" + yaml.safe_dump(two)).loaded == 2


def test_a_key_that_stands_twice_is_refused_with_its_line(load) -> None:
    head = "title: T\nid: x\nlogsource: {product: windows, service: system}\n"
    loaded = load(f"{head}detection:\n  s:\n    Foo: a\n    Foo: b\n  condition: s\n", f"{head}detection:\n  s:\n  condition: s\n")
    assert loaded.loaded == 0
    assert [(r["file"], r["line"]) for r in loaded.refused] == [("rule0.yml", 7), ("rule1.yml", 5)]
    assert "`Foo` occurs twice" in loaded.refused[0]["reason"]


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are Unicode")
def test_a_file_name_that_is_not_utf8_is_shown_with_escapes(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    folder = os.fsencode(tmp_path / "rules")
    Path(os.fsdecode(folder + b"/a\xff.yml")).write_text("title: [")
    Path(os.fsdecode(folder + b"/b\xff.yml")).write_text(yaml.safe_dump(rule({"s": {"Image": "x"}, "condition": "s"})))
    loaded = Detection.load([tmp_path / "rules"], [], tmp_path / "c")
    assert loaded.loaded == 1 and [r["file"] for r in loaded.refused] == ["a\\xff.yml"]
    (hit,) = loaded.match(EVTX, [event(Image="x")], HOST)
    assert next(loaded.findings([hit]))["rule.ruleset"] == "b\\xff.yml"


# --- log sources


def line(text: str, **fields: object) -> dict:
    return {
        "event.dataset": "auth_log",
        "escadre.id": "r1",
        "@timestamp": "2026-01-01T00:00:00Z",
        "host.name": "h",
        "escadre.collection": "c",
        "event.original": text,
        **fields,
    }


def test_linux_rules_test_lines_of_the_auth_log(load) -> None:
    artefact = catalogue.artefacts()["auth_log"].artefact
    given = line("Accepted password for root from 198.51.100.1", **{"process.name": "sshd", "user.name": "agnes"})
    sudo = line("root : x", **{"process.name": "sudo", "user.effective.name": "#4294967295"})
    keyword = {"kw": ["accepted password for ROOT"], "condition": "kw"}
    user = {"s": {"USER|startswith": "#4294"}, "condition": "s"}
    for service, detection, expected in (
        ("auth", keyword, [True, False]),
        ("sshd", keyword, [True, False]),
        ("sudo", keyword, [False, False]),
        ("sudo", user, [False, True]),
        ("auth", {"kw": ["agnes"], "condition": "kw"}, [False, False]),  # keywords are looked for in the line itself
    ):
        loaded = load(rule(detection, {"product": "linux", "service": service}))
        assert [bool(loaded.match(artefact, [r], HOST)) for r in (given, sudo)] == expected, (service, detection)


def test_rules_for_processes_test_those_that_ran_on_a_linux_host(load) -> None:
    artefact = catalogue.artefacts()["live_processes"].artefact
    process = line("", **{"event.dataset": "live_processes", "process.executable": "/tmp/x", "process.parent.pid": 7})
    for detection, expected in (
        ({"s": {"Image|startswith": "/tmp/", "ParentProcessId": 7}, "condition": "s"}, True),
        ({"s": {"Image|startswith": "/tmp/"}, "f": {"Hashes": "x"}, "condition": "s and not f"}, False),  # unknown never fires
    ):
        hits = load(rule(detection, {"product": "linux", "category": "process_creation"})).match(artefact, [process], HOST)
        assert bool(hits) is expected and all(h.confidence == "inferred" for h in hits)


@pytest.mark.parametrize(
    ("logsource", "detection", "reason"),
    [
        ({"product": "macos", "category": "process_creation"}, {"s": {"Image": "x"}, "condition": "s"}, "no dataset feeds"),
        ({"product": "linux", "service": "auditd"}, {"s": {"type": "x"}, "condition": "s"}, "no dataset feeds"),
        ({"product": "windows", "category": "process_creation"}, {"s": {"EventID": 4104}, "condition": "s"}, "it tests fields"),
        # Sysmon, manifest: its event 11 names the program alone, not the command line nor the parent
        (
            {"product": "windows", "category": "file_event"},
            {"s": {"Image": "x", "CommandLine|contains": "y"}, "condition": "s"},
            "it tests",
        ),
        ({"product": "windows", "category": "file_event"}, {"s": {"ParentImage": ["x", "y"]}, "condition": "not not s"}, "it tests"),
    ],
)
def test_a_rule_that_no_record_can_match_is_not_counted_as_loaded(load, logsource: dict, detection: dict, reason: str) -> None:
    loaded = load(rule(detection, logsource))
    assert loaded.loaded == 0 and not loaded.refused
    (one,) = loaded.without_source
    assert one["file"] == "rule0.yml" and one["title"] == "T" and one["reason"].startswith(reason)
    assert not loaded.datasets()


@pytest.mark.parametrize(
    "detection",
    [
        {"s": {"Image": "x"}, "f": {"CommandLine|contains": "y"}, "condition": "s and not f"},
        {"s": [{"Image": "x"}, {"ParentImage": "y"}], "condition": "s"},
        {"s": {"Image": "x", "CommandLine": None}, "condition": "s"},
    ],
)
def test_a_field_that_events_lack_costs_no_match_that_needs_it_not(load, detection: dict) -> None:
    loaded = load(rule(detection, {"product": "windows", "category": "file_event"}))
    created = event("Microsoft-Windows-Sysmon/Operational", "11", Image="x", TargetFilename="C:\\y")
    assert loaded.loaded == 1 and loaded.match(catalogue.artefacts()["evtx"].artefact, [created], HOST)


def test_a_rule_may_name_the_rendered_or_the_raw_value(load) -> None:
    created = event("Security", "4688", NewProcessName="C:\\x.exe", MandatoryLabel="S-1-16-12288")
    for wanted, expected in (("High", True), ("S-1-16-12288", True), ("Low", False)):
        assert fires(load, {"s": {"IntegrityLevel": wanted}, "condition": "s"}, created) == [expected]
        assert fires(load, {"s": {"Image": "*"}, "f": {"IntegrityLevel": wanted}, "condition": "s and not f"}, created) == [not expected]


def test_null_matches_an_element_without_content(load) -> None:
    detection = {"s": {"StartModule": None}, "condition": "s"}
    source = {"product": "windows", "category": "create_remote_thread"}
    events = [event(SYSMON, "8", **data) for data in ({"StartModule": ""}, {}, {"StartModule": "x"})]
    assert fires(load, detection, *events, logsource=source) == [True, True, False]


# --- the cache


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    from commodore.detection.sigma import pack

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert pack.default_cache() is None


def test_a_cached_pack_says_the_same_and_a_spoilt_cache_is_built_again(tmp_path: Path) -> None:
    rules, cache = tmp_path / "rules", tmp_path / "cache"
    rules.mkdir()
    (rules / "a.yml").write_text(yaml.safe_dump(rule({"s": {"CommandLine|contains": "evil"}, "condition": "s"})))
    (rules / "b.yml").write_text("title: [")
    cold = Detection.load([rules], [], cache)
    files = list(cache.iterdir())
    assert len(files) == 1
    seen = [event(CommandLine="evil"), event(CommandLine="good")]
    for spoil in (lambda b: b, lambda b: b[: len(b) // 2], lambda b: b.replace(b"evil", b"good"), lambda b: b""):
        files[0].write_bytes(spoil(files[0].read_bytes()))
        warm = Detection.load([rules], [], cache)
        assert (warm.loaded, warm.refused, warm.digest) == (cold.loaded, cold.refused, cold.digest)
        assert warm.match(EVTX, seen, HOST) == cold.match(EVTX, seen, HOST) != []


def test_the_digest_tells_rules_apart_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for name in ("a", "b"):
        (tmp_path / name / "r.yml").write_text(yaml.safe_dump(rule({"s": {"Image": "x"}, "condition": "s"})))
    first, second = (Detection.load([tmp_path / name], [], tmp_path / "c").digest for name in ("a", "b"))
    assert first == second
    (tmp_path / "b" / "r.yml").write_text(yaml.safe_dump(rule({"s": {"Image": "y"}, "condition": "s"})))
    assert Detection.load([tmp_path / "b"], [], tmp_path / "c").digest != first


SEVERAL = ["C:\\a.exe", "C:\\Users\\Public\\evil.exe", "10.1.2.3", "4000", "C:\\c.exe"]


@pytest.mark.parametrize(
    ("key", "wanted", "hit"),
    [
        ("Targets", "c:\\users\\public\\EVIL.exe", True),
        ("Targets|startswith", "C:\\Users\\", True),
        ("Targets|endswith", "\\evil.exe", True),
        ("Targets|contains", "public", True),
        ("Targets|cased", "C:\\Users\\Public\\evil.exe", True),
        ("Targets|cased|endswith", "\\Evil.exe", False),
        ("Targets", "C:\\\\*\\evil.exe", True),
        ("Targets", "C:\\a*\\evil.exe", False),  # no value matches; the text of all of them would
        ("Targets|re", "^C:.Users.*exe$", True),
        ("Targets|re", "a.exe.*evil", False),
        ("Targets|cidr", "10.0.0.0/8", True),
        ("Targets|gt", 3999, True),
        ("Targets|gt", 4000, False),
        ("Targets|fieldref", "Other", True),
        ("Targets|contains|all", ["a.exe", "c.exe"], True),
        ("Targets|contains|all", ["a.exe", "d.exe"], False),
        ("Targets", None, False),
        ("Empty", None, True),
        ("Targets|exists", True, True),
    ],
)
def test_a_rule_tests_each_of_several_values_of_a_field(load, key: str, wanted: object, hit: bool) -> None:
    record = event()
    record["winlog.event_data"] = {"Targets": SEVERAL, "Other": ["x", "4000"], "Empty": ["", ""]}
    assert fires(load, {"s": {key: wanted}, "condition": "s"}, record) == [hit]


def test_a_rule_tests_each_of_the_data_elements_without_a_name(load) -> None:
    record = event("Application", "1", param1="one", param2="two", param3="three")
    source = {"product": "windows", "service": "application"}
    for wanted, hit in (("two", True), ("one\ntwo", False), ("t*o", True), ("on*ee", False)):
        assert fires(load, {"s": {"Data": wanted}, "condition": "s"}, record, logsource=source) == [hit]


def test_a_rendered_field_of_several_values_is_tested_by_each_of_them(load) -> None:
    record = event("Security", "4688", MandatoryLabel="")
    record["winlog.event_data"] = {"MandatoryLabel": ["S-1-16-8192", "S-1-16-12288"], "NewProcessName": "C:\\w.exe"}
    for wanted in ("High", "S-1-16-12288", "Medium"):
        assert fires(load, {"s": {"IntegrityLevel": wanted}, "condition": "s"}, record) == [True]
    assert fires(load, {"s": {"IntegrityLevel": "System"}, "condition": "s"}, record) == [False]
