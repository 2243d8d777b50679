"""The pages in a real Chromium: a query, the brush, a facet, the drawer, the keyboard, findings; and nothing hostile ever acts."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest

from eye.query.syntax import forms
from tests.conftest import PATIENCE
from tests.eye.conftest import Served, read_lines, write_lines

pytestmark = pytest.mark.browser

HOSTILE = [
    "<img src=x onerror=window.canary=1>",
    "<script>window.canary=1</script>",
    '"><svg onload=window.canary=1>',
    "javascript:window.canary=1",
    "{{constructor.constructor('window.canary=1')()}}",
    "{% raw %}{{7*7}}",
    "\x1b[31mred\x1b[0m\x07\x00",
    "invoice\u202efdp.exe",
    "a\u2028b\u200bc\ufeff",
    "' onmouseover='window.canary=1",
    "<a href=x hx-get=/x hx-trigger=load hx-on::load=window.canary=1>",
    "<style>*{display:none}</style>",
    "</title></textarea></pre><b>",
    "&lt;b&gt;&amp;",
    "=cmd|' /C calc'!A0",
    "%0d%0aSet-Cookie:x=1",
    "\U000e0041\ue000*",
    "x" * 200_000,
]


class Page:
    """A page that remembers what it must not do."""

    def __init__(self, browser, served, scheme="light"):
        self.context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
        self.context.grant_permissions([])
        self.page, self.served, self.wrong = self.context.new_page(), served, []
        self.page.on("console", lambda m: self.wrong.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.wrong.append(str(e)))
        self.page.on("dialog", lambda d: (self.wrong.append("dialog"), d.dismiss()))
        self.page.on("request", lambda r: None if r.url.startswith(served.base + "/") else self.wrong.append("request to " + r.url))
        self.page.goto(served.line)
        self.page.wait_for_selector("#main")

    def state(self):
        return parse_qs(urlsplit(self.page.url).query)

    def ask(self, query):
        self.page.fill("#q", query)
        with self.page.expect_response(lambda r: "/discover" in r.url):
            self.page.press("#q", "Enter")

    def hits(self):
        return int(self.page.text_content(".hits b").replace(",", ""))

    def until(self, expression):
        """Wait for a condition; asked from outside, since the page's policy forbids evaluation within."""
        end = time.monotonic() + PATIENCE
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, expression
            self.page.wait_for_timeout(30)

    def close(self):
        canary = self.page.evaluate("window.canary")
        self.context.close()
        assert self.wrong == [] and canary is None


@pytest.fixture
def page(browser, served):
    one = Page(browser, served)
    yield one
    one.close()


def test_a_query_shows_its_hits_and_the_url_brings_them_back(page, records):
    expected = sum(1 for r in records if r.get("event.code") == "4688")
    page.ask("event.code:4688")
    page.until(f"document.querySelector('.hits b').textContent.replaceAll(',','') === '{expected}'")
    url = page.page.url
    page.page.goto(page.served.base + "/discover")
    assert page.hits() == len(records)
    page.page.goto(url)
    assert page.hits() == expected and page.page.input_value("#q") == "event.code:4688"
    page.page.go_back()
    page.until(f"document.querySelector('.hits b').textContent.replaceAll(',','') === '{len(records)}'")


def test_dragging_on_the_histogram_filters_by_time_and_double_click_takes_it_off(page, records):
    page.ask("event.code:4688")
    page.until("location.search.includes('4688')")
    box = page.page.locator("#histo").bounding_box()
    page.page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + 30)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] * 0.97, box["y"] + 40, steps=5)
    page.page.mouse.up()
    page.page.wait_for_selector(".pill .x")
    low, high = page.state()["t"][0].split("..")
    expected = sum(1 for r in records if r.get("event.code") == "4688" and low[:19] <= r["@timestamp"][:19] < high[:19])
    assert page.hits() == expected > 0 and page.page.locator("rect.bar-sel").count() > 0
    page.page.keyboard.press(">")
    page.until(f"!decodeURIComponent(location.search).includes({json.dumps(low)})")
    page.until("document.querySelector('#histo').dataset.brush !== ''")
    page.page.locator("#histo").dblclick(position={"x": 300, "y": 40})
    page.until("!location.search.includes('t=')")


