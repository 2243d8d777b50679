"""Process trees: ancestors by time, pids that come again, several sources of one process, and hostile input."""

from __future__ import annotations

import json
from collections import defaultdict

from commodore.artefact import Record
from commodore.derived import process_tree
from commodore.host import Host

HOST = Host("c", name="h")


class View:
    """Records by dataset, as the engine hands them to a derivation."""

    def __init__(self, **datasets):
        self.datasets = defaultdict(list, datasets)

    def records(self, dataset, search=None):
        return iter(self.datasets[dataset])

    def members(self):
        return iter(())


def live(pid, ppid, name, start, **more):
    return {
        "process.pid": pid,
        "process.parent.pid": ppid,
        "process.name": name,
        "process.start": start,
        "escadre.id": f"l{pid}{start}",
        **more,
    }


def event(code, provider, time, **fields):
    return {
        "event.code": code,
        "winlog.provider_name": provider,
        "@timestamp": time,
        "winlog.computer_name": "PC.example",
        "escadre.id": f"e{time}",
        **fields,
    }


def security(time, pid, ppid, name, parent=""):
    fields = {"process.pid": pid, "process.parent.pid": ppid, "process.name": name}
    return event("4688", "Microsoft-Windows-Security-Auditing", time, **fields, **({"process.parent.name": parent} if parent else {}))


def sysmon(time, pid, ppid, name, own, parent):
    return event(
        "1",
        "Microsoft-Windows-Sysmon",
        time,
        **{
            "process.pid": pid,
            "process.parent.pid": ppid,
            "process.name": name,
            "process.start": time,
            "process.entity_id": own,
            "process.parent.entity_id": parent,
        },
    )


def tree(**datasets):
    return [r.fields for r in process_tree.derive(View(**datasets), HOST) if isinstance(r, Record)]


def test_the_chain_runs_from_the_root_down():
    found = tree(
        live_processes=[
            live(3, 2, "nc", "2026-01-01T00:00:02Z"),
            live(1, 0, "init", "2026-01-01T00:00:00Z"),
            live(2, 1, "sh", "2026-01-01T00:00:01Z"),
        ]
    )
    assert [f["message"].partition("chain ")[2] for f in found] == ["init.", '"init > sh".', '"init > sh > nc".']
    assert [(f["escadre.process.ancestry"], f["escadre.process.children"]) for f in found] == [([], 1), (["init"], 1), (["sh", "init"], 0)]
    assert found[2]["escadre.process.ancestors"] == [found[1]["process.entity_id"], found[0]["process.entity_id"]]


def test_a_pid_that_comes_again_is_told_apart_by_time():
    found = tree(
        evtx=[
            security("2026-01-01T00:00:00Z", 100, 4, "first.exe"),
            security("2026-01-01T00:00:10Z", 200, 100, "a.exe"),
            security("2026-01-01T01:00:00Z", 100, 4, "second.exe"),
            security("2026-01-01T01:00:10Z", 300, 100, "b.exe"),
        ]
    )
    parents = {f["process.name"]: f.get("process.parent.name") for f in found}
    assert (parents["a.exe"], parents["b.exe"]) == ("first.exe", "second.exe")


def test_a_process_that_had_ended_is_no_parent():
    ended = event("4689", "Microsoft-Windows-Security-Auditing", "2026-01-01T00:00:05Z", **{"process.pid": 100})
    found = tree(
        evtx=[security("2026-01-01T00:00:00Z", 100, 4, "gone.exe"), ended, security("2026-01-01T02:00:00Z", 200, 100, "x.exe", "other.exe")]
    )
    x = next(f for f in found if f["process.name"] == "x.exe")
    assert (x["process.parent.name"], x["escadre.process.parent_unknown"], x["escadre.process.ancestry"]) == (
        "other.exe",
        True,
        ["other.exe"],
    )
    assert next(f for f in found if f["process.name"] == "gone.exe")["process.end"] == "2026-01-01T00:00:05Z"


def test_two_sources_of_one_process_are_one_record():
    found = tree(
        evtx=[sysmon("2026-01-01T00:00:00.120Z", 100, 4, "x.exe", "{A}", "{P}"), security("2026-01-01T00:00:00.5001234Z", 100, 4, "X.EXE")]
    )
    assert len(found) == 1
    assert found[0]["process.entity_id"] == "{A}"
    assert len(found[0]["escadre.records_used"]) == 2


def test_an_entity_id_names_the_parent_where_the_pid_would_mislead():
    found = tree(
        evtx=[
            sysmon("2026-01-01T00:00:00Z", 100, 4, "right.exe", "{A}", ""),
            sysmon("2026-01-01T00:00:01Z", 100, 4, "wrong.exe", "{B}", ""),
            sysmon("2026-01-01T00:00:09Z", 200, 100, "x.exe", "{C}", "{A}"),
        ]
    )
    assert next(f for f in found if f["process.name"] == "x.exe")["process.parent.name"] == "right.exe"


