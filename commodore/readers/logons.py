"""Records about logons as steps of one form: a session starts, is used, ends; a logon fails; the host starts; an account is created.

Sources: Microsoft, 4624(S) to 4779(S), 4768(S, F), 4771(F), 4776(S, F), logon types; events 21 to 25 and 1149 of remote desktop;
OpenSSH, auth.c; Linux-PAM, pam_unix; utmp(5).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from commodore.case.view import CaseView
from commodore.chosen import ANY, Chosen
from commodore.readers import starts
from commodore.readers.computers import Computers
from commodore.readers.copies import LineCopies
from commodore.readers.instants import seconds

KINDS = {
    "System": "system",
    "Interactive": "interactive",
    "Network": "network",
    "Batch": "batch",
    "Service": "service",
    "Unlock": "unlock",
    "NetworkCleartext": "network, password in clear text",
    "NewCredentials": "other credentials for the network",
    "RemoteInteractive": "remote desktop",
    "CachedInteractive": "interactive, cached credentials",
    "CachedRemoteInteractive": "remote desktop, cached credentials",
    "CachedUnlock": "unlock, cached credentials",
}
_SECURITY = "Microsoft-Windows-Security-Auditing"
_MANAGER = "Microsoft-Windows-TerminalServices-LocalSessionManager"
_REMOTE_MANAGER = "Microsoft-Windows-TerminalServices-RemoteConnectionManager"
_STEPS = dict.fromkeys(starts.EVENTS, "boot") | {
    (_SECURITY, "4624"): "start",
    (_SECURITY, "4625"): "failure",
    (_SECURITY, "4634"): "end",
    (_SECURITY, "4647"): "end",
    (_SECURITY, "4672"): "privileges",
    (_SECURITY, "4720"): "created",
    (_SECURITY, "4768"): "refused",
    (_SECURITY, "4771"): "refused",
    (_SECURITY, "4776"): "refused",
    (_SECURITY, "4778"): "use",
    (_SECURITY, "4779"): "use",
    (_MANAGER, "21"): "desktop",
    (_MANAGER, "23"): "desktop-end",
    (_MANAGER, "24"): "desktop-use",
    (_MANAGER, "25"): "desktop",
    (_REMOTE_MANAGER, "1149"): "connected",
}
_REFUSED = {"4768": "Kerberos ticket", "4771": "Kerberos ticket", "4776": "NTLM check"}
"""Event id → kind of a logon that the account's authority refused: what a domain controller has of logons to other computers."""
_LINUX = {("ssh-login", "success"): "start", ("console-login", "success"): "start", ("user-created", "success"): "created"}
_LINUX |= {("ssh-login", "failure"): "failure", ("console-login", "failure"): "failure", ("user-login", "failure"): "failure"}
_LINUX |= {("session-opened", "success"): "use", ("session-closed", ""): "end"}
_UTMP = {"USER_PROCESS": "terminal", "DEAD_PROCESS": "end", "BOOT_TIME": "boot"}
_ORDER = {"boot": 0, "created": 1, "failure": 2, "connected": 3, "start": 4}
MOST = 500_000
"""Events in memory at once; the ledger counts those beyond."""
KEPT = (
    *("@timestamp", "host.name", "winlog.computer_name", "user.name", "user.domain", "user.id", "user.target.name", "user.target.id"),
    *(
        "source.ip",
        "source.domain",
        "winlog.logon.id",
        "winlog.logon.type",
        "escadre.session.id",
        "escadre.tty",
        "process.pid",
        "event.reason",
    ),
)
CHOSEN = {
    "evtx": Chosen(
        {"event.code": frozenset(code for _, code in _STEPS)},
        reads=dict.fromkeys((*KEPT, "escadre.id", "event.code", "event.outcome", "winlog.provider_name"), ANY)
        | {"winlog.event_data": ("PrivilegeList", "Status")},
    ),
    "auth_log": Chosen({"event.action": frozenset(action for action, _ in _LINUX)}),
}
"""dataset → its records that may be a step"""


class LogonStep(NamedTuple):
    """One record about a logon. `time`: seconds since 1970; `what`: kind of step; `fields`: those of `KEPT`, `kind` and `privileges`.

    `counter`: the kind of record; one failure may have a record of each kind. `times`: how often it happened (`message repeated 5 times`).
    """

    computer: str
    time: float
    order: int
    what: str
    dataset: str
    id: str
    fields: dict[str, Any]
    counter: str = ""
    times: int = 1


def collected(view: CaseView) -> tuple[list[LogonStep], int, int]:
    """Return the steps, the number of events beyond the bound, and the number of those without a time."""
    steps: list[LogonStep] = []
    refused = timeless = 0
    copies, computers = LineCopies(), Computers()
    for dataset, what in (("evtx", _of_event), ("auth_log", _of_line), ("utmp", _of_entry), ("wtmpdb", _of_entry)):
        for record in view.records(dataset):
            if not (step := what(record)) or (dataset == "auth_log" and copies.has(_line(record), int(record.get("escadre.member", 0)))):
                continue
            moment = seconds(record.get("@timestamp"))
            if moment is None or len(steps) >= MOST:
                refused, timeless = refused + (moment is not None), timeless + (moment is None)
                continue
            fields = {name: record[name] for name in KEPT if name in record}
            if step == "privileges":
                fields["privileges"] = str((record.get("winlog.event_data") or {}).get("PrivilegeList", "")).split()
            if dataset == "evtx":
                fields |= {"kind": _REFUSED[code]} if (code := record["event.code"]) in _REFUSED else {}
            else:
                fields["kind"] = _kind(record)
            computer = computers.key(record.get("winlog.computer_name"))
            order, counter = _ORDER.get(step, 9), f"evtx {record['event.code']}" if dataset == "evtx" else dataset
            steps.append(LogonStep(computer, moment, order, step, dataset, record.get("escadre.id", ""), fields, counter, _times(record)))
    return steps, refused, timeless


def _line(record: dict[str, Any]) -> tuple[Any, Any]:
    return record.get("@timestamp"), record.get("event.original")


def _times(record: dict[str, Any]) -> int:
    times = record.get("escadre.repeated", 1)
    return min(max(times, 1), MOST) if isinstance(times, int) else 1


def _of_event(record: dict[str, Any]) -> str:
    step = _STEPS.get((record.get("winlog.provider_name", ""), record.get("event.code", "")), "")
    if step != "refused":
        return step
    status = str((record.get("winlog.event_data") or {}).get("Status", ""))
    return "failure" if record.get("event.outcome") == "failure" or status.removeprefix("0x").strip("0") else ""


def _of_line(record: dict[str, Any]) -> str:
    return _LINUX.get((record.get("event.action", ""), record.get("event.outcome", "")), "")


def _of_entry(record: dict[str, Any]) -> str:
    if record.get("event.outcome") == "failure":
        return "failure"
    return _UTMP.get(record.get("escadre.utmp.type", ""), "")


def _kind(record: dict[str, Any]) -> str:
    """Return how somebody logged on to Linux: an ftp server writes no terminal (`ftpd3333`), a terminal with an address is sshd's."""
    terminal = str(record.get("escadre.tty", ""))
    if terminal.startswith("ftp"):
        return "ftp"
    remote = "source.ip" in record or "source.domain" in record or str(record.get("event.provider", "")).startswith("sshd")
    return "ssh" if record.get("event.action") == "ssh-login" or remote or terminal.startswith("ssh") else "console"
