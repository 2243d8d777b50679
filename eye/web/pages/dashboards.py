"""The Dashboards page: the dashboards of `eye/dashboards/declared`, drawn with the numbers of the embedded index."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from eye.dashboards.declaration import NUMBER, Dashboard, dashboards
from eye.dashboards.numbers import numbers
from eye.dashboards.scope import scope_of
from eye.index.store import Store
from eye.query.words import fold
from eye.web.page import WebPage
from eye.web.panels import drawn, whole_range
from eye.web.shell import Shell
from eye.web.state import State
from scout.console import Complaint

VALUES = 500
"""Values of the field `each` that can be chosen from."""


def page(shell: Shell, request: Request) -> Response:
    """The page of one dashboard: `?name=…`, and `?of=…` for the value of the field that it is declared for."""
    try:
        opened = shell.renew()
        store = opened[0]
        chosen = next((d for d in dashboards() if d.name == request.query_params.get("name")), dashboards()[0])
        values = [value for value, _ in store.facet(store.ask(""), chosen.each, VALUES)[0]] if chosen.each else []
        wanted = request.query_params.get("of", "")
        value = next((v for v in values if fold(v) == fold(wanted)), values[0] if values else "")
        shown = shell.kept(("dashboard", chosen.name, value), lambda now: view(now[0], chosen, value), opened)
    except Complaint as complaint:
        return HTMLResponse(shell.message("dashboards", complaint.what, complaint.do), 503)
    tabs = [(d.title, url(d), d.name == chosen.name) for d in dashboards()]
    body = shell.render(
        "dashboards.html", "dashboards", view=shown, tabs=tabs, values=sorted(values), value=value, query="", state=State(), problem=None
    )
    return shell.page(request, url(chosen, value), body)


def url(dashboard: Dashboard, value: str = "") -> str:
    """The address of a dashboard."""
    return "/dashboards?" + urlencode([("name", dashboard.name), *((("of", value),) if value else ())])


def view(store: Store, dashboard: Dashboard, value: str) -> dict[str, Any]:
    """Everything that the template needs."""
    scope = scope_of(store)
    panels = [drawn(dashboard, numbers(store, dashboard, panel, scope, value), scope, value) for panel in dashboard.panels]
    return {
        "title": dashboard.title,
        "name": dashboard.name,
        "about": dashboard.about,
        "each": dashboard.each,
        "timed": dashboard.timed,
        "range": whole_range(scope),
        "numbers": [p for p in panels if p["kind"] == NUMBER],
        "panels": [p for p in panels if p["kind"] != NUMBER],
    }


PAGE = WebPage("dashboards", {"/dashboards": page}, "Dashboards", "dashboards", 3)
