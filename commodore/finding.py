"""Findings and their targets: the JSON objects that detection writes, and that the Eye and HUNTER read.

The types describe the lines of the `findings` files of a case. A key that is not required may be absent.
`@timestamp` is null where no record has a time.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, NamedTuple, TypedDict, cast

SEVERITIES = ("informational", "low", "medium", "high", "critical")
"""All severities, rising. `event.severity` is the place in this list, from 1."""
MOST_SEVERE_FIRST = SEVERITIES[::-1]


def finding_id(collection: str, host: str, rule: str, group: str) -> str:
    """Return the `escadre.id` of the finding that the hits of one rule and group on one host make: 32 hexadecimal digits."""
    return blake2b("\0".join(("finding", collection, host, rule, group)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class Removal(NamedTuple):
    """One way to remove an object: `verb` in a plan's `do`, and the words that a person reads."""

    verb: str
    words: str


REMOVALS = {
    "RV": Removal("delete-value", "delete the value"),
    "RK": Removal("delete-key", "delete the key"),
    "RS": Removal("restore-default", "restore the default"),
    "XE": Removal("remove-entry", "remove one element from the list"),
    "FQ": Removal("quarantine", "quarantine the file"),
    "TK": Removal("remove-task", "remove the task"),
    "SV": Removal("remove-service", "stop and remove the service"),
    "WM": Removal("remove-wmi", "remove binding, consumer and filter"),
    "LN": Removal("remove-line", "remove one line"),
    "JS": Removal("remove-member", "remove one member of JSON or XML"),
    "UN": Removal("remove-unit", "stop, disable and mask the unit"),
    "KP": Removal("end-process", "stop and end the process"),
    "SP": Removal("suspend-process", "stop the process and keep its memory"),
    "AC": Removal("disable-account", "disable the account"),
    "PK": Removal("reinstall", "reinstall from the package"),
    "NI": Removal("isolate", "isolate the host"),
    "MM": Removal("report", "report; remove by hand"),
}
"""Code → removal. `remove` of a persistence row and of a target has codes joined with `+`, `removal` of HUNTER's catalogue has one."""


class FileFacts(TypedDict, total=False):
    """The facts of a collected file, as a line of `members/<collection>.jsonl.zst` has them."""

    sha256: str
    size: int
    mode: str
    uid: int
    gid: int
    owner: str
    group_name: str
    nlink: int
    ino: int
    dev: int
    parent_ino: int
    root_ino: int
    xattrs: dict[str, str]
    mtime: str
    ctime: str
    atime: str
    btime: str
    type: str
    link: str
    verdict: str
    member: int
    method: str
    valid: int


FILE_FACTS = tuple(FileFacts.__annotations__)
"""Names of all facts."""


class FindingTarget(TypedDict, total=False):
    """The object that a finding is about, as HUNTER needs it to remove the object.

    mechanism     id of the persistence row, or `file`
    kind          kind of object: the name of a HUNTER mechanism (`systemd-unit`, `registry-value`, `file` …)
    remove        codes of `REMOVALS`, joined with `+`
    path          native path of the file, or full path of the registry key
    name          name of the object within the path
    data          the value as text; a list where the object has several (commands of a task, strings of a registry value)
    data_type, data_bytes   registry type and original bytes (base64)
    payload       native paths of the files that the object starts
    payload_files facts of those that were collected
    file          facts of the file at `path`, or of the hive
    links         native paths of the links to a unit
    line, line_bytes, line_number   text, bytes (base64) and number (from 1) of a line of a text file
    elements      unexpected elements of a registry value that is a list
    hive, key, value, value_key, hive_file, written   place of a registry value
    start, account, control_set   settings of a service
    principal     account of a scheduled task
    scope, drop_in   `system` or `user`, and the drop-in's name, of a systemd unit
    namespace, wmi_class   place of an object of WMI; its `path` has both and its keys. hive, key of a provider: that of its COM server
    pid, started, image_sha256   number, start (RFC 3339 UTC) and SHA-256 of the program of a running process; its `path` is the program
    bindings, filters      paths of what leads to a consumer of WMI, in the same order: one filter for each binding
    """

    mechanism: str
    kind: str
    remove: str
    path: str
    name: str
    data: str | list[str]
    data_type: str
    data_bytes: str
    payload: list[str]
    payload_files: dict[str, FileFacts]
    file: FileFacts
    links: list[str]
    line: str
    line_bytes: str
    line_number: int
    elements: list[str]
    hive: str
    key: str
    value: str
    value_key: str
    hive_file: str
    written: str
    start: str
    account: str
    control_set: str
    principal: str
    scope: str
    drop_in: str
    namespace: str
    wmi_class: str
    bindings: list[str]
    filters: list[str]
    pid: int
    started: str
    image_sha256: str


def finding_target(**fields: object) -> FindingTarget:
    """Return the target with these fields, those that are None left out. Raises TypeError for a name that a target does not have."""
    if unknown := fields.keys() - FindingTarget.__annotations__.keys():
        raise TypeError(f"a target has no field `{min(unknown)}`")
    return cast(FindingTarget, {name: value for name, value in fields.items() if value is not None})


_Required = TypedDict(
    "_Required",
    {
        "@timestamp": str | None,
        "event.kind": str,
        "event.dataset": str,
        "event.category": list[str],
        "event.type": list[str],
        "event.action": str,
        "event.severity": int,
        "message": str,
        "host.name": str,
        "rule.id": str,
        "rule.name": str,
        "rule.category": str,
        "escadre.severity": str,
        "escadre.confidence": str,
        "count": int,
        "escadre.records": list[str],
        "escadre.matched": dict[str, Any],
        "escadre.collection": str,
        "escadre.reason": str,
        "escadre.id": str,
    },
)
_Optional = TypedDict(
    "_Optional",
    {
        "escadre.first": str,
        "escadre.last": str,
        "rule.author": list[str],
        "rule.license": str,
        "rule.reference": str,
        "rule.ruleset": str,
        "threat.technique.id": list[str],
        "threat.indicator.type": str,
        "threat.indicator.marking.tlp": str,
        "threat.indicator.confidence": str,
        "escadre.indicator_expires": str,
        "target": FindingTarget,
        "escadre.attack_version": str,
        "escadre.group": str,
        "escadre.cause": str,
    },
    total=False,
)


class Finding(_Required, _Optional):
    """One ECS alert. `escadre.matched`: field → value of any JSON type. `escadre.cause`: id of the finding that names the target."""
