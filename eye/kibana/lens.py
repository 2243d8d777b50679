"""A panel as the attributes of a Lens visualization: what Kibana asks Elasticsearch is in its columns and its query.

The form is that of Kibana 8.9 (saved object type `lens`, state of the data source `formBased`); a later Kibana migrates it on import.
Queries are in Lucene syntax, as `eye.query.kibana` translates them, so they mean the same whatever Kibana's settings are.
"""

from __future__ import annotations

from typing import Any

from commodore.schema import registry
from eye.dashboards.bars import SECOND
from eye.dashboards.declaration import NUMBER, OVER_TIME, RECORDS, Panel
from eye.dashboards.scope import Scope
from eye.query.kibana import to_kibana

LAYER = "layer"
COUNT, BUCKET, TIME = "count", "values", "time"
_DATA = {"keyword": "string", "long": "number", "boolean": "boolean", "ip": "ip", "date": "date"}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def lucene(query: str, filters: tuple[str, ...] = ()) -> dict[str, str]:
    """Return Kibana's form of a query of the Eye and of further queries that must match too; an empty one for everything."""
    found = to_kibana(query, filters)
    return {"query": "" if found == "*:*" else found, "language": "lucene"}


def interval(width: int) -> str:
    """Return a number of nanoseconds (whole seconds) as an interval of Elasticsearch: `30d`."""
    seconds = width // SECOND
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size}{unit}"


def attributes(panel: Panel, title: str, queries: tuple[str, ...], scope: Scope | None) -> dict[str, Any]:
    """Return the attributes of the `lens` object of a panel that counts."""
    columns = _columns(panel, scope)
    layer = {"columns": columns, "columnOrder": list(columns), "incompleteColumns": {}, "sampling": 1, "ignoreGlobalFilters": False}
    return {
        "title": title,
        "description": "",
        "visualizationType": "lnsMetric" if panel.kind == NUMBER else "lnsXY",
        "state": {
            "visualization": _metric() if panel.kind == NUMBER else _bars(panel),
            "query": lucene("", queries),
            "filters": [],
            "datasourceStates": {"formBased": {"layers": {LAYER: layer}}},
            "internalReferences": [],
            "adHocDataViews": {},
        },
    }


def reference(data_view: str) -> dict[str, str]:
    """Return the reference of a Lens object to its data view."""
    return {"type": "index-pattern", "id": data_view, "name": f"indexpattern-datasource-layer-{LAYER}"}


def _columns(panel: Panel, scope: Scope | None) -> dict[str, Any]:
    count = {"label": "Records", "dataType": "number", "operationType": "count", "isBucketed": False, "scale": "ratio"}
    count |= {"sourceField": "___records___", "customLabel": True, "params": {"emptyAsNull": False}}
    if panel.kind == NUMBER:
        if panel.field == RECORDS:
            return {COUNT: count | {"label": panel.title}}
        return {COUNT: count | {"label": panel.title, "operationType": "unique_count", "sourceField": panel.field}}
    if panel.kind == OVER_TIME:
        width = interval(scope.width) if scope else "auto"
        params = {"interval": width, "includeEmptyRows": True, "dropPartials": False}
        time = {"label": "@timestamp", "dataType": "date", "operationType": "date_histogram", "isBucketed": True, "scale": "interval"}
        over = {TIME: time | {"sourceField": "@timestamp", "params": params}, COUNT: count}
        return over if panel.field == RECORDS else {BUCKET: _terms(panel, other=True), **over}
    return {BUCKET: _terms(panel, other=False), COUNT: count}


def _terms(panel: Panel, *, other: bool) -> dict[str, Any]:
    params = {
        "size": panel.limit,
        "orderBy": {"type": "column", "columnId": COUNT},
        "orderDirection": "desc",
        "otherBucket": other,
        "missingBucket": False,
        "parentFormat": {"id": "terms"},
        "secondaryFields": [],
        "accuracyMode": True,  # 1,000 values of each index are compared: the case is in several
    }
    return {
        "label": panel.field,
        "customLabel": True,
        "dataType": _DATA[registry()[panel.field].type],
        "operationType": "terms",
        "sourceField": panel.field,
        "isBucketed": True,
        "scale": "ordinal",
        "params": params,
    }


def _metric() -> dict[str, Any]:
    return {"layerId": LAYER, "layerType": "data", "metricAccessor": COUNT}


def _bars(panel: Panel) -> dict[str, Any]:
    form = "bar_stacked" if panel.kind == OVER_TIME else "bar_horizontal"
    layer = {"layerId": LAYER, "layerType": "data", "accessors": [COUNT], "position": "top", "seriesType": form, "showGridlines": False}
    layer["xAccessor"] = TIME if panel.kind == OVER_TIME else BUCKET
    if panel.kind == OVER_TIME and panel.field != RECORDS:
        layer["splitAccessor"] = BUCKET
    return {
        "legend": {"isVisible": panel.kind == OVER_TIME, "position": "right"},
        "valueLabels": "hide",
        "preferredSeriesType": form,
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": False, "yRight": False},
        "layers": [layer],
    }
