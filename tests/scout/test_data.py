"""YAML of strangers: what would use up the parser's stack, or raises something else than a YAML error, is a YAML error."""

from __future__ import annotations

import pytest
import yaml

from scout.data import parse_all, parse_yaml

DEEP = "\n".join(" " * n + "a:" for n in range(3000))


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000 + "a", DEEP, "a: 2001-99-99", "a: [1"])
def test_a_hostile_text_is_a_yaml_error(text: str) -> None:
    for content in (text, text.encode(), text.encode("utf-16")):
        with pytest.raises(yaml.YAMLError):
            parse_yaml(content)


def test_a_long_list_is_no_deep_one() -> None:
    assert len(parse_yaml("a:\n" + "  - [1, {b: 2}]\n" * 5000)["a"]) == 5000


def bomb(form: str) -> str:
    """Twelve levels of aliases, ten of each in the next: a million million values in 500 characters."""
    first = "a: &a [x, x]\n" if form == "lists" else "a: &a {x: 1}\n"
    part = "[{}]" if form == "lists" else "{{<<: [{}]}}"
    return first + "".join(f"{chr(97 + n)}: &{chr(97 + n)} {part.format(', '.join([f'*{chr(96 + n)}'] * 10))}\n" for n in range(1, 12))


@pytest.mark.parametrize("text", [bomb("lists"), bomb("merges"), "a: &a [*a]", "a: &a {b: *a}"])
def test_aliases_make_no_document_larger_than_its_text(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="alias"):
        parse_yaml(text)


def test_aliases_and_merges_of_an_ordinary_document_are_read() -> None:
    text = "base: &b {x: 1}\nlist: [*b, *b]\nmore: {<<: *b, y: 2}\n---\nc: 3\n"
    assert parse_all(text) == [{"base": {"x": 1}, "list": [{"x": 1}, {"x": 1}], "more": {"x": 1, "y": 2}}, {"c": 3}]
