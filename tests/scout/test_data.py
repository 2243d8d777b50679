"""YAML of strangers: what would use up the parser's stack, or raises something else than a YAML error, is a YAML error."""

from __future__ import annotations

import pytest
import yaml

from scout.data import parse_yaml

DEEP = "\n".join(" " * n + "a:" for n in range(3000))


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000 + "a", DEEP, "a: 2001-99-99", "a: [1"])
def test_a_hostile_text_is_a_yaml_error(text: str) -> None:
    for content in (text, text.encode(), text.encode("utf-16")):
        with pytest.raises(yaml.YAMLError):
            parse_yaml(content)


def test_a_long_list_is_no_deep_one() -> None:
    assert len(parse_yaml("a:\n" + "  - [1, {b: 2}]\n" * 5000)["a"]) == 5000
