"""Judge a line of a page that a web server runs by the traits of `web_shells.yaml`, which are the same on every system."""

from __future__ import annotations

from functools import cache

from commodore.persistence.entry import AutostartEntry
from commodore.persistence.judgement import Judgement
from commodore.persistence.judges import line_traits
from commodore.persistence.judging import NoOptions, RowJudge, RowText
from scout.data import load_data


@cache
def traits() -> line_traits.LineTraits:
    """Return the traits of the file."""
    return line_traits.LineTraits(**{name: tuple(texts) for name, texts in load_data("commodore.persistence", "web_shells.yaml").items()})


def judge(row: RowText, entry: AutostartEntry, _: NoOptions) -> Judgement | None:
    """Judge the line by the worst trait that it has."""
    return line_traits.judge(row, entry, traits())


JUDGE = RowJudge(NoOptions, judge)
