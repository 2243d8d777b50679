"""Members of JSON and XML, scripts of group policy, parameters of the kernel, lines of UTF-16: only the guilty bytes go."""

from __future__ import annotations

import json

import pytest

from hunter.host.view import HostView, NoRegistry
from hunter.mechanisms import mechanism_of
from hunter.objects._text import find_line, without
from hunter.objects._xml import elements
from hunter.plan.model import RemovalTarget
from hunter.ref import Ref


class _OneFile:
    """A view of one file in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def state(self, path: str):
        from hunter.host.state import ObjectState

        return ObjectState("file", "0644", 0, 0, 1, 0)

    def read(self, path: str) -> bytes:
        return self.data

    def names(self, directory: str) -> list[tuple[str, str]]:
        return []


def removed(kind: str, data: bytes, element: bytes, number: int | None = None) -> tuple[bytes, str]:
    """(the file afterwards, why nothing was done)"""
    view = HostView(False, _OneFile(data), NoRegistry())
    target, mechanism = RemovalTarget(Ref("file", "/x"), element, number), mechanism_of(kind)
    found = mechanism.inspect(view, target)
    if found.gone or found.problems:
        return data, found.gone or found.problems[0]
    (edit,) = mechanism.apply(found, target)
    return without(data, edit.cuts, edit.puts), ""


FORCED = b'{"A": 1, "ExtensionInstallForcelist": ["good;https://a", "evil;https://b"], // why\n "B": [2, 3]}\n'


@pytest.mark.parametrize(
    ("data", "element", "left"),
    [
        (FORCED, b"evil;https://b", FORCED.replace(b', "evil;https://b"', b"")),
        (FORCED, b"ExtensionInstallForcelist=good;https://a", FORCED.replace(b'"good;https://a", ', b"")),
        (b'{"path": "/tmp/x", "type": "stdio"}', b"path=/tmp/x", b'{"type": "stdio"}'),
        (b'{"type": "stdio", "path": "/tmp/x"}', b"path=/tmp/x", b'{"type": "stdio"}'),
        (b'{\r\n  "startOnUserLogin": true\r\n}\r\n', b"startOnUserLogin=true", b"{\r\n  \r\n}\r\n"),
        (b'{"a": [{"path": "/tmp/x"}]}', b"path=/tmp/x", b'{"a": [{}]}'),
    ],
)
def test_one_member_of_json_goes_and_it_is_still_json(data, element, left) -> None:
    after, why = removed("json-member", data, element)
    assert (after, why) == (left, "")
    json.loads(after.replace(b"// why", b""))


@pytest.mark.parametrize(
    ("data", "element", "why"),
    [
        (b'{"path": "/tmp/X"}', b"path=/tmp/x", "the member is not there"),
        (b'{"path": "/tmp/x"', b"path=/tmp/x", "/x: it is no JSON: } is missing"),
        (b"[" * 300, b"x", "/x: its parts are nested too deeply"),
        (b'{"a": "/x", "b": "/x"}', b"/x", "the file holds the member 2 times (lines 1, 1): name one with `number`"),
    ],
)
def test_what_is_no_such_member_stays(data, element, why) -> None:
    assert removed("json-member", data, element) == (data, why)


CONFIG = '<c>\n <modules>\n  <add name="a" image="C:\\good.dll" />\n  <add name="x" image="C:\\evil.dll">\n  </add>\n </modules>\n</c>\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_one_element_of_xml_goes_with_what_is_in_it(encoding) -> None:
    data, left = CONFIG.encode(encoding), CONFIG.replace('  <add name="x" image="C:\\evil.dll">\n  </add>\n', "")
    after, why = removed("windows-xml-element", data, b"C:\\evil.dll")
    assert (after.decode(encoding), why) == (left, "")
    assert len(elements(left)) == 3


@pytest.mark.parametrize(
    ("text", "why"), [("<a><b></a>", "</a> ends nothing"), ("<a>", "<a> has no end"), ("<a>C:\\evil.dll.bak</a>", "not there")]
)
def test_xml_that_is_none_or_has_no_such_element_stays(text, why) -> None:
    after, told = removed("windows-xml-element", text.encode(), b"C:\\evil.dll")
    assert (after, why in told) == (text.encode(), True), told


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_scripts_behind_a_removed_one_get_its_number(encoding) -> None:
    text = "[Logon]\r\n0CmdLine=a\r\n0Parameters=\r\n1CmdLine=evil\r\n1Parameters=/q\r\n2CmdLine=b\r\n2Parameters=2\r\n"
    text += "[Logoff]\r\n2CmdLine=c\r\n"
    after, why = removed("policy-script", text.encode(encoding), b"1CmdLine=evil\r")
    left = "[Logon]\r\n0CmdLine=a\r\n0Parameters=\r\n1CmdLine=b\r\n1Parameters=2\r\n[Logoff]\r\n2CmdLine=c\r\n"
    assert (after.decode(encoding), why) == (left, "")


@pytest.mark.parametrize(
    ("data", "element", "left", "why"),
    [
        (b'GRUB="quiet init=/tmp/x"\n', b"init=/tmp/x", b'GRUB="quiet"\n', ""),
        (b'GRUB="init=/tmp/x splash"\n', b"init=/tmp/x", b'GRUB="splash"\n', ""),
        (b"root=/dev/sda1 rdinit=/tmp/x quiet\n", b"rdinit=/tmp/x", b"root=/dev/sda1 quiet\n", ""),
        (b"root=/dev/sda1 quiet\n", b"root=/dev/sda1", b"root=/dev/sda1 quiet\n", "only init, rdinit"),
        (b"# init=/tmp/x\n", b"init=/tmp/x", b"# init=/tmp/x\n", "not there"),
    ],
)
def test_one_parameter_of_the_kernel_goes(data, element, left, why) -> None:
    after, told = removed("boot-parameter", data, element)
    assert (after, why in told) == (left, True), told


def test_a_line_of_utf_16_goes_and_a_line_end_within_a_character_is_none() -> None:
    data = "a\r\n\u0a0d evil\r\nb\r\n".encode("utf-16")
    cuts, count = find_line(data, "\u0a0d evil\r".encode(), 2)
    assert (without(data, cuts).decode("utf-16"), count) == ("a\r\nb\r\n", 1)
