r"""WordWheelQuery: words that a user searched for in Explorer."""

from __future__ import annotations

from commodore.registry import registry_artefact
from commodore.registry.mru import MRU_TIMES, mru
from scout.formats.regf.data import text

_EXPLORER = r"Software\Microsoft\Windows\CurrentVersion\Explorer"

ARTEFACT, parse, expected = registry_artefact(
    name="word_wheel_query",
    title="Searches in Explorer",
    about="Words that a user typed into the search box of Explorer, or on Windows XP into the Search Assistant, in the order of use. "
    "They show what somebody was after, such as `password` or `*.kdbx`.",
    proves_not="That anything was found or opened, or when any but the first was searched for.",
    keys=(f"{_EXPLORER}\\WordWheelQuery", f"{_EXPLORER}\\WordWheelQuery\\*", r"Software\Microsoft\Search Assistant\ACMru\*"),
    read=mru(
        lambda _, value: {"escadre.search.text": found} if (found := text(value.raw)) else None,
        lambda key: (value for value in key.values() if value.name.isdecimal()),
    ),
    fields=("escadre.search.text",),
    times=MRU_TIMES,
    category=("file",),
    type=("access",),
    action="recent-item-observed",
    attack=("T1083",),
    message="[{user.name}|The user] searched for {escadre.search.text!q}[, at {@timestamp}].",
    sources=("Most recently used keys, libyal winreg-kb",),
)
