"""The declaration of a page. Every module in `eye/web/pages` that has a `PAGE` is a page.

A page is one module (its routes and what it shows), one template, and one test.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from starlette.requests import Request
from starlette.responses import Response

import eye.web.pages
from eye.web.cited import Findings
from eye.web.shell import Shell

Handler = Callable[[Shell, Request], Response]


@dataclass(frozen=True, slots=True)
class WebPage:
    """One page. `routes`: path → handler, the first one is where the rail leads.

    `title` and `icon` are shown in the rail, in the order of `place`; a page without a title is part of another one. `count` gives the
    number beside the title.
    """

    name: str
    routes: dict[str, Handler]
    title: str = ""
    icon: str = ""
    place: int = 0
    count: Callable[[Findings], int] | None = None

    @property
    def path(self) -> str:
        """Return the URL of the page."""
        return next(iter(self.routes))


@cache
def pages() -> tuple[WebPage, ...]:
    """Return all pages, in the order of the navigation bar."""
    found = [importlib.import_module(f"eye.web.pages.{module.name}").PAGE for module in pkgutil.iter_modules(eye.web.pages.__path__)]
    return tuple(sorted(found, key=lambda page: (page.place, page.name)))
