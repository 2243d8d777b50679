"""Resource lists: the keyboard of a PC has ports 0x60 and 0x64 and interrupt 1, whoever decodes it."""

from __future__ import annotations

from struct import pack

import pytest

from scout.formats.regf import Hive
from scout.formats.regf.data import typed
from scout.formats.regf.resources import resources
from tests.commodore.registry_hives import of_corpus

KEYBOARD = ["bus 0: port 0x60-0x60", "bus 0: port 0x64-0x64", "bus 0: interrupt level 1, vector 1, affinity 0xffffffff"]


def keyboard(affinity: str) -> bytes:
    """CM_RESOURCE_LIST after wdm.h; `affinity`: the form of KAFFINITY, I on 32-bit and Q on 64-bit Windows."""
    room = 12 if affinity == "I" else 16
    parts = [pack("<BBHQI", 1, 1, 1, port, 1).ljust(4 + room, b"\0") for port in (0x60, 0x64)]
    parts.append(pack(f"<BBHII{affinity}", 2, 1, 1, 1, 1, 0xFFFFFFFF))
    return pack("<IiIHHI", 1, 1, 0, 1, 1, len(parts)) + b"".join(parts)


@pytest.mark.parametrize("affinity", ["I", "Q"])
def test_a_list_of_32_and_64_bit_windows_is_read_and_its_bytes_are_kept(affinity):
    assert typed(8, keyboard(affinity)) == (KEYBOARD, False)
    assert resources(9, keyboard(affinity)[4:]) == KEYBOARD


def test_another_form_is_no_list():
    data = keyboard("Q")
    for wrong in (data[:-1], data + b"\0", b"", b"\xff" * 40, pack("<I", 0xFFFFFFFF) + data[4:]):
        assert resources(8, wrong) == []
    assert resources(8, pack("<I", 0)) == []


@pytest.mark.corpus
def test_the_keyboard_of_a_real_machine_has_the_ports_of_every_keyboard(corpus):
    hive = Hive.open(of_corpus(corpus, "SYSTEM"))
    found = [
        value.strings
        for key in hive.find("ControlSet001\\Enum\\ACPI\\PNP0303").subkeys()
        for below in key.subkeys()
        if below.name == "LogConf"
        for value in below.values()
        if value.kind == 8
    ]
    assert found
    assert all(any(text.endswith("port 0x60-0x60") for text in texts) for texts in found)
