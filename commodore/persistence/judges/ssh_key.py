"""Judge a key that may log in. Only the site knows which keys belong there, so each is a finding; its severity follows what it opens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import Judgement, worst
from commodore.persistence.judging import RowJudge, RowText
from commodore.persistence.linux import HIDDEN_LINE, line_target
from commodore.persistence.suspicion import Suspicion, is_interpreter, of_command, of_file
from commodore.sentence import sentence, short
from scout.formats import commandline

_SERVICE_HOME = re.compile(r"/(?:var|srv|opt|usr|bin|sbin|nonexistent|run|dev|tmp)(?:/|\Z)")
_REASON = sentence(
    "The key [{fingerprint}|without fingerprint] ([{comment}|no comment]) may log in as [{user}|an unknown user] ({path}): "
    "{words}; expected: {expected}."
)


@dataclass(frozen=True, slots=True)
class SshKeyOptions:
    """`restricted`: shell patterns of forced commands that give no shell. `services`: service accounts that people log in with."""

    restricted: tuple[str, ...]
    services: tuple[str, ...]


def judge(row: RowText, entry: AutostartEntry, options: SshKeyOptions) -> Judgement | None:
    """Judge the forced command, the environment and the line; else the account that the key opens."""
    user, path = entry.text("user.name"), entry.text("file.path")
    forced = entry.text("process.command_line")
    files = commandline.parse_posix(forced).files if forced else ()
    found = [("its forced command", s) for s in of_command(forced, "linux")] if forced else []
    for file in files:
        found += [(short(file), s) for s in of_file(file, "linux") if s.severity == "high"]
    if any(e.startswith(("LD_PRELOAD=", "LD_LIBRARY_PATH=")) for e in entry.texts("process.env_vars")):
        found.append(("its environment", Suspicion("high", "loads a library into the session")))
    if entry.record.get("escadre.line_hidden"):
        found.append(HIDDEN_LINE)
    severity, words = worst(found, "high") or _by_account(entry, options, user, path, forced)
    fingerprint, comment = entry.text("escadre.ssh.fingerprint"), entry.text("escadre.ssh.comment")
    values = {"fingerprint": fingerprint, "comment": short(comment, 60), "user": user, "path": path, "words": words}
    matched = entry.values("file.path", "escadre.ssh.fingerprint", "escadre.ssh.comment", "escadre.line")
    payload = [f for f in files if f.startswith("/") and not is_interpreter(f, "linux")]
    return Judgement(severity, _REASON(values | {"expected": row.expected}), matched, line_target(entry, fingerprint or comment, payload))


def _by_account(entry: AutostartEntry, options: SshKeyOptions, user: str, path: str, forced: str) -> tuple[str, str]:
    """Return severity and phrase by the account that the key opens and by the restrictions of the key."""
    host = entry.host
    restricted = bool(forced) and any(fnmatchcase(forced.lower(), p) for p in options.restricted)
    bound = restricted or "from=" in " ".join(entry.texts("escadre.settings")).lower()
    home = path.split("/.ssh/")[0] if "/.ssh/" in path else host.profiles.get(user, "")
    if bound:
        return "low", "it is bound to an address or a harmless command"
    if user == "root" or home == "/root":
        return "high", "it opens root from anywhere"
    if _SERVICE_HOME.match(home) and user not in options.services:
        return "high", f"{user or home} is no account that a person logs in with"
    uid = next((int(k) for k, v in host.users.items() if v == user and k.isdigit()), None)
    if uid is not None and 0 < uid < 1000 and not home.startswith("/home/"):
        return "high", f"{user} is a system account"
    return "medium", "whether it belongs there only the site knows"


JUDGE = RowJudge(SshKeyOptions, judge)
