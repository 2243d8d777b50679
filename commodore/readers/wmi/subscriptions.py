"""Which filters are bound to which consumers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from commodore.readers.wmi.index import name_hash
from commodore.readers.wmi.repository import BROKEN, WmiRepository

BINDING, FILTER = name_hash("__FilterToConsumerBinding"), name_hash("__EventFilter")
_KINDS = {
    "__eventfilter": "filter",
    "__eventconsumer": "consumer",
    "__filtertoconsumerbinding": "binding",
    "__timerinstruction": "timer",
    "__provider": "provider",
    "__providerregistration": "registration",
    "__namespace": "namespace",
}
_ABSOLUTE = re.compile(r"(?:\\\\[^\\]*\\)?((?:root)(?:\\[^:\\]+)*):(.*)", re.IGNORECASE | re.DOTALL)
_MOST = 50_000
"""bindings and filters that are joined"""
_LISTED = 64
"""bindings of one consumer that its record names"""


def kind_of(chain: Iterable[str]) -> str:
    """Return what an object is, by the classes from which its class is derived."""
    return next((kind for name in chain if (kind := _KINDS.get(name.lower()))), "instance")


def absolute(namespace: str, path: str) -> str:
    r"""Return the path of a class or object with its namespace, where that is known: `root\subscription:__EventFilter.Name="a"`."""
    return f"{namespace}:{path}" if namespace else path


class Subscriptions:
    """The bindings of a repository, by consumer."""

    def __init__(self, repository: WmiRepository) -> None:
        self._bindings: dict[str, list[tuple[str, str]]] = {}
        self._queries: dict[str, str] = {}
        left = _MOST
        for place in repository.instances:
            if place.class_hash not in (BINDING, FILTER) or left <= 0:
                continue
            left -= 1
            namespace = repository.namespace(place.namespace)
            try:
                found = repository.instance(place)
            except BROKEN:
                continue  # reported where the object itself is read
            path = absolute(namespace, found.path)
            if place.class_hash == FILTER:
                self._queries[_same(path)] = found.text("Query")
                continue
            consumer, source = (_resolved(found.text(name), namespace) for name in ("Consumer", "Filter"))
            self._bindings.setdefault(_same(consumer), []).append((path, source))

    def of(self, consumer: str) -> dict[str, Any]:
        """Return the fields of a consumer that say what is bound to it; none where nothing is."""
        bound = self._bindings.get(_same(consumer), [])
        if not bound:
            return {}
        more = [f"… {len(bound) - _LISTED:,} more"] if len(bound) > _LISTED else []
        bound = bound[:_LISTED]
        return {
            "escadre.wmi.bindings": [path for path, _ in bound] + more,
            "escadre.wmi.filters": [source for _, source in bound] + more,
            "escadre.trigger": [self._queries.get(_same(source)) or "a filter that is not in the repository" for _, source in bound] + more,
        }


def _resolved(path: str, namespace: str) -> str:
    """Return a reference with its namespace: that of the binding where it names none."""
    found = _ABSOLUTE.fullmatch(path)
    return absolute(found[1], found[2]) if found else absolute(namespace, path)


def _same(path: str) -> str:
    """Return what two spellings of a path have in common."""
    return path.replace("'", '"').casefold()
