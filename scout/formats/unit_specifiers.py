"""Specifiers in the settings of systemd units: `%T/x` is /tmp/x. Source: systemd.unit(5), Specifiers; file-hierarchy(7).

Filled in is what follows from the path of the unit, the home of its user and the usual folders. Others (`%m`, `%b`, `%i` of a template)
stay as they are, and `%%` is one percent sign.
"""

from __future__ import annotations

import re

from scout.formats.systemd_unit import spelt
from scout.formats.unit_names import place

_SPECIFIER = re.compile(r"%(.)")
_SYSTEM = {"C": "/var/cache", "E": "/etc", "L": "/var/log", "S": "/var/lib", "T": "/tmp", "V": "/var/tmp", "t": "/run"}  # noqa: S108  (names, nothing is opened)
_OWN = {"C": "{home}/.cache", "E": "{home}/.config", "L": "{home}/.local/state/log", "S": "{home}/.local/state"}
"""folders of the user manager, below the user's home"""


def filled(text: str, source: str, home: str) -> str:
    """Return a setting of the unit file at `source` with its specifiers filled in. `home`: of the user whose manager runs the unit."""
    if "%" not in text:
        return text
    known = _known(source, home)
    return _SPECIFIER.sub(lambda found: known.get(found[1], found[0]), text)


def _known(source: str, home: str) -> dict[str, str]:
    unit, kind, _, scope = place(source)
    stem = unit.removesuffix(f".{kind}")
    prefix, at, instance = stem.partition("@")
    known = {**_SYSTEM, "%": "%", "h": home, "n": unit, "N": stem, "p": prefix, "j": prefix.rpartition("-")[2]}
    known |= {"P": _unescaped(prefix), "J": _unescaped(known["j"]), "y": source, "Y": source.rpartition("/")[0]}
    if scope == "user":
        known |= {letter: folder.format(home=home) for letter, folder in _OWN.items()}
        del known["t"]
    if not at:
        known |= {"i": "", "I": "", "f": f"/{known['P']}"}
    elif instance:
        known |= {"i": instance, "I": _unescaped(instance), "f": f"/{_unescaped(instance)}"}
    if "." not in unit or not stem or stem.endswith("-"):  # a drop-in of many units
        known = {letter: value for letter, value in known.items() if letter not in "nNpPjJiIf"}
    return known


def _unescaped(name: str) -> str:
    return spelt(name.replace("-", "/"))
