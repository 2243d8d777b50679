"""Pages of cases that grow, that are empty, and whose values are too long for a page or an address; copying, and a narrow window."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

import pytest
from markupsafe import escape

from eye.index.store import Store
from eye.query.tree import QueryComplaint
from eye.web import answers
from eye.web import shell as pages
from eye.web.answers import told
from eye.web.page import pages as discovered
from eye.web.serve import warm
from eye.web.state import State
from scout.console import Complaint
from tests.conftest import PATIENCE, ROOT
from tests.eye.conftest import Served, write_lines
from tests.eye.test_browser import Page, get

LONG = "M" * 1_000_000


def record(n, **more):
    return {
        "@timestamp": f"20{20 + n % 2}-10-31T19:22:{n % 60:02d}.1234567Z",
        "event.dataset": "evtx",
        "host.name": f"host{n:04d}",
        "message": f"message {n}",
        "escadre.id": f"{n:032x}",
        **more,
    }


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Two years, long values, an empty one, one in Arabic, thousands of hosts."""
    case = tmp_path_factory.mktemp("odd") / "case"
    special = [record(0, **{"user.name": LONG, "message": LONG}), record(1, **{"user.name": ""}), record(2, **{"user.name": "مرحبا"})]
    many = [record(n, **{"user.name": LONG[: 5000 + n]}) for n in range(3, 60)] + [record(n) for n in range(60, 3000)]
    write_lines(case / "records" / "evtx" / "c.jsonl.zst", [*special, *many])
    found = [
        {"@timestamp": f"{y}-01-01T00:00:00Z", "message": "f", "rule.id": "r", "escadre.severity": "high", "escadre.id": str(y)}
        for y in (2020, 2026)
    ]
    write_lines(case / "findings" / "c.jsonl.zst", found)
    (case / "case.json").write_text("{}")
    one = Served(case)
    yield one
    one.stop()


def cookie(served):
    return {"Cookie": get(served.line)[1]["set-cookie"].split(";")[0]}


def test_values_of_a_megabyte_stand_neither_in_the_page_nor_in_its_addresses(odd):
    status, _, body = get(odd.base + "/discover", **cookie(odd))
    assert status == 200 and len(body) < 1_000_000 and "120 of 1,000,000 characters shown" in body
    status, _, body = get(f"{odd.base}/discover?q=user.name:%22%22", **cookie(odd))
    assert status == 200 and '<span class="ctl">empty</span>' in body and "<b>1</b> hit" in body


def test_a_record_is_given_whole_and_only_with_the_cookie(odd):
    good = cookie(odd)
    page = get(odd.base + "/discover?q=host0000", **good)[2]
    row = page.partition('data-row="')[2].partition('"')[0]
    assert get(f"{odd.base}/record?row={row}")[0] == 403
    status, headers, body = get(f"{odd.base}/record?row={row}", **good)
    assert status == 200 and headers["content-type"] == "application/json" and json.loads(body)["user.name"] == LONG
    for wrong in ("row=-1", "row=abc", "", "row=99999999999999999999"):
        assert get(f"{odd.base}/record?{wrong}", **good)[0] == 404


def test_the_year_is_shown_where_there_is_more_than_one(odd):
    good = cookie(odd)
    assert "31 Oct 2020" in get(odd.base + "/discover?t=2020-10-31T00:00:00Z..2020-11-01T00:00:00Z", **good)[2]
    assert ">2020-01-01 <" in get(odd.base + "/findings", **good)[2]


def test_right_to_left_text_does_not_turn_round_what_stands_beside_it(odd):
    assert "<bdi>مرحبا</bdi>" in get(odd.base + "/discover?q=host.name:host0002", **cookie(odd))[2]


def test_a_rare_value_is_completed_and_any_field_can_be_counted(odd):
    good = cookie(odd)
    assert "host2987" in get(odd.base + "/complete?word=host.name:HOST298", **good)[2]
    body = get(odd.base + "/discover?facet=escadre.id", **good)[2]
    assert 'data-name="escadre.id"' in body and body.index('data-name="escadre.id"') < body.index('data-name="host.name"')
    assert "No record of this case has a field" in get(odd.base + "/discover?facet=nope", **good)[2]


