"""Logon sessions: who came from where, as what kind, when, until when, and what failed before. From event logs and Linux login records."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from commodore.artefact import Artefact, Problem, Record
from commodore.case.view import CaseView
from commodore.host import Host
from commodore.readers import starts
from commodore.readers.logons import CHOSEN, KEPT, KINDS, MOST, LogonStep, collected
from commodore.sentence import sentence

ARTEFACT = Artefact(
    name="logons",
    title="Logon sessions",
    about="One record per logon session, and one per run of failed logons of one account from one source. A session is joined from all "
    "records about it: Windows by the logon id, which is unique on its computer until the next start; remote desktop by session number, "
    "account and time; Linux by process id, terminal and time. All of these are used again: a record that names another account or "
    "terminal is of another session. A record of an end without a beginning, which lies before the log begins, "
    "makes no session. `event.end` is absent where no record shows the end. What a domain controller refused (Kerberos, NTLM) counts as "
    "failed; several records of one failure count once.",
    datasets=("evtx", "auth_log", "utmp", "wtmpdb"),
    chosen=CHOSEN,
    fields=(
        "event.start",
        "event.end",
        "event.outcome",
        "event.reason",
        "user.name",
        "user.domain",
        "user.id",
        "source.ip",
        "source.domain",
        "winlog.computer_name",
        "winlog.logon.id",
        "winlog.logon.type",
        "process.pid",
        "escadre.session.id",
        "escadre.tty",
        "escadre.logon.kind",
        "escadre.logon.privileges",
        "escadre.logon.attempts",
        "escadre.logon.failures_before",
        "escadre.logon.first_from_source",
        "escadre.logon.account_created",
        "escadre.records_used",
    ),
    times={
        "@timestamp": "event.start: when the session or the run of failures began",
        "event.start": "beginning",
        "event.end": "end of the session, or the last failure of the run",
        "escadre.logon.account_created": "creation of the account, where it was at most a day before",
    },
    kind="event",
    category=("authentication", "session"),
    type=("info",),
    action="logon-session-derived",
    attack=("T1078",),
    confidence="logged",
    message="[[{user.domain}\\]{user.name!q}|An unknown account] logged on ({escadre.logon.kind})[ from {source.ip}].",
    version=3,
    sources=(
        "Microsoft, 4624(S), 4625(F), 4634(S), 4647(S), 4672(S), 4778(S), 4779(S), 4720(S): LogonId and its lifetime; 4768(S, F), 4771(F), "
        "4776(S, F)",
        "Events 21 to 25 of TerminalServices-LocalSessionManager and 1149 of TerminalServices-RemoteConnectionManager",
        "OpenSSH, auth.c; Linux-PAM, pam_unix; utmp(5)",
    ),
)

_SESSION = sentence(
    "[[{user.domain}\\]{user.name!q}|An unknown account] "
    "[{?failed}failed to log on {attempts} {attempts:time|times}|{?sure}logged on|connected, perhaps to log on] ({escadre.logon.kind})"
    "[ from {source.ip}[ ({source.domain!q})]| from {source.domain!q}][, with special privileges{?privileged}]"
    "[; the session ended at {ended}]."
)
_DESKTOP = frozenset({"Interactive", "Unlock", "RemoteInteractive", "CachedInteractive", "CachedRemoteInteractive", "CachedUnlock"})
_REMOTE = frozenset({"remote desktop", "remote desktop, cached credentials", "ssh", "network, password in clear text"})
_NEAR, _RUN, _BEFORE, _NEW, _ONE = 30.0, 3600.0, 3600.0, 86_400.0, 2.0
"""Seconds: two records of one logon; the longest pause within a run of failures; failures that count before a success; age of a new
account; two records of one failure, or a logon and its privileges."""
_SYSTEM = frozenset({"0x3e7", "0x3e5", "0x3e4"})
"""Logon ids of SYSTEM, LOCAL SERVICE and NETWORK SERVICE: one session each from start to start, to which every service logs on."""
_HISTORY, _DAYS = 10, 7 * 86_400.0
"""Sessions, and seconds since the first of them, from which "first from this source" means something."""
_USED = 100
_COPIED = tuple(name for name in KEPT if name not in ("@timestamp", "user.target.name", "user.target.id"))


@dataclass(slots=True)
class _Session:
    """One session, or one run of failures."""

    fields: dict[str, Any]
    start: float
    kind: str
    outcome: str = "success"
    last: float = 0.0
    attempts: int = 0
    merged: bool = False
    used: list[str] = field(default_factory=list)

    def add(self, step: LogonStep) -> None:
        """Add what a further record says; what is known already stays."""
        for name in _COPIED:
            if name in step.fields:
                self.fields.setdefault(name, step.fields[name])
        if step.id and len(self.used) < _USED and step.id not in self.used:
            self.used.append(step.id)


def derive(view: CaseView, host: Host) -> Iterator[Record | Problem]:  # noqa: ARG001  (all derivations have one form)
    """Yield one record per session and per run of failures, by computer and start."""
    steps, refused, timeless = collected(view)
    if refused:
        yield Problem(f"more than {MOST:,} events about logons: the rest is in no session", lost=refused)
    if timeless:
        yield Problem(f"{timeless} events about logons have no time and are in no session", lost=timeless)
    table = _Table()
    for step in sorted(steps, key=lambda s: s[:3]):
        table.take(step)
    names: dict[str, int] = {}
    for session in sorted((s for s in table.all if not s.merged), key=_place):
        locator = f"logon {session.used[0] if session.used else session.start}"
        names[locator] = names.get(locator, 0) + 1
        yield Record(locator if names[locator] == 1 else f"{locator} {names[locator]}", _record(session))


class _Table:
    """All sessions; the open ones by logon id, session number, process id and terminal."""

    def __init__(self) -> None:
        self.all: list[_Session] = []
        self._open: dict[tuple[str, str, str], _Session] = {}
        self._runs: dict[tuple[str, ...], _Session] = {}
        self._failed: dict[tuple[str, str], dict[str, deque[float]]] = {}
        self._connected: dict[tuple[str, str], _Session] = {}
        self._recent: dict[tuple[str, str], _Session] = {}
        self._history: dict[tuple[str, str], tuple[float, int, set[str]]] = {}
        self._created: dict[tuple[str, str], tuple[float, str, str]] = {}
        self._last_run: dict[tuple[str, str], tuple[_Session, str]] = {}
        self._won: dict[tuple[str, str, str], float] = {}
        self._early: dict[tuple[str, str], LogonStep] = {}
        self._do: dict[str, Callable[[LogonStep], None]] = {
            "start": self._start,
            "terminal": self._joined,
            "desktop": self._joined,
            "failure": self._failure,
            "connected": self._connect,
            "boot": self._boot,
            "created": self._create,
            "end": self._end,
            "desktop-end": self._end,
        }

    def take(self, step: LogonStep) -> None:
        """Add one step; they come in the order of time."""
        self._do.get(step.what, self._use)(step)

    def _keys(self, step: LogonStep) -> Iterator[tuple[str, str, str]]:
        named = (("id", "winlog.logon.id"), ("session", "escadre.session.id"), ("pid", "process.pid"), ("tty", "escadre.tty"))
        for kind, name in named:
            if name in step.fields and not (kind == "pid" and step.dataset == "evtx"):
                yield step.computer, kind, str(step.fields[name]).lower()

    def _found(self, step: LogonStep) -> _Session | None:
        """Return the open session that the step is about: one with its logon id, number, process or terminal, and of its account."""
        there = (self._open[key] for key in self._keys(step) if key in self._open)
        return next((session for session in there if not _differ(session.fields, step.fields)), None)

    def _start(self, step: LogonStep) -> None:
        known = self._found(step)
        same = known is not None and _account(known.fields) == _account(step.fields)
        if known is not None and same and (abs(known.start - step.time) < 1.0 or step.fields.get("winlog.logon.id", "").lower() in _SYSTEM):
            self._attach(known, step)  # the same event in two logs, or in two datasets; a service that starts
            return
        made = self._new(step, KINDS.get(step.fields.get("winlog.logon.type", ""), step.fields.get("kind", "unknown")))
        pending = self._connected.pop((step.computer, _account(step.fields)), None)
        if pending is not None and made.kind in _REMOTE and step.time - pending.start <= 2 * _NEAR:
            self._merge(made, pending)

    def _joined(self, step: LogonStep) -> None:
        """A session as the session manager or utmp has it: the logon that another log has, or one of its own."""
        known = self._found(step)
        if known is None or _account(known.fields) != _account(step.fields):
            recent = self._recent.get((step.computer, _account(step.fields)))
            fits = (
                recent is not None
                and abs(step.time - recent.start) <= _NEAR
                and recent.fields.get("winlog.logon.type", "") in ("", *_DESKTOP)
            )
            known = recent if fits else None
        if known is None:
            remote = "source.ip" in step.fields
            known = self._new(step, ("remote desktop" if remote else "interactive") if step.dataset == "evtx" else step.fields["kind"])
        self._attach(known, step)
        pending = self._connected.pop((step.computer, _account(step.fields)), None)
        if pending is not None and step.time - pending.start <= 2 * _NEAR:
            self._merge(known, pending)

    def _new(self, step: LogonStep, kind: str) -> _Session:
        made = _Session({}, step.time, kind)
        made.fields["event.start"] = step.fields["@timestamp"]
        self.all.append(made)
        self._attach(made, step)
        account, source = _account(step.fields), _source(step.fields)
        self._recent[step.computer, account] = made
        if source:
            self._after_failures(made, step, account)
        self._since(made, step, account, source)
        early = self._early.pop((step.computer, str(step.fields.get("winlog.logon.id", "")).lower()), None)
        if early is not None and step.time - early.time <= _ONE:
            self._use(early)
        return made

    def _attach(self, session: _Session, step: LogonStep) -> None:
        session.add(step)
        for key in self._keys(step):
            self._open[key] = session

    def _merge(self, session: _Session, pending: _Session) -> None:
        """Add a connection of remote desktop to the session that it led to."""
        pending.merged = True
        for name, value in pending.fields.items():
            session.fields.setdefault(name, value)
        session.used = [*session.used, *pending.used][:_USED]

    def _use(self, step: LogonStep) -> None:
        session = self._found(step)
        if session is None:
            if step.what == "privileges":  # Windows may write it some milliseconds before the logon
                self._early[step.computer, str(step.fields.get("winlog.logon.id", "")).lower()] = step
            return
        self._attach(session, step)
        if step.fields.get("privileges"):
            session.fields["escadre.logon.privileges"] = step.fields["privileges"]

    def _end(self, step: LogonStep) -> None:
        session = self._found(step)
        if session is None or step.time < session.start:
            return
        session.add(step)
        session.fields.setdefault("event.end", step.fields["@timestamp"])
        if step.what == "end":
            for key in [key for key in self._keys(step) if self._open.get(key) is session]:
                del self._open[key]

    def _connect(self, step: LogonStep) -> None:
        session = _Session({"event.start": step.fields["@timestamp"]}, step.time, "remote desktop", outcome="unknown")
        session.add(step)
        self.all.append(session)
        self._connected[step.computer, _account(step.fields)] = session

    def _failure(self, step: LogonStep) -> None:
        account, source = _account(step.fields), _source(step.fields)
        for name in _names(step.fields):
            self._failed.setdefault((step.computer, name), {}).setdefault(step.counter, deque(maxlen=10_000)).extend(
                [step.time] * min(step.times, 10_000)
            )
        last, counter = self._last_run.get((step.computer, account), (None, ""))
        if last is not None and counter != step.counter and step.dataset == "evtx" and step.time - last.last <= _ONE:
            addresses = {fields["source.ip"] for fields in (last.fields, step.fields) if "source.ip" in fields}
            if len(addresses) < 2:  # of one failure, the check of the password has a record, and the logon
                last.add(step)
                last.kind = KINDS.get(step.fields.get("winlog.logon.type", ""), last.kind)
                return
        kind = KINDS.get(step.fields.get("winlog.logon.type", ""), step.fields.get("kind", "unknown"))
        key = (step.computer, account, source, kind, step.dataset)
        run = self._runs.get(key)
        if run is None or step.time - run.last > _RUN:
            run = self._runs[key] = _Session({"event.start": step.fields["@timestamp"]}, step.time, kind, outcome="failure")
            self.all.append(run)
        run.add(step)
        run.last, run.attempts = step.time, run.attempts + step.times
        run.fields["event.end"] = step.fields["@timestamp"]
        self._last_run[step.computer, account] = run, step.counter

    def _boot(self, step: LogonStep) -> None:
        """Forget the open sessions: ids are used again after a start. Logons shortly before the marker belong to the new start."""
        self._open = {k: s for k, s in self._open.items() if k[0] != step.computer or s.start > step.time - starts.SLACK}

    def _create(self, step: LogonStep) -> None:
        """Remember a new account; what one of the same name did before it is another account's history."""
        fields = step.fields
        account = str(fields.get("user.target.name", "")).lower()
        self._created[step.computer, account] = (step.time, fields["@timestamp"], str(fields.get("user.target.id", "")))
        self._history.pop((step.computer, account), None)

    def _after_failures(self, session: _Session, step: LogonStep, account: str) -> None:
        """Count the failures from the source since its last success with the account; several records of the same failures count once."""
        most = 0
        for source in _names(step.fields):
            after = max(step.time - _BEFORE, self._won.get((step.computer, account, source), 0.0))
            failed = self._failed.get((step.computer, source), {}).values()
            most = max(most, *(sum(t > after for t in times) for times in failed), 0)
            self._won[step.computer, account, source] = step.time
        if most:
            session.fields["escadre.logon.failures_before"] = most

    def _since(self, session: _Session, step: LogonStep, account: str, source: str) -> None:
        """Compare with the account's history: its creation, and the sources that it came from."""
        created = self._created.get((step.computer, account))
        other = created is not None and _differ_ids(created[2], str(step.fields.get("user.id", "")))
        if created is not None and not other and session.kind not in ("service", "system", "batch") and step.time - created[0] <= _NEW:
            session.fields["escadre.logon.account_created"] = created[1]
            del self._created[step.computer, account]
        if session.kind not in _REMOTE or not source:
            return
        first, count, sources = self._history.get((step.computer, account), (step.time, 0, set()))
        if source not in sources and count >= _HISTORY and step.time - first >= _DAYS:
            session.fields["escadre.logon.first_from_source"] = True
        self._history[step.computer, account] = (first, count + 1, sources | {source})