def test_forwarded_events_of_another_computer_keep_their_own_pids():
    other = security("2026-01-01T00:00:01Z", 200, 100, "x.exe") | {"winlog.computer_name": "OTHER"}
    found = tree(evtx=[security("2026-01-01T00:00:00Z", 100, 4, "p.exe"), other])
    assert "process.parent.name" not in next(f for f in found if f["process.name"] == "x.exe")


def test_circles_and_deep_chains_end():
    ring = [sysmon("2026-01-01T00:00:00Z", n, n, f"{n}.exe", f"{{{n}}}", f"{{{(n + 1) % 5}}}") for n in range(5)]
    assert all(len(f["escadre.process.ancestry"]) <= 5 for f in tree(evtx=ring))
    own = [sysmon("2026-01-01T00:00:00Z", 7, 7, "self.exe", "{S}", "{S}")]
    assert tree(evtx=own)[0]["escadre.process.ancestors"] == []
    deep = [live(n, n - 1, f"p{n}", f"2026-01-01T00:{n // 60:02d}:{n % 60:02d}Z") for n in range(1, 1000)]
    assert max(len(f["escadre.process.ancestry"]) for f in tree(live_processes=deep)) == process_tree.DEEPEST


def test_hostile_records_raise_nothing_and_can_be_written():
    odd = [
        {},
        {"process.pid": "x"},
        {"process.pid": 1, "process.start": "never"},
        {"process.pid": -5, "@timestamp": None},
        {"process.pid": 1, "process.name": ""},
    ]
    found = tree(live_processes=odd, evtx=[e | {"event.code": "1", "winlog.provider_name": "Microsoft-Windows-Sysmon"} for e in odd])
    json.dumps(found)
    assert found


def test_what_is_beyond_the_limit_stands_in_the_ledger(monkeypatch):
    monkeypatch.setattr(process_tree, "MOST", 3)
    records = [live(n, 0, "p", f"2026-01-01T00:00:0{n}Z") for n in range(5)]
    items = list(process_tree.derive(View(live_processes=records), HOST))
    assert [i.lost for i in items if not isinstance(i, Record)] == [2]


def started(time, code="4608", provider="Microsoft-Windows-Security-Auditing"):
    return event(code, provider, time)


def ended(time, pid, name):
    return event("4689", "Microsoft-Windows-Security-Auditing", time, **{"process.pid": pid, "process.name": name, "process.end": time})


def test_a_process_of_the_time_before_a_restart_is_no_parent():
    before, after = security("2026-10-31T19:00:00Z", 640, 4, "evil.exe"), security("2026-10-31T21:00:00Z", 900, 640, "cmd.exe")
    for marker in (
        started("2026-10-31T20:00:00Z"),
        started("2026-10-31T20:00:00Z", "6005", "EventLog"),
        started("2026-10-31T20:00:00Z", "12", "Microsoft-Windows-Kernel-General"),
    ):
        for order in ([marker, before, after], [before, after, marker]):
            child = next(r for r in tree(evtx=order) if r["process.pid"] == 900)
            assert child["escadre.process.ancestry"] == [] and child["escadre.process.parent_unknown"]
    with_none = next(r for r in tree(evtx=[before, after]) if r["process.pid"] == 900)
    assert with_none["escadre.process.ancestry"] == ["evil.exe"]
    other = started("2026-10-31T20:00:00Z") | {"winlog.computer_name": "OTHER"}
    assert next(r for r in tree(evtx=[before, other, after]) if r["process.pid"] == 900)["escadre.process.ancestry"] == ["evil.exe"]


def test_a_service_that_ran_before_the_event_log_did_is_of_the_same_start():
    events = [
        security("2026-10-31T20:00:05Z", 640, 4, "services.exe"),
        started("2026-10-31T20:00:40Z", "6005", "EventLog"),
        security("2026-10-31T21:00:00Z", 900, 640, "svchost.exe"),
    ]
    assert next(r for r in tree(evtx=events) if r["process.pid"] == 900)["escadre.process.ancestry"] == ["services.exe"]


def test_a_parent_has_the_name_that_the_child_gives_it():
    events = [security("2026-10-31T19:00:00Z", 640, 4, "notepad.exe"), security("2026-10-31T21:00:00Z", 900, 640, "cmd.exe", "winword.exe")]
    child = next(r for r in tree(evtx=events) if r["process.pid"] == 900)
    assert child["escadre.process.ancestry"] == ["winword.exe"] and child["escadre.process.parent_unknown"]
    assert "process.parent.entity_id" not in child


def test_an_end_belongs_to_the_process_of_its_name_whatever_the_order_of_the_logs():
    start, foreign, own = (
        security("2026-10-31T19:00:00Z", 640, 4, "notepad.exe"),
        ended("2026-10-31T19:30:00Z", 640, "winword.exe"),
        ended("2026-10-31T20:00:00Z", 640, "NOTEPAD.EXE"),
    )
    for order in ([own, foreign, start], [start, foreign, own]):
        assert [r.get("process.end") for r in tree(evtx=order)] == ["2026-10-31T20:00:00Z"]
    assert [r.get("process.end") for r in tree(evtx=[start, foreign])] == [None]
