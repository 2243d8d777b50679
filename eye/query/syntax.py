"""The forms of a query as help: for the terminal, for the page, and for the message about a wrong query."""

from __future__ import annotations

from functools import cache

from scout.data import load_data

FORM_WIDTH, MEANING_WIDTH = 34, 42


@cache
def forms() -> dict[str, str]:
    """Form (an example that can be asked) → meaning, from `syntax.yaml`. Raises ValueError for an entry that the validator refuses."""
    result = load_data(__package__, "syntax.yaml")
    for form, meaning in result.items():
        if not isinstance(form, str) or not isinstance(meaning, str) or not 0 < len(meaning) <= MEANING_WIDTH or len(form) > FORM_WIDTH:
            raise ValueError(f"syntax.yaml: {form}: a form of {FORM_WIDTH} and a meaning of {MEANING_WIDTH} characters at most expected")
    return dict(result)


def lines() -> list[str]:
    """All forms as lines of a terminal of 80 columns."""
    return [f"  {form:<{FORM_WIDTH}}  {meaning}" for form, meaning in forms().items()]
