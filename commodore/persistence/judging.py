"""The declarations of a judge module, and the check of a row's options against them.

A module in `judges/` has `JUDGE = RowJudge(Options, judge)`: a dataclass whose fields are the options that a row gives, and a function that
returns None for an entry that is expected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import Judgement

OptionsT = TypeVar("OptionsT")


@dataclass(frozen=True, slots=True)
class RowText:
    """The words of a row that a judge uses in its sentence, and the row's severity."""

    name: str
    expected: str
    severity: str


@dataclass(frozen=True, slots=True)
class NoOptions:
    """A judge without options."""


@dataclass(frozen=True, slots=True)
class RowJudge(Generic[OptionsT]):
    """A judge: the dataclass of its options, whose fields are all `tuple[str, ...]`, and its function."""

    options: type[OptionsT]
    judge: Callable[[RowText, AutostartEntry, OptionsT], Judgement | None]

    def bound(self, row: RowText, given: object) -> Callable[[AutostartEntry], Judgement | None]:
        """Return the judge of one row. Raises ValueError for options that are missing, unknown or not lists of text."""
        names = {f.name for f in fields(self.options)}  # type: ignore[arg-type]  # a dataclass by declaration
        if not isinstance(given, dict) or given.keys() != names:
            raise ValueError(f"options must be {', '.join(sorted(names)) or 'empty'}")
        options: dict[str, Any] = {}
        for name, texts in given.items():
            if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
                raise ValueError(f"option `{name}` must be a list of texts")
            options[name] = tuple(texts)
        made = self.options(**options)
        return lambda entry: self.judge(row, entry, made)