def test_a_facet_filters_in_and_out_and_a_pill_is_switched_off_and_removed(page, records):
    first = page.page.locator(".facet[data-name='event.code'] li").first
    code = first.locator("a.v").text_content()
    first.hover()
    first.locator(".fout").click()
    page.page.wait_for_selector(".pill.not")
    assert page.hits() == sum(1 for r in records if r.get("event.code") != code)
    page.page.click(".pill a.text")
    page.page.wait_for_selector(".pill.gone")
    assert page.hits() == len(records)
    page.page.click(".pill .x")
    page.until("!document.querySelector('.pill')")
    page.page.click(".facet[data-name='host.name'] li a.v")
    page.page.wait_for_selector(".pill")
    assert 0 < page.hits() < len(records)


def test_the_drawer_shows_every_field_and_the_record_as_json(page, records):
    page.ask("_exists_:process.command_line")
    page.until("location.search.includes('_exists_')")
    page.page.locator("#grid tbody tr td:last-child").first.click()
    page.page.wait_for_selector("#record.open .kv")
    page.page.click("[aria-controls=tab-json]")
    shown = json.loads(page.page.text_content("#tab-json pre"))
    assert shown in records
    names = set(page.page.locator("#tab-fields tbody th[scope=row]").all_text_contents())
    assert {n for n, v in shown.items() if n != "message" and not isinstance(v, (dict, list))} <= names
    page.page.click("[aria-controls=tab-provenance]")
    assert shown["escadre.source"] in page.page.text_content("#tab-provenance")
    page.page.keyboard.press("Escape")
    page.until("!document.querySelector('#record.open')")
    assert "open" not in page.state()


def test_the_keyboard_walks_opens_filters_and_goes(page):
    keys = page.page.keyboard
    keys.press("j")
    keys.press("j")
    keys.press("Enter")
    page.page.wait_for_selector("#record.open .kv")
    second = page.state()["open"]
    keys.press("j")
    page.until(f"!location.search.includes('{second[0]}')")
    assert "3 of" in page.page.text_content("#record .dh")
    keys.press("Escape")
    page.until("!document.querySelector('#record.open')")
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    keys.press("f")
    page.page.wait_for_selector(".pill")
    keys.press("?")
    page.page.wait_for_selector("#keys.open")
    assert page.page.locator("#keys .forms code").all_text_contents() == list(forms())
    box = page.page.locator("#keys").bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 900, "the help fits the window"
    keys.press("Escape")
    keys.press("/")
    assert page.page.evaluate("document.activeElement.id") == "q"
    keys.type("jk")
    assert page.page.input_value("#q") == "jk"
    keys.press("Escape")
    keys.press("g")
    keys.press("f")
    page.page.wait_for_selector("h1:has-text('Findings')")


def test_a_wrong_query_marks_the_character_and_keeps_the_old_rows(page):
    page.ask("process.name:cmd.exe AND OR")
    page.page.wait_for_selector(".trouble .err")
    assert "quotes around an operator" in page.page.text_content(".trouble .push") and "--syntax" not in page.page.text_content(".trouble")
    assert page.page.text_content(".trouble .err") == "O" and page.page.locator("#grid tbody tr").count() > 10
    page.ask("zzzznothing")
    page.page.wait_for_selector(".void")
    assert page.page.locator(".trouble").count() == 0 and "No record matches" in page.page.text_content(".void")


def test_fields_complete_while_typing(page):
    page.page.click("#q")
    page.page.keyboard.type("process.comm")
    page.page.wait_for_selector("#complete.open li")
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("Tab")
    assert page.page.input_value("#q") == "process.command_line:"


