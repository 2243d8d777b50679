r"""Objects of WMI of the running Windows, by the scripting interface.

An object is named by namespace and relative path: `root\subscription:__EventFilter.Name="x"`. Source: Microsoft, "Scripting API for WMI"
(SWbemServices, SWbemObject), "Determining the Type of Event to Receive" (__FilterToConsumerBinding).
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hunter.unsafe import UnsafeError

Properties = dict[str, Any]
BINDING = "__FilterToConsumerBinding"
CREATOR = "CreatorSID"
"""who made an object: set by WMI itself"""
_ABSENT = {0x80041002, 0x8004100E, 0x80041010}
"""no such object, namespace or class (WBEM_E_NOT_FOUND, WBEM_E_INVALID_NAMESPACE, WBEM_E_INVALID_CLASS)"""
_MOST = 10_000
_WHOLE = re.compile(r"(?:\\\\[^\\]+\\)?(root(?:\\[\w-]+)*):(.*)", re.IGNORECASE | re.DOTALL)


def connect(namespace: str) -> Any:
    """Return the SWbemServices of a namespace of this computer."""
    importlib.import_module("pythoncom").CoInitialize()
    dynamic = importlib.import_module("win32com.client.dynamic")
    return dynamic.Dispatch("WbemScripting.SWbemLocator").ConnectServer(".", namespace)


def read(path: str) -> tuple[str, Properties] | None:
    """Return (class, properties) of an object, None where it is not there. UnsafeError where WMI refuses."""
    namespace, _, relative = path.partition(":")
    with _asked(path):
        try:
            found = connect(namespace).Get(relative)
        except _error() as e:
            if _number(e) in _ABSENT:
                return None
            raise
        kept = {each.Name: _plain(each.Value) for each in found.Properties_}
        return str(found.Path_.Class), {name: value for name, value in kept.items() if value is not None}


def delete(path: str) -> None:
    """Delete an object. UnsafeError where WMI refuses."""
    namespace, _, relative = path.partition(":")
    with _asked(path):
        connect(namespace).Delete(relative)


def put(path: str, name: str, properties: Properties) -> None:
    """Make an object of a class with these properties. UnsafeError where WMI refuses."""
    with _asked(path):
        made = connect(path.partition(":")[0]).Get(name).SpawnInstance_()
        for key, value in properties.items():
            if key != CREATOR:
                made.Properties_(key).Value = value
        made.Put_()


def bindings(path: str) -> Iterator[tuple[str, str, str]]:
    """Yield (binding, its filter, its consumer) of the namespace of an object, each as a whole path. UnsafeError."""
    namespace = path.partition(":")[0]
    with _asked(path):
        for count, each in enumerate(connect(namespace).InstancesOf(BINDING)):
            if count == _MOST:
                raise UnsafeError(f"{namespace} has more than {_MOST} bindings")
            ends = [whole(str(each.Properties_(end).Value), namespace) for end in ("Filter", "Consumer")]
            yield whole(str(each.Path_.RelPath), namespace), ends[0], ends[1]


def whole(path: str, namespace: str) -> str:
    r"""Return a path with its namespace: of `\\.\root\subscription:X`, of `\\HOST\root\…`, and of a relative one."""
    found = _WHOLE.fullmatch(path)
    return f"{found[1]}:{found[2]}" if found else f"{namespace}:{path}"


def _error() -> Any:
    return importlib.import_module("pythoncom").com_error


@contextmanager
def _asked(path: str) -> Iterator[None]:
    try:
        yield
    except _error() as e:
        raise UnsafeError(f"{path}: WMI answers {_number(e):#010x}") from e


def _number(error: Any) -> int:
    more: tuple[Any, ...] = getattr(error, "excepinfo", None) or ()
    return int(more[5] if len(more) > 5 and more[5] else error.hresult) & 0xFFFFFFFF


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value
