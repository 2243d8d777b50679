"""Plant WMI subscriptions, timers, providers and classes: `wmi.yaml`, in a repository of each host that a writer makes byte by byte."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fixtures.wmi.writer import Repository
from tests import yamls

if TYPE_CHECKING:
    from tests.range.plants import Planter

ROWS = yamls.read(Path(__file__).with_suffix(".yaml"))
FOLDER = "Windows/System32/wbem/Repository"
CONSUMERS = (
    "CommandLineEventConsumer",
    "ActiveScriptEventConsumer",
    "LogFileEventConsumer",
    "SMTPEventConsumer",
    "NTEventLogEventConsumer",
)


def plant(p: Planter, host: str, number: int, *, guilty: bool) -> None:
    """Plant the `number`th variant of every row in the repository of a host."""
    made = Repository()
    _subscribe(made, "root\\subscription", "NTEventLogEventConsumer", "SCM Event Log Consumer", SourceName="Service Control Manager")
    for row, variants in ROWS.items():
        word = p.word()
        variant = _filled(variants["guilty" if guilty else "odd"][number], word)
        for hive, key, name, text in variant.pop("also", ()):
            p.value(host, hive, key, name, "REG_SZ", text)
        put(made, variant)
        p.note(row, host, guilty, word, variants.get("least", "high"))
    for name, content in made.files().items():
        p.bytes(host, f"{FOLDER}/{name}", content)


def put(made: Repository, given: dict[str, Any]) -> None:
    """Put an object into a repository: a class with a text where it has `define`, else an instance, bound unless `unbound`."""
    namespace, kind = given.pop("namespace"), given.pop("class", "")
    if "define" in given:
        made.define(namespace, given["define"], "", [("Text", "string", False)], Text=given["text"])
    elif kind in CONSUMERS and not given.pop("unbound", False):
        _subscribe(made, namespace, kind, **given)
    else:
        made.put(namespace, kind, **given)


def _subscribe(made: Repository, namespace: str, kind: str, Name: str, **values: Any) -> None:
    """Put a consumer, a filter and the binding between them."""
    if kind not in made.classes or made.classes[kind][0] != namespace:
        made.define(namespace, kind, "__EventConsumer", made.classes[kind][1].properties)
    made.put(namespace, kind, Name=Name, **values)
    made.put(namespace, "__EventFilter", Name=Name, QueryLanguage="WQL", Query="SELECT * FROM __InstanceModificationEvent WITHIN 60")
    made.put(namespace, "__FilterToConsumerBinding", Filter=f'__EventFilter.Name="{Name}"', Consumer=f'{kind}.Name="{Name}"')


def _filled(value: Any, word: str) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, word) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, word) for one in value]
    return value.replace("<word>", word) if isinstance(value, str) else value
