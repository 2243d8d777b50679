"""The Removal page: what HUNTER did on which host, from `CASE/hunter/status.json`, which `hunter status` writes. It changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from eye.web.page import WebPage
from eye.web.shell import Shell
from eye.web.state import State
from scout.console import Complaint

MAX_BYTES = 64 << 20
SCHEMA = 1
_ACTION = ("id", "title", "mechanism", "class", "status", "reason", "note", "time", "verdict", "verdict_reason")
_MEMORY = ("action", "program", "pid", "time", "file", "sha256", "sealed_sha256")
_RUN = ("host", "state", "path", "seal", "began", "ended", "signer", "receipt")


def page(shell: Shell, request: Request) -> Response:
    """The page: `?open=RUN:ACTION` opens an action."""
    try:
        shell.renew()
        shown = view(read(shell.store.case), request.query_params.get("open", ""))
    except Complaint as complaint:
        return HTMLResponse(shell.message("removal", complaint.what, complaint.do), 503)
    body = shell.render("removal.html", "removal", view=shown, query="", state=State(), problem=None)
    return shell.page(request, _url(shown["open"]), body)


def read(case: Path) -> dict[str, Any]:
    """Return the status of the case, an empty one where there is none. Complaint where the file is not as HUNTER writes it."""
    path = case / "hunter" / "status.json"
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        found: dict[str, Any] = json.loads(raw) if len(raw) <= MAX_BYTES else {}
        if found["schema"] != SCHEMA:
            raise ValueError("another form")
        refused = [_texts(each, ("path", "why")) for each in found["refused"]]
        return {"made": str(found["made"]), "runs": [_run(run) for run in found["runs"]], "refused": refused}
    except FileNotFoundError:
        return {"made": "", "runs": [], "refused": []}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise Complaint("hunter/status.json of this case is not as HUNTER writes it.", "Write it anew: hunter status CASE") from e


def _texts(node: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: str(node[name]) for name in names}


def _run(run: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_texts(run, _RUN),
        "journal": _texts(run["journal"], ("lines", "head")),
        "compared": int(run["compared"]),
        "unexplained": [str(path) for path in run["unexplained"]],
        "stays": [_texts(each, ("path", "why")) for each in run["stays"]],
        "memory": [_memory(each) for each in run["memory"]],
        "verified": [_texts(each, ("time", "how", "gone", "there", "unseen")) for each in run["verified"]],
        "actions": [_action(action) for action in run["actions"]],
    }


def _memory(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {**_texts({"action": "", **kept}, _MEMORY), "size": int(kept["size"]), "lost": int(kept["unread"]) + int(kept["left_out"])}


def _action(action: Mapping[str, Any]) -> dict[str, Any]:
    changes = [
        {"what": str(c["what"]), "rows": list(_before_after(dict(c["before"]), dict(c["after"]))), "backup": {**c["backup"]}}
        for c in action["changes"]
    ]
    return {**_texts(action, _ACTION), "why": _listed(action["why"]), "said": _listed(action.get("said", ())), "changes": changes}


def _listed(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]


def _before_after(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield str(name), str(before.get(name, "not there")), str(after.get(name, "not there"))


def view(found: Mapping[str, Any], chosen: str) -> dict[str, Any]:
    """Everything that the template needs."""
    runs, detail = [], None
    for n, run in enumerate(found["runs"]):
        rows = []
        for action in run["actions"]:
            key = f"{n}:{action['id']}"
            rows.append({**action, "key": key, "url": _url(key), "css": _css(action)})
            if key == chosen:
                kept = [each for each in run["memory"] if each["action"] in (action["id"], "")]
                detail = {**action, "css": _css(action), "run": run, "memory": kept}
        counts = Counter(a["status"] for a in run["actions"])
        runs.append({**run, "rows": rows, "counts": ", ".join(f"{count} {word}" for word, count in counts.items())})
    every = [a for run in found["runs"] for a in run["actions"]]
    return {
        "runs": runs,
        "refused": found["refused"],
        "made": found["made"],
        "hosts": len({run["host"] for run in found["runs"]}),
        "total": len(every),
        "removed": sum(a["status"] == "removed" for a in every),
        "gone": sum(a["verdict"] == "gone" for a in every),
        "there": sum(a["verdict"] == "THERE" for a in every),
        "open": chosen if detail else "",
        "detail": detail,
    }


def _css(action: Mapping[str, Any]) -> str:
    """Return the severity whose shape and colour an action gets; `ok` for one that is done and not back."""
    if action["verdict"] == "THERE" or action["status"] == "in part":
        return "high"
    return "ok" if action["status"] == "removed" else "low" if action["status"] in ("planned", "ask") else "medium"


def _url(key: str) -> str:
    return "/removal" + (f"?{urlencode({'open': key})}" if key else "")


PAGE = WebPage("removal", {"/removal": page}, "Removal", "plan", 9)
