"""A WMI that Wine does not have, at the thinnest boundary: the objects of the scripting interface (SWbemServices) over a dictionary.

It shows that HUNTER asks for the right objects in the right order. It proves nothing about WMI.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

NOT_FOUND = 0x80041002


class FakeError(Exception):
    """What COM raises."""

    def __init__(self, number: int) -> None:
        super().__init__(hex(number))
        self.hresult, self.excepinfo = number, None


class _Properties(list[SimpleNamespace]):
    def __call__(self, name: str) -> SimpleNamespace:
        for each in self:
            if each.Name == name:
                return each
        self.append(SimpleNamespace(Name=name, Value=None))
        return self[-1]


class FakeServices:
    """A namespace. `held`: relative path → (class, properties)."""

    def __init__(self, namespace: str, held: dict[str, tuple[str, dict[str, Any]]]) -> None:
        self.namespace, self.held = namespace, held

    def _object(self, path: str, name: str, properties: dict[str, Any]) -> SimpleNamespace:
        made = _Properties(SimpleNamespace(Name=key, Value=value) for key, value in properties.items())
        return SimpleNamespace(Properties_=made, Path_=SimpleNamespace(Class=name, RelPath=path))

    def Get(self, path: str) -> Any:
        if "." not in path.partition('"')[0]:
            return SimpleNamespace(SpawnInstance_=lambda: self._new(path))
        if path not in self.held:
            raise FakeError(NOT_FOUND)
        return self._object(path, *self.held[path])

    def _new(self, name: str) -> SimpleNamespace:
        made = self._object("", name, {})
        keys = ("Filter", "Consumer") if name == "__FilterToConsumerBinding" else ("Name",)

        def put() -> None:
            values = {each.Name: each.Value for each in made.Properties_}
            words = ",".join('{}="{}"'.format(key, values[key].replace("\\", "\\\\").replace('"', '\\"')) for key in keys)
            self.held[f"{name}.{words}"] = (name, values)

        made.Put_ = put
        return made

    def Delete(self, path: str) -> None:
        if self.held.pop(path, None) is None:
            raise FakeError(NOT_FOUND)

    def InstancesOf(self, name: str) -> list[SimpleNamespace]:
        return [self._object(path, *kept) for path, kept in self.held.items() if kept[0] == name]


HELD: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {}


def install() -> None:
    """Let HUNTER ask this WMI."""
    import hunter.host.windows.wmi as wmi

    real: Any = wmi
    real.connect = lambda namespace: FakeServices(namespace, HELD.setdefault(namespace.lower(), {}))
    real._error = lambda: FakeError


def answer(change: dict[str, dict[str, tuple[str, dict[str, Any]]]] | None = None) -> dict[str, Any]:
    """Install this WMI, add objects, and return all that it has."""
    install()
    for namespace, held in (change or {}).items():
        HELD.setdefault(namespace, {}).update({path: (kept[0], kept[1]) for path, kept in held.items()})
    return HELD
