"""The saved objects of a case for Kibana: data views, saved searches, visualizations, dashboards; references complete.

Ids are made of the name of the case, so an import again replaces what an earlier one made.
"""

from __future__ import annotations

import json
from typing import Any

from eye.dashboards.declaration import NUMBER, OVER_TIME, ROWS, TOP, Dashboard, Panel, dashboards
from eye.dashboards.scope import Scope, queries
from eye.elastic.fields import HIDDEN
from eye.elastic.names import HEAD, index_names, slug
from eye.kibana import lens
from eye.query.clause import clause

VERSIONS = {"index-pattern": "8.0.0", "search": "8.0.0", "lens": "8.9.0", "dashboard": "8.9.0"}
"""Saved object type → `typeMigrationVersion`: the oldest form that has what is written here; a later Kibana migrates it."""
CORE_VERSION = "8.8.0"
MOST = 100
"""Dashboards that are made of one that is declared for each value of a field."""
SIZES = {NUMBER: (12, 6), TOP: (16, 13), OVER_TIME: (48, 11), ROWS: (48, 16)}
"""Columns (of 48) and rows of a panel."""
FORMATS: dict[str, dict[str, Any]] = {
    "file.size": {"id": "bytes"},
    **{
        name: {"id": "number", "params": {"pattern": "0"}}
        for name in ("process.pid", "process.parent.pid", "source.port", "destination.port", "winlog.process.pid", "escadre.member")
    },
    "escadre.records": {
        "id": "url",
        "params": {
            "urlTemplate": "../app/discover#/?_a=(query:(language:lucene,query:'escadre.id:{{value}}'))"
            "&_g=(time:(from:'1970-01-01T00:00:00.000Z',to:now))",
            "labelTemplate": "{{value}}",
        },
    },
}
"""Field → formatter. A finding cites its records: each id leads to the record."""


