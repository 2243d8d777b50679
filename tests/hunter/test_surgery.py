"""Only the guilty bytes go."""

from __future__ import annotations

import pytest

from hunter.objects._text import AmbiguousError, NotFoundError, find_element, find_line, without


@pytest.mark.parametrize(
    ("data", "line", "number", "left"),
    [
        (b"a\nb\nc\n", b"b", None, b"a\nc\n"),
        (b"a\nb", b"b", None, b"a\n"),
        (b"a\nb", b"a", None, b"b"),
        (b"a\r\nb\r\nc", b"b", None, b"a\r\nc"),
        (b"a\r\nb\r\nc", b"b\r", None, b"a\r\nc"),
        (b"a\nb\na\n", b"a", 3, b"a\nb\n"),
        (b"a\n\x00b\xff\nc", b"\x00b\xff", None, b"a\nc"),
        (b"a\n b \nb\n", b"b", None, b"a\n b \n"),
        (b"a\rb\nc\n", b"a\rb", None, b"c\n"),
        (b"b\r\nb\n", b"b\r", None, b"b\n"),
    ],
)
def test_one_line_goes(data, line, number, left) -> None:
    cuts, _ = find_line(data, line, number)
    assert without(data, cuts) == left


@pytest.mark.parametrize(
    ("data", "element", "number", "left"),
    [
        (b"/a.so\n", b"/a.so", None, b""),
        (b"/a.so /b.so\n", b"/a.so", None, b"/b.so\n"),
        (b"/a.so /b.so\n", b"/b.so", None, b"/a.so\n"),
        (b"/a.so:/b.so:/c.so", b"/b.so", None, b"/a.so:/c.so"),
        (b"/x.so\n/a.so\n/y.so\n", b"/a.so", None, b"/x.so\n/y.so\n"),
        (b"/a.so # why\n", b"/a.so", None, b"# why\n"),
        (b"# /a.so\n/a.so\n", b"/a.so", None, b"# /a.so\n"),
        (b"/a.so\n/b.so\n/a.so\n", b"/a.so", 3, b"/a.so\n/b.so\n"),
        (b"/a.so\t\t/aa.so\n", b"/a.so", None, b"\t/aa.so\n"),
        (b"  /a.so  \r\n/b.so\r\n", b"/a.so", None, b"/b.so\r\n"),
    ],
)
def test_one_element_goes(data, element, number, left) -> None:
    cuts, _ = find_element(data, element, number)
    assert without(data, cuts) == left


def test_which_of_several_must_be_said() -> None:
    with pytest.raises(AmbiguousError):
        find_line(b"a\na\n", b"a")
    with pytest.raises(AmbiguousError):
        find_element(b"/a\n/a\n", b"/a")


def test_equal_elements_of_one_line_go_together() -> None:
    data = b"/b /a:/a\n/a\n"
    cuts, copies = find_element(data, b"/a", 1)
    assert (without(data, cuts), copies) == (b"/b \n/a\n", 3)


@pytest.mark.parametrize("number", [1, 4, 99])
def test_a_number_that_names_another_line_is_no_match(number) -> None:
    with pytest.raises(NotFoundError):
        find_line(b"x\na\na\ny\n", b"a", number)


def test_cuts_that_overlap_count_once() -> None:
    assert without(b"0123456789", [(2, 5), (4, 6), (8, 9)]) == b"01679"
