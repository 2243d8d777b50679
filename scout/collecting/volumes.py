r"""The volumes of a host as its links name them: by drive letter, by the GUID of the volume, or as the volume of the link itself."""

from __future__ import annotations

from collections.abc import Sequence

from scout.collecting import identity
from scout.formats import windows_links
from scout.live.windows._volume import WindowsVolume
from scout.sources import letters
from scout.sources.ntfs import NtfsSource
from scout.sources.source import EvidenceSource, Parts


class HostVolumes:
    """`sources`: the volumes of the host, that with the system first."""

    def __init__(self, sources: Sequence[EvidenceSource]) -> None:
        self._sources = sources
        self._by_guid: dict[str, EvidenceSource] | None = None

    def onward(self, source: EvidenceSource, folder: Parts, text: str) -> tuple[EvidenceSource, Parts, tuple[str, ...]] | None:
        """Return (volume, folder, names below it) to which the text of a link in `folder` leads; None: on none of the volumes."""
        if not source.windows:
            return source, () if text.startswith("/") else folder, tuple(text.split("/"))
        said = windows_links.read(text)
        to = source if said.volume == "" else self._named(source, said.volume) if said.volume else None
        return (to, () if said.absolute else folder, said.names) if to is not None else None

    def _named(self, source: EvidenceSource, name: str) -> EvidenceSource | None:
        if name.startswith("{"):
            if self._by_guid is None:
                self._by_guid = self._guids()
            found = self._by_guid.get(name)
            name = found.native(())[:1] if found is not None else ""
        if name == source.native(())[:1]:
            return source  # in a shadow copy: the same copy
        return next((one for one in self._sources if one.native(())[:1] == name and "@" not in one.volume), None)

    def _guids(self) -> dict[str, EvidenceSource]:
        """Return GUID → volume, from the running Windows or from MountedDevices of the SYSTEM hive."""
        live = {one.guid(): one for one in self._sources if isinstance(one, WindowsVolume)}
        if live:
            return {guid: one for guid, one in live.items() if guid}
        hive = identity.system_hive(self._sources[0])
        if hive is None:
            return {}
        known = letters.mounted_devices(hive)
        by_letter = {one.native(())[:1]: one for one in reversed(self._sources) if "@" not in one.volume}
        by_id = {one.partition: one for one in self._sources if isinstance(one, NtfsSource) and one.partition and not one.is_copy}
        named = {guid: by_id.get(one) or by_letter.get(known.get(one, "")) for guid, one in letters.volume_ids(hive).items()}
        return {guid: one for guid, one in named.items() if one is not None}
