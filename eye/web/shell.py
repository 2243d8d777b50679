"""Requests → pages. What a page shows is made in `discover` and `findings`; here it meets the templates."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from eye.case import findings as read_findings
from eye.index.build import outdated
from eye.index.schema import ROW
from eye.index.store import Store
from eye.query.syntax import forms
from eye.query.tree import QueryComplaint
from eye.web.pages import discover, findings, show
from eye.web.state import State, read
from scout.console import Complaint, plural

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
Opened = tuple[Store, findings.Findings]
KEPT = 32
LOOK = 2.0
"""Seconds between two looks whether the case or its index has changed."""


class Pages:
    """The pages of one case. Handlers are plain functions: starlette runs them in threads."""

    def __init__(self, store: Store) -> None:
        self.store, self.old = store, ""
        self.found = findings.Findings(read_findings(store.case))
        self._looked, self._seen = time.monotonic(), self._state()
        self.environment = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self.environment.filters.update(ev=show.evidence, whole=show.whole, plain=show.plain, wbr=_breaks)
        self.environment.filters.update(n=lambda n: f"{n:,}", when=discover.when)
        self.environment.globals.update(plural=plural, severity=findings.css, forms=forms())
        self._lock = threading.Lock()
        self._answers: OrderedDict[State, discover.Answer] = OrderedDict()

    def _state(self) -> tuple[tuple[str, int], ...]:
        """What tells that another process has built parts of the index, or found other findings."""
        files = [*self.store.case.glob("findings/*.jsonl.zst"), *self.store.home.glob("v*/meta.json")]
        return tuple((str(file), file.stat().st_mtime_ns) for file in sorted(files) if file.exists())

    def renew(self) -> Opened:
        """The index and the findings that one answer rests on: anew where another process has built it meanwhile. Says in `old` where the
        case has grown and its index has not.
        """
        with self._lock:
            if time.monotonic() - self._looked < LOOK:
                return self.store, self.found
            self._looked = time.monotonic()
            try:
                seen = self._state()
                self.old = outdated(self.store.case, self.store.marks if seen == self._seen else None)
            except OSError:  # a file went while it was looked at: the next look tells
                return self.store, self.found
            if self.old or seen == self._seen:
                return self.store, self.found
            self.store = Store(self.store.case, build=False, seconds=self.store.seconds)  # the former ends with its last question
            self.found, self._seen = findings.Findings(read_findings(self.store.case)), seen
            self._answers.clear()
            return self.store, self.found

    def render(self, template: str, page: str, **content: Any) -> str:
        """A template with what every page has."""
        shell = {"case": self.store.case.resolve().name, "records": self.store.records, "finding_count": len(self.found.all), "page": page}
        return self.environment.get_template(template).render(**shell, old=self.old, **content)

    def home(self, request: Request) -> Response:
        """`/` is Discover."""
        return RedirectResponse(f"/discover?{request.url.query}" if request.url.query else "/discover", 303)

    def answer(self, state: State, opened: Opened) -> discover.Answer:
        """What was asked, computed once per state (page and open record apart)."""
        key = replace(state, start=0, open=None)
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        made = discover.answer(opened[0], key, opened[1])
        with self._lock:
            if opened[0] is self.store:
                self._answers[key] = made
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
        return made

    def discover(self, request: Request) -> Response:
        """The Discover page; a query that cannot be answered keeps the old rows on the page and says what is wrong."""
        state = read(request.query_params)
        try:
            store, found = opened = self.renew()
            view = discover.view(store, state, self.answer(state, opened), found)
        except Complaint as complaint:
            return self.problem(request, state, complaint)
        return self.page(
            request, state.url(), self.render("discover.html", "discover", view=view, state=state, problem=None, query=state.query)
        )

    def problem(self, request: Request, state: State, complaint: Complaint) -> Response:
        told = discover.problem(state, complaint)
        if request.headers.get("hx-request"):
            body = self.render("problem.html", "discover", state=state, problem=told, query=state.query)
            return HTMLResponse(body, headers={"HX-Reswap": "none", "HX-Push-Url": "false"})
        return HTMLResponse(
            self.render("discover.html", "discover", view=None, state=state, problem=told, query=state.query),
            400 if isinstance(complaint, QueryComplaint) else 503,
        )

    def drawer(self, request: Request) -> Response:
        """The record drawer alone, for the list that is already on the page."""
        state = read(request.query_params)
        try:
            store, found = opened = self.renew()
            drawer = discover.drawer(store, state, self.answer(state, opened), found)
        except Complaint as complaint:
            return self.problem(request, state, complaint)
        body = self.render("drawer.html", "discover", drawer=drawer, state=state)
        return HTMLResponse(body, headers={"HX-Push-Url": state.url()})

    def record(self, request: Request) -> Response:
        """One whole record, as it stands in the case."""
        row = request.query_params.get("row", "")
        try:
            found = self.store.by_rows([int(row)] if row.isascii() and row.isdigit() and len(row) < 20 else [])
        except Complaint as complaint:
            return JSONResponse({"problem": complaint.what}, 503)
        return JSONResponse({k: v for k, v in found[0].items() if k != ROW} if found else {}, 200 if found else 404)

    def complete(self, request: Request) -> Response:
        """Fields, or values of a field, that begin like the word under the cursor; nothing where that takes too long."""
        word = request.query_params.get("word", "")[:200]
        try:
            told = discover.completion(self.store, word)
        except Complaint:
            return HTMLResponse("")
        return HTMLResponse(self.render("complete.html", "discover", **told))

    def findings(self, request: Request) -> Response:
        """The Findings page."""
        try:
            view = findings.view(*self.renew(), request.query_params)
        except Complaint as complaint:
            body = self.render("message.html", "findings", title=complaint.what, text=complaint.do, query="", state=State(), problem=None)
            return HTMLResponse(body, 503)
        return self.page(request, view["url"](), self.render("findings.html", "findings", view=view, query="", state=State(), problem=None))

    def page(self, request: Request, url: str, body: str) -> Response:
        headers = (
            {"HX-Push-Url": url} if request.headers.get("hx-request") and not request.headers.get("hx-history-restore-request") else {}
        )
        return HTMLResponse(body, headers=headers)

    def missing(self, _request: Request, _error: Exception) -> Response:
        """No such page."""
        return HTMLResponse(
            self.render(
                "message.html",
                "",
                title="No such page",
                text="This address leads nowhere in this case.",
                query="",
                state=State(),
                problem=None,
            ),
            404,
        )

    def defect(self, _request: Request, error: Exception) -> Response:
        """A defect says so, in one line, and the server goes on."""
        if os.environ.get("ESCADRE_DEBUG"):
            traceback.print_exception(error)
        text = f"{type(error).__name__}. Records and findings are not touched. Run with ESCADRE_DEBUG=1 and report what it prints."
        return HTMLResponse(
            self.render("message.html", "", title="A defect of the Eye", text=text, query="", state=State(), problem=None), 500
        )


def _breaks(name: str) -> Markup:
    """A field name that may break after its dots."""
    return Markup(".<wbr>").join(show.evidence(part) for part in name.split("."))