def test_no_list_of_fields_opens_over_the_answer_to_a_query_that_is_sent_at_once(page):
    page.ask("process.pid:[4 TO")
    page.page.wait_for_selector(".trouble")
    page.page.wait_for_timeout(300)  # a list that is on its way opens within 120 ms and one answer
    assert page.page.locator("#complete.open").count() == 0 and "range" in page.page.text_content(".trouble")


def test_findings_are_counted_grouped_and_lead_to_their_records(page, made):
    found = [f for path in sorted(made.glob("findings/*.jsonl.zst")) for f in read_lines(path)]
    page.page.goto(page.served.base + "/findings")
    numbers = [int(n) for n in page.page.locator(".kpis b").all_text_contents()]
    assert sum(numbers) == len(found) > 0
    assert numbers[0] == sum(f["escadre.severity"] == "critical" for f in found)
    page.page.click("text=Technique")
    page.until("location.search.includes('technique')")
    techniques = {t for f in found for t in f.get("threat.technique.id", [])} or {"No technique"}
    shown = {t.split()[0] for t in page.page.locator("tr.g td").all_text_contents()}
    assert techniques <= shown | {"No technique"}
    page.page.locator("#grid a.open").nth(1).click()
    page.until("location.search.includes('open=')")
    page.page.locator(".detail .lines a").first.click()
    page.page.wait_for_selector("#record.open .kv")
    page.page.click("[aria-controls=tab-findings]")
    assert page.page.locator("#tab-findings li").count() > 0


def test_both_themes_hold_and_the_page_never_scrolls(browser, served):
    for scheme in ("light", "dark"):
        one = Page(browser, served, scheme)
        assert one.page.evaluate(
            "document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth"
        )
        one.page.click("#theme")
        assert one.page.evaluate("document.documentElement.dataset.theme") == ("dark" if scheme == "light" else "light")
        one.close()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A case whose every value is hostile, each payload in each class of field."""
    case = tmp_path_factory.mktemp("hostile") / "<b>case"
    records, findings = [], []
    for n, text in enumerate(HOSTILE):
        key = f"{n:032x}"
        records.append(
            {
                "@timestamp": f"2026-01-01T00:00:{n:02d}Z",
                "event.dataset": text[:50],
                "event.kind": "event",
                "event.category": [text],
                "event.type": [text],
                "event.action": text,
                "event.code": text,
                "message": text,
                "host.name": text,
                "user.name": text,
                "process.name": text,
                "process.command_line": text,
                "winlog.event_data": {text[:300]: text},
                "escadre.collection": "c",
                "escadre.member": 0,
                "escadre.source": text,
                "escadre.locator": text,
                "escadre.state": "live",
                "escadre.parser": "x/1",
                "escadre.id": key,
            }
        )
        findings.append(
            {
                "@timestamp": f"2026-01-01T00:00:{n:02d}Z",
                "message": text,
                "host.name": text,
                "rule.id": text,
                "rule.name": text,
                "threat.technique.id": [text[:40]],
                "escadre.severity": ["critical", text][n % 2],
                "escadre.confidence": text,
                "escadre.reason": text,
                "escadre.matched": {text[:200]: text},
                "target": {"path": text, "data": text},
                "escadre.records": [key],
                "escadre.id": f"f{key}",
                "count": 1,
            }
        )
    write_lines(case / "records" / "evtx" / "c.jsonl.zst", records)
    write_lines(case / "findings" / "c.jsonl.zst", findings)
    (case / "case.json").write_text("{}")
    one = Served(case)
    yield one
    one.stop()


def test_no_hostile_value_acts_anywhere(browser, hostile):
    page = Page(browser, hostile)
    assert page.hits() == 2 * len(HOSTILE), "each value is in a record and in a finding"
    rows = page.page.locator("#grid tbody tr")
    for n in range(len(HOSTILE)):
        rows.nth(n).locator("td").nth(1).click()
        page.until(f"document.querySelector('#record .dh')?.textContent.includes('record {n + 1} of')")
        assert page.page.evaluate("window.canary") is None
    for number in range(0, len(HOSTILE), 3):
        page.page.goto(f"{hostile.base}/findings?group=rule&open=f{number:032x}")
        assert page.page.locator("#main img, #main script, #main b b, #main style").count() == 0
    page.page.goto(hostile.base + "/discover")
    page.page.locator(".facet[data-name='user.name'] li a.v").first.click()
    page.page.wait_for_selector(".pill")
    assert page.hits() == 1
    page.close()


WITHOUT_DEFENCES = """
from markupsafe import Markup
from eye.web import guard
from eye.web import shell as pages
from eye.web import show
class Bare(pages.Environment):
    def __init__(self, **options):
        super().__init__(**{**options, "autoescape": False})