def test_a_case_without_records_says_so(tmp_path):
    (tmp_path / "case.json").write_text("{}")
    one = Served(tmp_path)
    body = get(one.base + "/discover", **cookie(one))[2]
    one.stop()
    assert "This case has no records" in body and "commodore ledger" in body


def test_the_page_follows_an_index_that_is_built_meanwhile(tmp_path):
    def index():
        subprocess.run([sys.executable, "-m", "eye.cli", "index", str(tmp_path)], cwd=ROOT, check=True, capture_output=True)

    def asked(wanted):
        end = time.monotonic() + PATIENCE
        while wanted not in (body := get(one.base + "/discover?q=message", **good)[2]):
            assert time.monotonic() < end, body
            time.sleep(pages.LOOK / 4)

    file = tmp_path / "records" / "evtx" / "c.jsonl.zst"
    (tmp_path / "case.json").write_text("{}")
    write_lines(file, [record(n) for n in range(3)])
    one = Served(tmp_path)
    try:
        good = cookie(one)
        asked("<b>3</b> hits")
        write_lines(file, [record(n) for n in range(7)])
        asked("the case has grown")
        index()
        asked("<b>7</b> hits")
        for file in (tmp_path / "index").glob("v*/*.idx"):
            os.truncate(file, 10)
        status, _, body = get(one.base + "/discover?q=host0002", **good)
        assert status == 503 and "was cut" in body and "is damaged" in body
        index()
        asked("<b>7</b> hits")
        shutil.rmtree(tmp_path / "index")
        assert get(one.base + "/findings", **good)[0] == 200
        status, _, body = get(one.base + "/discover?q=host0001", **good)
        assert status == 200 and "<b>1</b> hit" in body, "the files are mapped: they answer until the server ends"
    finally:
        one.stop()


@pytest.mark.browser
def test_what_is_copied_is_the_value_and_not_what_is_shown_of_it(browser, odd):
    one = Page(browser, odd)
    one.context.grant_permissions(["clipboard-read", "clipboard-write"])
    keys = one.page.keyboard
    one.page.goto(odd.base + "/discover?q=host.name:host0000")

    def copied(value):
        keys.press("y")
        one.until("document.querySelector('#said').textContent.includes('copied')")
        assert one.page.evaluate("navigator.clipboard.readText()") == value
        one.page.evaluate("document.querySelector('#said').textContent = ''")

    keys.press("j")
    keys.press("ArrowRight")
    copied("2020-10-31T19:22:00.1234567Z")
    keys.press("ArrowRight")
    copied("host0000")
    for _ in range(2):
        keys.press("ArrowRight")
    copied(LONG)
    one.close()


@pytest.mark.browser
def test_a_narrow_window_shows_one_thing_at_a_time_and_all_of_it(browser, odd):
    one = Page(browser, odd)
    one.page.set_viewport_size({"width": 390, "height": 844})
    assert one.page.locator("#q").bounding_box()["width"] > 120 and not one.page.locator(".facets").is_visible()
    one.page.locator("#grid tbody tr").nth(2).locator("td").nth(1).click()
    one.page.wait_for_selector("#record.open .kv")
    box = one.page.locator("#record").bounding_box()
    assert box["x"] + box["width"] <= 390 and not one.page.locator("#grid").is_visible()
    one.page.goto(odd.base + "/findings")
    for part in ("#grid a.open", ".detail h2"):
        assert one.page.locator(part).first.bounding_box()["width"] > 60
    assert one.page.evaluate("document.documentElement.scrollWidth") == 390
    one.close()


@pytest.mark.browser
def test_a_group_of_findings_is_folded_and_the_keys_pass_over_it(browser, odd):
    one = Page(browser, odd)
    one.page.goto(odd.base + "/findings")
    one.page.locator(".fold").first.click()
    assert one.page.locator("#grid tbody tr:not(.g):visible").count() == 0
    assert one.page.locator(".fold").first.get_attribute("aria-expanded") == "false"
    one.page.locator(".fold").first.click()
    one.page.keyboard.press("j")
    one.until("document.querySelector('#grid')?.getAttribute('aria-activedescendant')?.startsWith('f') === true")
    one.close()


