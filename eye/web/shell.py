"""State that all pages share: the open index, the findings, the templates, the cached answers."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from commodore.case.reader import CaseReader
from eye.case import findings as read_findings
from eye.case import receipts, told_versions
from eye.index.build import outdated
from eye.index.store import Store
from eye.query.syntax import forms
from eye.web import cited, show
from eye.web.state import State
from scout.console import plural

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
Opened = tuple[Store, cited.Findings]
KEPT = 32
LOOK = 2.0
"""Seconds between two checks for a changed case or index."""


def _findings(case: Path) -> cited.Findings:
    return cited.Findings(read_findings(case), CaseReader(case).matches)


class Shell:
    """The state of one served case. Handlers of pages are plain functions: starlette runs them in threads. `pages`: those of the rail."""

    def __init__(self, store: Store, pages: Sequence[object]) -> None:
        self.store, self.old = store, ""
        self.made, self.receipts = told_versions(store.case), receipts(store.case)
        self.found = _findings(store.case)
        self._looked, self._seen = time.monotonic(), self._state()
        self.environment = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self.environment.filters.update(ev=show.evidence, whole=show.whole, plain=show.plain, wbr=_breaks)
        self.environment.filters.update(n=lambda n: f"{n:,}", when=show.when)
        self.environment.globals.update(plural=plural, severity=cited.css, pages=pages, forms=forms())
        self._lock = threading.Lock()
        self._answers: OrderedDict[object, Any] = OrderedDict()

    def _state(self) -> tuple[tuple[str, int], ...]:
        """Marks that change when another process builds parts of the index or writes other findings."""
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
            self.found, self._seen = _findings(self.store.case), seen
            self._answers.clear()
            return self.store, self.found

    def render(self, template: str, page: str, **content: Any) -> str:
        """Render a template with the values that every page needs."""
        shell = {
            "case": self.store.case.resolve().name,
            "records": self.store.records,
            "found": self.found,
            "made": self.made,
            "receipts": self.receipts,
            "page": page,
        }
        return self.environment.get_template(template).render(**shell, old=self.old, **content)

    def home(self, request: Request) -> Response:
        """Redirect `/` to Discover."""
        return RedirectResponse(f"/discover?{request.url.query}" if request.url.query else "/discover", 303)

    def kept(self, key: object, make: Callable[[Opened], Any], opened: Opened) -> Any:
        """Return the result of `make`, computed once per key and state of the index."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        made = make(opened)
        with self._lock:
            if opened[0] is self.store:
                self._answers[key] = made
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
        return made

    def message(self, page: str, title: str, text: str) -> str:
        """Return a page with a message and nothing else."""
        return self.render("message.html", page, title=title, text=text, query="", state=State(), problem=None)

    def page(self, request: Request, url: str, body: str) -> Response:
        headers = (
            {"HX-Push-Url": url} if request.headers.get("hx-request") and not request.headers.get("hx-history-restore-request") else {}
        )
        return HTMLResponse(body, headers=headers)

    def missing(self, _request: Request, _error: Exception) -> Response:
        """Answer a request for an unknown page."""
        return HTMLResponse(self.message("", "No such page", "This address leads nowhere in this case."), 404)

    def defect(self, _request: Request, error: Exception) -> Response:
        """Answer a request that failed by a defect: one line, and the server continues."""
        if os.environ.get("ESCADRE_DEBUG"):
            traceback.print_exception(error)
        text = f"{type(error).__name__}. Records and findings are not touched. Run with ESCADRE_DEBUG=1 and report what it prints."
        return HTMLResponse(self.message("", "A defect of the Eye", text), 500)


def _breaks(name: str) -> Markup:
    """Return the markup of a field name that may wrap after its dots."""
    return Markup(".<wbr>").join(show.evidence(part) for part in name.split("."))
