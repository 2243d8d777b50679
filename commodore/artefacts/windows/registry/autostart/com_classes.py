r"""COM classes: the library, program or script that each class loads, of the machine and of each user."""

from __future__ import annotations

from collections.abc import Iterator

from commodore.readers.hives.fields import command_fields
from commodore.registry import COMMAND_FIELDS, At, Part, each_subkey, registry_artefact
from scout.formats.regf import Key

_SERVERS = ("inprocserver32", "localserver32", "inprochandler32", "inprocserver", "localserver", "scriptleturl", "treatas")


def _class(at: At, key: Key) -> Iterator[Part]:
    """Yield one part for each server of a class."""
    for server in key.subkeys():
        if server.name.lower() in _SERVERS and (line := server.text("")):
            made: dict[str, object] = {
                "escadre.com.class": key.name,
                "escadre.com.server": server.name,
                "escadre.description": key.text("") or None,
            }
            model = server.text("ThreadingModel")
            yield Part(
                f"{server.offset:#x}",
                made
                | command_fields(line, at.host)
                | {
                    "registry.key": server.path,
                    "registry.path": f"{at.hive.at.path}\\{server.path}",
                    "@timestamp": server.last_written or None,
                }
                | {"escadre.settings": [f"ThreadingModel={model}"] if model else None},
            )


ARTEFACT, parse, expected = registry_artefact(
    name="com_classes",
    title="COM class registrations",
    about="The library (InprocServer32), program (LocalServer32), script or other class (TreatAs) behind each COM class. A class of a "
    "user's hive goes before that of the machine, so a user's entry for a class of Windows takes it over.",
    proves_not="That the class was used. Thousands are normal; what matters is a user's entry for a class of the machine, and odd paths.",
    keys=(r"Software\Classes\CLSID",),
    read=each_subkey(_class),
    fields=("escadre.com.class", "escadre.com.server", "escadre.description", "escadre.settings", *COMMAND_FIELDS),
    needs=("system_root",),
    times={"@timestamp": "last write of the server's key: registration, or a later change"},
    category=("registry", "configuration"),
    action="class-registration-observed",
    attack=("T1546.015",),
    message="The COM class {escadre.com.class}[ ({escadre.description!q})] has {escadre.com.server} `{process.command_line}`.",
    sources=("CLSID Key and InprocServer32, Microsoft Win32 COM",),
)
