"""Image file execution options: programs that Windows starts in place of, or after, another one."""

from __future__ import annotations

from collections.abc import Iterator

from commodore.artefact import Artefact, Problem, Record
from commodore.containers.registry import Keys, RegistryView
from commodore.host import Host
from commodore.readers.hives import fields
from commodore.readers.hives.patterns import FoundKey
from scout.formats.regf import Value

_PARENT = "Software\\Microsoft\\Windows NT\\CurrentVersion"
_VALUES = {"image file execution options": ("debugger", "verifierdlls"), "silentprocessexit": ("monitorprocess",)}
KEYS = Keys(
    f"{_PARENT}\\Image File Execution Options\\*",
    f"{_PARENT}\\Image File Execution Options\\*\\*",  # one key per filtered path, where UseFilter is set
    f"{_PARENT}\\SilentProcessExit\\*",
    f"{_PARENT}\\SilentProcessExit\\*\\*",
)

ARTEFACT = Artefact(
    name="ifeo",
    title="Image file execution options",
    about="Debugger: a program that Windows starts instead of the named image, for example instead of sethc.exe at the logon screen. "
    "MonitorProcess below SilentProcessExit: a program that Windows starts when the image ends. Developers use both; on other machines "
    "neither is expected.",
    holds=KEYS,
    targets=("WR01", "WR03", "WR04"),
    needs=("profiles", "users", "system_root"),
    fields=(
        *fields.REGISTRY_FIELDS,
        "escadre.ifeo.image",
        "escadre.ifeo.filter",
        "process.command_line",
        "process.executable",
        "process.name",
        "user.name",
        "user.id",
    ),
    times=fields.TIMES,
    kind="state",
    category=("registry", "configuration"),
    type=("info",),
    action="registry-image-option-observed",
    attack=("T1546.012",),
    message="The image option {registry.value!q} of {escadre.ifeo.image!q} [starts `{process.command_line}`|holds no command "
    "({registry.data.type})].",
    sources=(*fields.SOURCES, "Image File Execution Options and Silent Process Exit, Microsoft Learn, GFlags"),
)


def parse(hive: RegistryView, host: Host) -> Iterator[Record | Problem]:
    """Yield one record per value."""

    def option(found: FoundKey, value: Value) -> Iterator[Record]:
        _, _, _, _, kind, image, *_ = found.path.split("\\")
        if value.name.lower() in _VALUES[kind.lower()]:
            more = {"escadre.ifeo.image": image}
            if path := found.key.text("FilterFullPath"):
                more["escadre.ifeo.filter"] = path
            yield hive.command(found.key, value, host, more)

    return hive.each_value(option)
