r"""TypedURLs: addresses that a user typed into Internet Explorer or the old Edge, with their times where Windows keeps them."""

from __future__ import annotations

from typing import Any

from commodore.readers.hives.secrets import IN_ADDRESS, without_password
from commodore.readers.hives.typed import exact_time
from commodore.registry import VALUE_FIELDS, At, KeyReading, registry_artefact
from commodore.registry.mru import MRU_FIELDS
from scout.formats.regf import Value
from scout.formats.regf.patterns import FoundKey


def _times(found: FoundKey) -> dict[str, str]:
    """Return value name in lower case → visit, from the key TypedURLsTime beside this one."""
    beside = found.parent.subkey("TypedURLsTime") if found.parent else None
    return {value.name.lower(): time for value in beside.values() if (time := exact_time(value))} if beside else {}


def _entry(at: At, value: Value) -> dict[str, Any] | None:
    number = value.name[3:]
    if not number.isdecimal() or not value.text:
        return None
    place = int(number) - 1
    first = at.found.key.last_written if place == 0 else None
    made = {"@timestamp": at.prepared.get(value.name.lower(), first), "escadre.mru.position": place}
    address = without_password(value.text, typed=True)
    return made | {"url.full": address, "escadre.registry.withheld": None if address == value.text else IN_ADDRESS}


_IE = r"Software\Microsoft\Internet Explorer\TypedURLs"
_EDGE = (
    r"Software\Classes\Local Settings\Software\Microsoft\Windows\CurrentVersion\AppContainer\Storage\microsoft.microsoftedge_8wekyb3d8bbwe"
    r"\MicrosoftEdge\TypedURLs"
)

ARTEFACT, parse, expected = registry_artefact(
    name="typed_urls",
    title="Addresses typed into Internet Explorer and Edge",
    about="Addresses that a user typed or pasted into the address bar, the last one first. From Windows 8 on each has the time of its last "
    "visit (TypedURLsTime). A password in an address is not shown.",
    proves_not="That the page was shown. A new profile has one or two addresses that nobody typed.",
    keys=(_IE, _EDGE),
    read=KeyReading(
        _entry, (*VALUE_FIELDS, *MRU_FIELDS), lambda key: (value for value in key.values() if value.name[:3].lower() == "url"), None, _times
    ),
    fields=("url.full", "escadre.registry.withheld"),
    times={"@timestamp": "last visit by TypedURLsTime; without it the last write of the key, for the first address only"},
    category=("web",),
    type=("access",),
    action="recent-item-observed",
    message="[{user.name}|The user] typed {url.full!q} into a browser[, at {@timestamp}].",
    sources=("Internet Explorer keys, libyal winreg-kb",),
    version=2,
)
