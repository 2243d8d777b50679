r"""One local account of Windows is disabled in SAM, not deleted, and gets the number of its key back. Its profile and groups stay.

Only the value `F` of its key changes: the flag of a disabled account at 0x38, and the number at 0x30 where it is not that of the key (an
account that logs on as another one). `V`, which holds what is left of the password, is neither kept nor shown. A running Windows holds SAM
itself.
Sources: [MS-SAMR] 2.2.1.12 (USER_ACCOUNT codes), 3.1.1.8.1; libyal winreg-kb, Security Account Manager.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from struct import pack_into, unpack_from
from typing import Any

from hunter.host.view import HostView
from hunter.mechanisms import Edit, Inspection
from hunter.mechanisms._keys import key_of
from hunter.mechanisms._parts import Operation
from hunter.objects.registry_value import view_state
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref

_VALUE = "F"
_NUMBER, _FLAGS, _SIZE, _DISABLED = 0x30, 0x38, 0x50, 0x0001
_KEY = re.compile(r"(?i)HKLM\\SAM\\SAM\\Domains\\Account\\Users\\([0-9A-F]{8})")


class _SamAccount(Operation):
    operation = "sam-account"
    starts = False
    stays = True

    def targets(self, fields: Mapping[str, Any]) -> list[RemovalTarget]:
        key = key_of(fields)
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key} is no key of an account")
        return [RemovalTarget(Ref("registry-value", key, _VALUE))]

    def recorded(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        return {}

    def inspect(self, view: HostView, target: RemovalTarget) -> Inspection:
        if view.live:
            return Inspection(later="a running Windows holds its accounts itself: there, net user NAME /active:no")
        state = view_state(view, target.ref)
        found = Inspection({target.ref: state}, stays=True)
        value = view.registry.value(target.ref.name, target.ref.part) if state is not None else None
        number = _KEY.fullmatch(target.ref.name)
        if value is None or number is None:
            found.gone = "the account is not there"
        elif target.ref.part.upper() != _VALUE or value.type != "REG_BINARY" or len(value.data) < _SIZE:
            found.problems.append(f"{target.ref.part} of an account has {len(value.data)} bytes: its form is not known")
        else:
            found.data = disabled(value.data, int(number[1], 16))
            if found.data == value.data:
                found.gone = "the account is disabled"
        return found

    def apply(self, found: Inspection, target: RemovalTarget) -> Sequence[Edit]:
        return [Edit("cut", target.ref, data=found.data)] if found.data is not None else []


def disabled(data: bytes, number: int) -> bytes:
    """Return the value `F` of an account that is disabled and has this number."""
    made = bytearray(data)
    pack_into("<H", made, _FLAGS, unpack_from("<H", made, _FLAGS)[0] | _DISABLED)
    pack_into("<I", made, _NUMBER, number)
    return bytes(made)


MECHANISM = _SamAccount()