@pytest.mark.browser
def test_a_time_range_is_written_into_the_query(browser, odd):
    one = Page(browser, odd)
    one.page.goto(odd.base + "/discover?q=host.name:host0*&t=2020-10-31T19:00:00Z..2020-10-31T20:00:00Z")
    one.page.keyboard.press("t")
    assert one.page.input_value("#q") == "host.name:host0* AND @timestamp:[2020-10-31T19:00 TO 2020-10-31T19:59]"
    one.page.keyboard.type("2019")
    with one.page.expect_response(lambda r: "/discover" in r.url):
        one.page.keyboard.press("Enter")
    one.until("decodeURIComponent(location.search).includes('[2019+TO+2020')")
    one.page.wait_for_selector(".hits b:not(:text-is('0'))")
    one.close()


def test_every_module_of_the_folder_is_a_page_and_the_rail_leads_to_those_with_a_title(odd):
    body = get(odd.base + "/findings", **cookie(odd))[2]
    modules = {p.stem for p in (ROOT / "eye" / "web" / "pages").glob("*.py")} - {"__init__"}
    assert {p.name for p in discovered()} == modules
    for one in discovered():
        if one.title:
            assert f'href="{one.path}"' in body and get(odd.base + one.path, **cookie(odd))[0] == 200


def test_a_query_that_finds_nothing_says_which_clause_has_no_hit_what_is_near_and_what_is_left(odd):
    body = get(f"{odd.base}/discover?q=hosst0001+message", **cookie(odd))[2]
    assert "No record matches" in body and "<code>hosst0001</code>: 0 records, near:" in body and "<code>host0001</code>" in body
    assert "without it" in body and "2,999 records" not in body.partition("without it")[0]
    named = get(f"{odd.base}/discover?q=host.nam:host0001", **cookie(odd))[2]
    assert "host.nam is no field" in named and "host.name" in named


def test_what_is_near_is_the_text_as_typed_with_another_word_in_it_and_what_was_meant_is_a_link(odd):
    body = get(f"{odd.base}/discover?q=hosst0001%5Cx.dll+2026-10-31", **cookie(odd))[2]
    assert "<code>host0001\\x.dll</code>" in body and "q=host0001%5Cx.dll+2026-10-31" in body
    assert "2026-10-31 was taken as words" in body and "q=hosst0001%5Cx.dll+%40timestamp%3A2026-10-31" in body
    quoted = get(f'{odd.base}/discover?q="hosst0001+xyz"', **cookie(odd))[2]
    assert "q=%22host0001+xyz%22" in quoted


def test_the_query_for_kibana_is_on_the_page(odd):
    body = get(f"{odd.base}/discover?q=C%3A%5CTemp+a&f=-user.name%3A%22x%22", **cookie(odd))[2]
    wanted = r'("C:\\Temp" AND a) AND (*:* AND NOT user.name:"x")'
    assert f'data-copy="{escape(wanted)}"' in body


def test_an_error_shows_the_wrong_part_of_a_long_query_and_names_fields_as_they_are():
    state = State(query="before " * 2_000 + "process.pid:x" + " after" * 2_000)
    shown = told(state, QueryComplaint(state.query, 14_000, "process.pid is a number", "Write digits.", 13))
    assert shown["title"] == "process.pid is a number" and shown["parts"][1] == "process.pid:x" and shown["text"] == "character 14001"
    assert sum(map(len, shown["parts"])) < 200 and shown["parts"][0].startswith("…") and shown["parts"][2].endswith("…")
    assert told(state, Complaint("the index of /x is damaged.", ""))["title"] == "The index of /x is damaged."
    assert len(told(state, QueryComplaint("*" * 9_000, 0, "a pattern is long", length=9_000))["parts"][1]) < 150


def test_the_first_page_and_the_templates_are_ready_before_somebody_asks(case, monkeypatch):
    shell = pages.Shell(Store(case), discovered())
    warm(shell)
    monkeypatch.setattr(answers, "ask", lambda *_: pytest.fail("the index was asked again"))
    assert answers.answered(shell, State(), shell.renew()).total == shell.store.records
    assert shell.environment.cache is not None and len(shell.environment.cache) >= len(shell.environment.list_templates())
