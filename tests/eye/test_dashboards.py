"""The Dashboards page: its declarations, its numbers against a count of the records by hand, and what a browser shows."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlencode

import pytest

from eye.dashboards.declaration import NUMBER, OVER_TIME, RECORDS, TOP, dashboards, declared
from eye.dashboards.numbers import numbers
from eye.dashboards.scope import scope_of
from eye.query.values import nanoseconds
from tests.eye.test_browser import Page

NAMES = ["overview", "logons", "execution", "persistence", "network", "lateral_movement", "file_activity", "web", "linux", "host"]


def panel(dashboard, title, kind):
    return next(p for d in dashboards() if d.name == dashboard for p in d.panels if p.title == title and p.kind == kind)


def named(name):
    return next(d for d in dashboards() if d.name == name)


def test_there_is_one_file_for_each_dashboard():
    assert [d.name for d in dashboards()] == NAMES
    assert all(len({p.name for p in d.panels}) == len(d.panels) >= 10 for d in dashboards())


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": "no.such.field"},
        {"top": "winlog.event_data"},
        {"number": "records", "top": "host.name"},
        {"number": "records", "colour": "red"},
        {"rows": ["no.such.field"]},
        {},
    ],
)
def test_a_declaration_that_is_not_understood_is_refused(wrong):
    with pytest.raises(ValueError, match=r"d\.yaml"):
        declared("d", {"title": "D", "about": "", "place": 1, "panels": [{"title": "P", **wrong}]})


def test_the_numbers_are_those_of_a_count_by_hand(store, records):
    scope = scope_of(store)
    timed = [r for r in records if (ns := nanoseconds(r.get("@timestamp"))) is not None and 0 <= ns]
    assert scope.low <= min(nanoseconds(r["@timestamp"]) for r in timed) < scope.low + 10**9

    def values(name, of):
        return Counter(v.lower() for r in of for v in ([r[name]] if isinstance(r.get(name), str) else r.get(name) or []))

    overview = named("overview")
    hosts = values("host.name", records)
    assert numbers(store, overview, panel("overview", "Records", NUMBER), scope).number == len(records)
    assert numbers(store, overview, panel("overview", "Hosts", NUMBER), scope).number == len(hosts)
    top = numbers(store, overview, panel("overview", "Hosts", TOP), scope)
    assert [n for _, n in top.values] == sorted(hosts.values(), reverse=True)[:10] and {
        v.lower(): n for v, n in top.values
    }.items() <= hosts.items()
    series = numbers(store, overview, panel("overview", "Records over time", OVER_TIME), scope).series
    most = [name for name, _ in Counter(r["event.dataset"] for r in records).most_common(5)]
    by_hand = Counter(
        (r["event.dataset"] if r["event.dataset"] in most else "other", (nanoseconds(r["@timestamp"]) - scope.start) // scope.width)
        for r in timed
    )
    drawn = {(name, bar): n for name, bars in series.items() for bar, n in bars.items()}
    assert drawn == by_hand and len(drawn) > 5
    failed = [
        r
        for r in timed
        if r.get("event.outcome") == "failure"
        and r.get("event.action") in ("user-login", "ssh-login", "credentials-validated")
        and {"authentication", "session", "iam"} & set(r.get("event.category", []))
        and r["event.dataset"] != "finding"
    ]
    assert numbers(store, named("logons"), panel("logons", "Logins that failed", NUMBER), scope).number == len(failed) > 0
    host, n = hosts.most_common(1)[0]
    assert numbers(store, named("host"), panel("host", "Records", NUMBER), scope, host).number == n
    assert all(p.field != RECORDS or p.kind != TOP for d in dashboards() for p in d.panels)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_dashboard_is_shown_and_its_figures_lead_to_their_records(browser, served, scheme):
    one = Page(browser, served, scheme)
    try:
        for name in NAMES if scheme == "light" else ("overview", "host"):  # which panels there are does not depend on the colours
            one.page.goto(f"{served.base}/dashboards?{urlencode({'name': name})}")
            one.page.wait_for_selector(".dfigure")
            assert one.page.locator(".dpanel").count() >= 7
        one.page.goto(f"{served.base}/dashboards?name=logons")
        figure = one.page.locator(".dfigure").nth(1)
        n = figure.locator("b").inner_text()
        figure.click()
        one.page.wait_for_selector(".bar-tools .hits b")
        assert one.page.locator(".bar-tools .hits b").first.inner_text() == n != "0"
        one.page.goto(f"{served.base}/dashboards?name=overview")
        value = one.page.locator(".dpanel.k-top .dbars li").first
        n = value.locator(".n").inner_text()
        value.locator("a").click()
        one.page.wait_for_selector(".bar-tools .hits b")
        assert one.page.locator(".bar-tools .hits b").first.inner_text() == n
        assert one.wrong == []
    finally:
        one.context.close()
