"""Image file execution options: programs that Windows starts in place of, or after, another one."""

from __future__ import annotations

from collections.abc import Iterator

from commodore.artefact import Artefact, Problem, Record
from commodore.evidence import Evidence
from commodore.host import Host
from commodore.readers import hives
from scout.formats.regf import Hive, Key

ARTEFACT = Artefact(
    name="ifeo",
    title="Image file execution options",
    about="Debugger: a program that Windows starts instead of the named image (sethc.exe at the logon screen, for one). "
    "MonitorProcess below SilentProcessExit: a program that it starts when the image ends. Developers use both; on a user's machine either "
    "wants an explanation.",
    match=(*hives.SOFTWARE, *hives.USERS),
    magic=hives.MAGIC,
    targets=("WR01", "WR03", "WR04"),
    group=hives.GROUP,
    needs=("profiles", "users", "system_root"),
    fields=(
        *hives.REGISTRY_FIELDS,
        "escadre.ifeo.image",
        "escadre.ifeo.filter",
        "process.command_line",
        "process.executable",
        "process.name",
        "user.name",
        "user.id",
    ),
    times=hives.TIMES,
    kind="state",
    category=("registry", "configuration"),
    type=("info",),
    action="registry-image-option-observed",
    attack=("T1546.012",),
    message="The image option {registry.value!q} of {escadre.ifeo.image!q} [starts `{process.command_line}`|holds no command "
    "({registry.data.type})].",
    sources=(*hives.SOURCES, "Image File Execution Options and Silent Process Exit, Microsoft Learn, GFlags"),
)

_PLACES = tuple(
    (f"{software}{node}Microsoft\\Windows NT\\CurrentVersion\\{key}", names)
    for software in ("", "Software\\")
    for node in ("", "Wow6432Node\\")
    for key, names in (("Image File Execution Options", ("debugger", "verifierdlls")), ("SilentProcessExit", ("monitorprocess",)))
)


def parse(evidence: Evidence, host: Host) -> Iterator[Record | Problem]:
    """One record per value."""
    return hives.read(evidence, host, lambda hive, at: _records(hive, at, host))


def _records(hive: Hive, at: hives.Mount, host: Host) -> Iterator[Record]:
    for path, names in _PLACES:
        top = hive.find(path)
        for image in top.subkeys() if top else ():
            yield from _values(image, image.name, names, at, host)
            for part in image.subkeys():  # one key per filtered path, where UseFilter is set
                yield from _values(part, image.name, names, at, host)


def _values(key: Key, image: str, names: tuple[str, ...], at: hives.Mount, host: Host) -> Iterator[Record]:
    for value in key.values():
        if value.name.lower() not in names:
            continue
        fields = hives.command_value_fields(at, key, value, host) | {"escadre.ifeo.image": image}
        if path := key.text("FilterFullPath"):
            fields["escadre.ifeo.filter"] = path
        yield Record(hives.locator(key, value), fields, hives.state(value))