pages.Environment = Bare
show._visible = Markup
guard.HEADERS = tuple(h for h in guard.HEADERS if h[0] != b"content-security-policy")
import sys
from eye.cli import main
sys.argv = ["eye", "serve", *sys.argv[1:]]
main()
"""


def test_the_canary_would_sing_on_a_page_without_escaping_and_policy(browser, hostile):
    bare = Served(hostile.case, "-c", WITHOUT_DEFENCES)
    context = browser.new_context()
    try:
        page = context.new_page()
        page.on("dialog", lambda d: d.dismiss())
        for path in ("/discover", f"/findings?open=f{0:032x}"):
            page.goto(bare.line)
            page.goto(bare.base + path)
            page.wait_for_timeout(300)
            assert page.evaluate("window.canary") == 1, path
    finally:
        context.close()
        bare.stop()


def test_control_and_direction_characters_are_labels(browser, hostile):
    page = Page(browser, hostile)
    labels = set(page.page.locator("#grid .ctl").all_text_contents())
    assert {"ESC", "NUL", "BEL", "U+202E", "U+2028"} <= labels
    assert page.page.evaluate("!/[\\u202e\\u001b\\u0000\\u2028]/.test(document.body.textContent)")
    page.close()


def get(url, **headers):
    try:
        with urllib.request.build_opener(NoRedirect).open(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers, e.read().decode()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args):
        return None


def test_only_the_token_opens_and_only_from_here(served):
    port = served.base.rpartition(":")[2]
    assert re.fullmatch(r"http://127(\.\d+){3}:\d+/\?token=[\w-]{20,}", served.line)
    for path in ("/", "/discover", "/static/eye.js", "/?token=wrong", "/drawer?open=1", "/discover?token=" + served.token):
        status, headers, body = get(served.base + path)
        assert status == 403 and "set-cookie" not in headers and "evtx" not in body
    status, headers, _ = get(served.line)
    cookie = headers["set-cookie"]
    assert status == 303 and "HttpOnly" in cookie and "SameSite=Strict" in cookie and "token" not in headers["location"]
    good = {"Cookie": cookie.split(";")[0]}
    status, headers, body = get(served.base + "/discover", **good)
    policy = headers["content-security-policy"]
    assert status == 200 and "default-src 'self'" in policy and "unsafe" not in policy and headers["x-content-type-options"] == "nosniff"
    assert " style=" not in body and " onclick" not in body and "<style" not in body
    assert get(served.base + "/discover", **good, Host=f"evil.example:{port}")[0] == 403
    assert get(served.base + "/discover", **good, Origin="http://evil.example")[0] == 403
    for other in ("cross-site", "same-site"):
        assert get(served.base + "/discover", **good, **{"Sec-Fetch-Site": other})[0] == 403
    for trick in ("/static/../cli.py", "/static/%2e%2e/cli.py", "/static//etc/passwd", "/nothing"):
        assert get(served.base + trick, **good)[0] == 404
    for odd in (
        "from=99999999999999999999",
        "open=abc",
        "open=9223372036854775807",
        "t=x..y",
        "z=..",
        "f=%00",
        "q=%ff",
        "from=-1",
        "f=" + "a" * 5000,
    ):
        assert get(served.base + "/discover?" + odd, **good)[0] in (200, 400)
