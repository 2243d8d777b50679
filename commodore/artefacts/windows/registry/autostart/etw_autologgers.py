r"""ETW autologgers: trace sessions that start at boot, and their providers. Security products and event logs depend on them."""

from __future__ import annotations

from commodore.registry import At, each_key, registry_artefact, restated
from scout.formats.regf import Key

_LOGGER = r"System\CurrentControlSet\Control\WMI\Autologger"
_read = restated(
    {"FileName": "file.path"},
    also=("Start", "Enabled", "EnableLevel", "Guid", "Status", "LogFileMode", "MatchAnyKeyword", "EnableProperty"),
    needs=("Start", "Enabled", "Guid"),
)


def _session(at: At, key: Key) -> dict[str, object] | None:
    made = _read(at, key)
    if made is None:
        return None
    switch = key.value("Enabled") or key.value("Start")
    number = switch.number if switch else None
    return made | {
        "escadre.trace.session": at.parts[5],
        "escadre.trace.provider": at.parts[6] if len(at.parts) > 6 else None,
        "escadre.trace.enabled": None if number is None else bool(number),
    }


ARTEFACT, parse, expected = registry_artefact(
    name="etw_autologgers",
    title="ETW autologgers",
    about="Trace sessions that start with Windows, and the providers of each. To blind Defender or an event log, an intruder switches "
    "off a session (Start=0) or a provider (Enabled=0), or removes its key.",
    proves_not="That events were lost: a session that runs goes on until the next boot.",
    keys=(f"{_LOGGER}\\*", f"{_LOGGER}\\*\\*"),
    read=each_key(_session),
    fields=("escadre.trace.session", "escadre.trace.provider", "escadre.trace.enabled", "escadre.settings", "file.path"),
    category=("configuration",),
    action="registry-setting-observed",
    attack=("T1562.002", "T1562.006"),
    message="The trace session {escadre.trace.session!q}[, provider {escadre.trace.provider}] is "
    "[{?escadre.trace.enabled}switched on|switched off] at boot.",
    sources=("Configuring and Starting an AutoLogger Session, Microsoft Win32",),
)
