"""Values of a server's answer, each of the type that the server documents: another server, or a proxy, may answer anything."""

from __future__ import annotations

from typing import Any, TypeVar

from scout.console import COULD_NOT, Complaint

T = TypeVar("T")
_NOTHING: Any = object()


def told(answer: object, *path: str | int, of: type[T], default: T = _NOTHING) -> T:
    """Return the value at a path of keys and positions. `default`: where the last key is missing. Raises Complaint for another type.

    A number may be given as text (FIR and some proxies do so).
    """
    value: Any = answer
    for n, step in enumerate(path):
        if isinstance(value, dict | list) and (step in value if isinstance(value, dict) else isinstance(step, int) and step < len(value)):
            value = value[step]  # type: ignore[index]  # an int where it is a list
        elif isinstance(value, dict) and n == len(path) - 1 and default is not _NOTHING:
            return default
        else:
            raise odd(path)
    if of is int and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if not isinstance(value, of) or (of is int and isinstance(value, bool)):
        raise odd(path)
    return value


def odd(path: tuple[str | int, ...]) -> Complaint:
    """Return the complaint about an answer that lacks what is at this path."""
    where = ".".join(str(step)[:60] for step in path) or "it"
    return Complaint(
        f"the server's answer is not as documented: {where}.",
        "Look which program is at this address, and what is between it and this machine.",
        COULD_NOT,
    )