class SavedObjects:
    """Makes the objects of one case. `values`: those of a field that a dashboard is declared for, the most frequent first."""

    def __init__(self, case: str, scope: Scope | None, values: dict[str, list[str]]) -> None:
        self.case, self.slug, self.scope, self.values = case, slug(case), scope, values
        self.left_out: dict[str, int] = {}
        """field → values for which no dashboard was made"""

    def all(self) -> list[dict[str, Any]]:
        """Return every object, those that others refer to first."""
        everything = self._search("all", "All records", (), ("host.name", "event.dataset", "message"), self.id("records"))
        made = [*self._data_views(), everything]
        for dashboard in dashboards():
            made += [self._panel(dashboard, panel) for panel in dashboard.panels]
        for dashboard in dashboards():
            chosen = self.values.get(dashboard.each, [])[:MOST] if dashboard.each else [""]
            if dashboard.each and len(self.values.get(dashboard.each, [])) > MOST:
                self.left_out[dashboard.each] = len(self.values[dashboard.each]) - MOST
            made += [self._dashboard(dashboard, value, n) for n, value in enumerate(chosen)]
        return made

    def id(self, *parts: object) -> str:
        """Return the id of an object of this case."""
        return "-".join([HEAD, self.slug, *(str(part).replace("_", "-") for part in parts)])

    def _object(self, type_: str, id_: str, attributes: dict[str, Any], references: list[dict[str, str]]) -> dict[str, Any]:
        head = {"type": type_, "id": id_, "coreMigrationVersion": CORE_VERSION, "typeMigrationVersion": VERSIONS[type_]}
        return {**head, "attributes": attributes, "references": references}

    def _data_views(self) -> list[dict[str, Any]]:
        """With a time field (Kibana's range of time applies), and without one (objects that have no time are found too)."""
        title = ",".join(index_names(self.case))
        shared = {
            "fieldFormatMap": json.dumps(FORMATS),
            "fieldAttrs": "{}",
            "runtimeFieldMap": "{}",
            "sourceFilters": json.dumps([{"value": f} for f in HIDDEN]),
        }
        timed = {"title": title, "name": f"{self.case}: records", "timeFieldName": "@timestamp", **shared}
        timeless = {"title": title, "name": f"{self.case}: records with and without a time", **shared}
        return [
            self._object("index-pattern", self.id("records"), timed, []),
            self._object("index-pattern", self.id("timeless"), timeless, []),
        ]

    def _view(self, dashboard: Dashboard, panel: Panel) -> str:
        return self.id("records" if dashboard.timed or panel.kind == OVER_TIME else "timeless")

    def _panel(self, dashboard: Dashboard, panel: Panel) -> dict[str, Any]:
        title = f"{self.case}: {dashboard.title}: {panel.title}"
        asked = queries(dashboard, panel)
        if panel.kind == ROWS:
            return self._search(
                self._name(dashboard, panel), f"{dashboard.title}: {panel.title}", asked, panel.columns, self._view(dashboard, panel)
            )
        view = self._view(dashboard, panel)
        return self._object(
            "lens", self.id(self._name(dashboard, panel)), lens.attributes(panel, title, asked, self.scope), [lens.reference(view)]
        )

    def _name(self, dashboard: Dashboard, panel: Panel) -> str:
        return f"{dashboard.name}-{panel.name}"

    def _search(self, name: str, title: str, asked: tuple[str, ...], columns: tuple[str, ...], view: str) -> dict[str, Any]:
        index = "kibanaSavedObjectMeta.searchSourceJSON.index"
        source = {"query": lens.lucene("", asked), "filter": [], "indexRefName": index}
        attributes = {
            "title": f"{self.case}: {title}",
            "description": "",
            "columns": list(columns),
            "sort": [["@timestamp", "desc"]],
            "grid": {},
            "hideChart": False,
            "isTextBasedQuery": False,
            "timeRestore": False,
            "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)},
        }
        return self._object("search", self.id(name), attributes, [{"type": "index-pattern", "id": view, "name": index}])

    def dashboard_id(self, dashboard: Dashboard, number: int = 0) -> str:
        """Return the id of a dashboard; `number`: of the value of the field that it is declared for."""
        return self.id("dashboard", dashboard.name, *((number + 1,) if dashboard.each else ()))

    def _dashboard(self, dashboard: Dashboard, value: str, number: int) -> dict[str, Any]:
        placed = list(_placed(dashboard.panels))
        panels = [self._links(dashboard)] + [_slot(panel, place) for panel, place in placed]
        references = []
        for panel, _ in placed:
            kind = "search" if panel.kind == ROWS else "lens"
            name = f"{panel.name}:panel_{panel.name}"
            references.append({"type": kind, "id": self.id(self._name(dashboard, panel)), "name": name})
        query = lens.lucene("", (clause(dashboard.each, value),) if dashboard.each else ())
        first, last = self.scope.window if self.scope else ("now-30y", "now")
        attributes = {
            "title": f"{self.case}: {dashboard.title}" + (f" {value}" if value else ""),
            "description": dashboard.about,
            "panelsJSON": json.dumps(panels),
            "optionsJSON": json.dumps(
                {"useMargins": True, "syncColors": False, "syncCursor": True, "syncTooltips": False, "hidePanelTitles": False}
            ),
            "timeRestore": True,
            "timeFrom": first,
            "timeTo": last,
            "refreshInterval": {"pause": True, "value": 0},
            "version": 1,
            "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps({"query": query, "filter": []})},
        }
        return self._object("dashboard", self.dashboard_id(dashboard, number), attributes, references)

    def _links(self, here: Dashboard) -> dict[str, Any]:
        """A line of links to the other dashboards of the case."""
        shown = [d for d in dashboards() if not d.each or self.values.get(d.each)]
        words = " · ".join(f"**{d.title}**" if d is here else f"[{d.title}](#/view/{self.dashboard_id(d)})" for d in shown)
        markdown = {
            "title": "",
            "description": "",
            "type": "markdown",
            "params": {"fontSize": 12, "openLinksInNewTab": False, "markdown": words},
            "uiState": {},
            "data": {"aggs": [], "searchSource": {"query": {"query": "", "language": "lucene"}, "filter": []}},
        }
        return {
            "type": "visualization",
            "gridData": {"x": 0, "y": 0, "w": 48, "h": 3, "i": "links"},
            "panelIndex": "links",
            "embeddableConfig": {"savedVis": markdown, "hidePanelTitles": True, "enhancements": {}},
        }


def _placed(panels: tuple[Panel, ...]) -> list[tuple[Panel, dict[str, Any]]]:
    """Panels with their places, in lines from the left, below the links."""
    found, x, y, line = [], 0, 3, 0
    for panel in panels:
        wide, high = SIZES[panel.kind]
        if x + wide > 48:
            x, y, line = 0, y + line, 0
        found.append((panel, {"x": x, "y": y, "w": wide, "h": high, "i": panel.name}))
        x, line = x + wide, max(line, high)
    return found


def _slot(panel: Panel, place: dict[str, Any]) -> dict[str, Any]:
    """A panel that refers to its object. A click on a bar can open Discover with the records behind it."""
    config: dict[str, Any] = {"enhancements": {}, "title": panel.title}
    if panel.kind in (TOP, OVER_TIME):
        event = {
            "eventId": f"discover-{panel.name}",
            "triggers": ["FILTER_TRIGGER"],
            "action": {"factoryId": "OPEN_IN_DISCOVER_DRILLDOWN", "name": "Records in Discover", "config": {"openInNewTab": True}},
        }
        config["enhancements"] = {"dynamicActions": {"events": [event]}}
    kind = "search" if panel.kind == ROWS else "lens"
    return {"type": kind, "gridData": place, "panelIndex": panel.name, "embeddableConfig": config, "panelRefName": f"panel_{panel.name}"}