def _place(session: _Session) -> tuple[str, float, list[str]]:
    return str(session.fields.get("winlog.computer_name", "")).lower(), session.start, session.used[:1]


def _account(fields: dict[str, Any]) -> str:
    """Return the name of the account, without its domain, in lower case."""
    return str(fields.get("user.name", "")).lower().rpartition("\\")[2].partition("@")[0]


def _differ(session: dict[str, Any], step: dict[str, Any]) -> bool:
    """Return whether two records name different accounts or terminals; what one of them does not name differs in nothing."""
    accounts, terminals = (_account(session), _account(step)), (session.get("escadre.tty", ""), step.get("escadre.tty", ""))
    return any(one and other and one != other for one, other in (accounts, terminals))


def _differ_ids(one: str, other: str) -> bool:
    """Return whether both are security ids of accounts, and not of the same one."""
    return one.startswith("S-1-5-21-") and other.startswith("S-1-5-21-") and one != other


def _source(fields: dict[str, Any]) -> str:
    """Return the address that a logon came from, or the computer's name; '' for the host itself."""
    return next(iter(_names(fields)), "")


def _names(fields: dict[str, Any]) -> list[str]:
    """Return address and name of the computer that a logon came from; none for the host itself."""
    itself = str(fields.get("winlog.computer_name", "")).lower().partition(".")[0]
    found = [str(fields[name]).lower() for name in ("source.ip", "source.domain") if fields.get(name)]
    return [] if found[:1] == ["::1"] or any(name.startswith("127.") for name in found[:1]) else [n for n in found if n != itself]


def _record(session: _Session) -> dict[str, Any]:
    out = dict(session.fields)
    out["@timestamp"] = out["event.start"]
    out["event.outcome"] = session.outcome
    out["event.type"] = ["info"] if session.outcome == "unknown" else ["start"]
    out["escadre.logon.kind"] = session.kind
    if session.used:
        out["escadre.records_used"] = session.used
    if session.attempts:
        out["escadre.logon.attempts"] = session.attempts
    failed = session.outcome == "failure"
    shown = {
        "failed": failed,
        "attempts": session.attempts,
        "sure": session.outcome == "success",
        "privileged": "escadre.logon.privileges" in out,
        "ended": None if failed else out.get("event.end"),
    }
    out["message"] = _SESSION(out | shown)
    return out
