"""Requests → pages. What a page shows is made in `discover` and `findings`; here it meets the templates."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from eye.case import findings as read_findings
from eye.lucene import QueryComplaint
from eye.store import Store
from eye.syntax import forms
from eye.web import discover, findings, show
from eye.web.state import State, read
from scout.console import Complaint, plural

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
KEPT = 32


class Pages:
    """The pages of one case. Handlers are plain functions: starlette runs them in threads."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.found = findings.Findings(read_findings(store.case))
        self.environment = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self.environment.filters.update(ev=show.evidence, plain=show.plain, n=lambda n: f"{n:,}", when=discover.when, wbr=_breaks)
        self.environment.globals.update(plural=plural, severity=findings.css, forms=forms())
        self._lock = threading.Lock()
        self._answers: OrderedDict[State, discover.Answer] = OrderedDict()

    def render(self, template: str, page: str, **content: Any) -> str:
        """A template with what every page has."""
        shell = {"case": self.store.case.resolve().name, "records": self.store.records, "finding_count": len(self.found.all), "page": page}
        return self.environment.get_template(template).render(**shell, **content)

    def home(self, request: Request) -> Response:
        """`/` is Discover."""
        return RedirectResponse(f"/discover?{request.url.query}" if request.url.query else "/discover", 303)

    def answer(self, state: State) -> discover.Answer:
        """What was asked, computed once per state (page and open record apart)."""
        key = State(state.query, state.filters, state.brush, state.zoom, state.descending)
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        made = discover.answer(self.store, key, self.found)
        with self._lock:
            self._answers[key] = made
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
        return made

    def discover(self, request: Request) -> Response:
        """The Discover page; a query that cannot be answered keeps the old rows on the page and says what is wrong."""
        state = read(request.query_params)
        try:
            answer = self.answer(state)
        except Complaint as complaint:
            return self.problem(request, state, complaint)
        view = discover.view(self.store, state, answer, self.found)
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
            drawer = discover.drawer(self.store, state, self.answer(state), self.found)
        except Complaint as complaint:
            return self.problem(request, state, complaint)
        body = self.render("drawer.html", "discover", drawer=drawer, state=state)
        return HTMLResponse(body, headers={"HX-Push-Url": state.url()})

    def complete(self, request: Request) -> Response:
        """Fields, or values of a field, that begin like the word under the cursor."""
        word = request.query_params.get("word", "")[:200]
        return HTMLResponse(self.render("complete.html", "discover", **discover.completion(self.store, word)))

    def findings(self, request: Request) -> Response:
        """The Findings page."""
        view = findings.view(self.store, self.found, request.query_params)
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
        text = f"{type(error).__name__}. Records and findings are not touched. Run with ESCADRE_DEBUG=1 and report what it prints."
        return HTMLResponse(
            self.render("message.html", "", title="A defect of the Eye", text=text, query="", state=State(), problem=None), 500
        )


def _breaks(name: str) -> Markup:
    """A field name that may break after its dots."""
    return Markup(".<wbr>").join(show.evidence(part) for part in name.split("."))
