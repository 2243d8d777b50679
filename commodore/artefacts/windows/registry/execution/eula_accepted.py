r"""EulaAccepted: tools of Sysinternals whose licence a user accepted, which each asks for at its first run."""

from __future__ import annotations

from typing import Any

from commodore.registry import At, each_key, registry_artefact
from scout.formats.regf import Key


def _tool(at: At, key: Key) -> dict[str, Any] | None:  # noqa: ARG001
    accepted = key.value("EulaAccepted")
    if accepted is None:
        return None
    made = {"escadre.execution.program": key.name, "escadre.settings": [f"EulaAccepted={accepted.text}"]}
    return made | {"escadre.eula.accepted": accepted.text != "0"}


ARTEFACT, parse, expected = registry_artefact(
    name="eula_accepted",
    title="Tools of Sysinternals that ran",
    about="Tools such as PsExec, ProcDump or SDelete ask each user once to accept their licence, or are given `-accepteula`; either "
    "leaves a key with the name of the tool. A key of one's own name shows a tool that ran renamed.",
    proves_not="Later runs, or what the tool did. Tools set the key again at each run in some versions, so the time may be that of a "
    "later run.",
    keys=(r"Software\Sysinternals", r"Software\Sysinternals\*"),
    read=each_key(_tool),
    fields=("escadre.execution.program", "escadre.settings", "escadre.eula.accepted"),
    times={"@timestamp": "last write of the tool's key: as a rule its first run by this user"},
    category=("process",),
    type=("start",),
    action="program-run-observed",
    attack=("T1588.002",),
    message="[{user.name}|An account] [{?escadre.eula.accepted}accepted|did not accept] the licence "
    "of {escadre.execution.program!q} at {@timestamp}.",
    version=2,
    sources=("Sysinternals Licensing FAQ, Microsoft Learn",),
)
