"""The library of Windows is put back in a provider of Winsock whose entry of the catalog names another one.

An entry is a path of 260 bytes, and what follows is a WSAPROTOCOL_INFOW: the identity of the provider and the length of its chain. Only an
entry of a provider of Windows, which is its own chain, gets its library back. One of a layered provider is numbered in the chains of
others: it is taken out by `netsh winsock`, by a person.

Source: Microsoft Learn, WSAPROTOCOL_INFOW, WSAPROTOCOLCHAIN (winsock2.h); the entries of a clean Windows.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from struct import unpack_from
from typing import Any
from uuid import UUID

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._keys import key_of, value_facts, value_seen
from hunter.mechanisms._parts import Operation
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref

_PATH = 260
"""bytes of the path"""
_SIZE = _PATH + 628
_IDENTITY, _CHAIN = _PATH + 20, _PATH + 40
_LIBRARY = rb"%SystemRoot%\system32\mswsock.dll"
_OF_WINDOWS = {
    UUID("e70f1aa0-ab8b-11cf-8ca3-00805f48a192"): "TCP, UDP and raw sockets of IPv4",
    UUID("f9eab0c0-26d4-11d0-bbbf-00aa006c34e4"): "TCP, UDP and raw sockets of IPv6",
    UUID("9d60a9e0-337a-11d0-bd88-0000c082e69a"): "RSVP",
    UUID("9fc48064-7298-43e4-b7bd-181f2089792a"): "Bluetooth",
    UUID("a00943d9-9c2e-4633-9b59-0057a3160994"): "local sockets",
}
"""providers of `mswsock.dll`"""


class _WinsockLibrary(Operation):
    operation = "winsock-library"
    stays = True

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        if (coded := fields.get("data_bytes")) is not None:
            try:
                why = _layered(base64.b64decode(str(coded), validate=True))
            except binascii.Error:
                why = "its data is no base64"
            if why:
                raise ValueError(f"{why}: by hand, netsh winsock show catalog, then netsh winsock remove provider or reset")
        return [RemovalTarget(Ref("registry-value", key_of(fields), str(fields.get("name") or "")))]

    def recorded(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        return value_facts(fields)

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        found = Inspection(stays=True)
        if (value := value_seen(view, target, found)) is None:
            return found
        if why := _layered(value.data):
            found.problems.append(why)
        elif value.data[:_PATH].partition(b"\0")[0].lower() == _LIBRARY.lower():
            found.gone = "it names the library of Windows already"
        else:
            found.data = _LIBRARY.ljust(_PATH, b"\0") + value.data[_PATH:]
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        return [Edit("cut", target.ref, data=found.data)] if found.data is not None else []


def _layered(data: bytes) -> str:
    """Return why the library of an entry is not known; '' where it is that of Windows."""
    if len(data) != _SIZE:
        return f"an entry of the catalog of Winsock has {_SIZE} bytes, this one {len(data)}"
    if (length := unpack_from("<i", data, _CHAIN)[0]) != 1:
        return f"it is a layered provider of Winsock (chain of {length}), and the catalog is numbered"
    if UUID(bytes_le=data[_IDENTITY : _IDENTITY + 16]) not in _OF_WINDOWS:
        return "it is a provider that Windows does not have, and the catalog is numbered"
    return ""


MECHANISM = _WinsockLibrary()
