r"""Run keys: commands that Windows starts at logon, from `…\CurrentVersion\Run` and the keys beside it, in machine and user hives."""

from __future__ import annotations

from collections.abc import Iterator

from commodore.artefact import Artefact, Problem, Record
from commodore.containers.registry import Keys, RegistryView
from commodore.host import Host
from commodore.readers.hives import fields

_NAMES = ("Run", "RunOnce", "RunOnce\\Setup", "RunOnceEx\\**", "RunEx\\**", "RunServices", "RunServicesOnce", "Policies\\Explorer\\Run")
_PARENTS = (
    "Software\\Microsoft\\Windows\\CurrentVersion",
    # what a program set while a terminal server was in install mode, copied to each user
    "Software\\Microsoft\\Windows NT\\CurrentVersion\\Terminal Server\\Install\\Software\\Microsoft\\Windows\\CurrentVersion",
)
KEYS = Keys(*(f"{parent}\\{name}" for parent in _PARENTS for name in _NAMES))

ARTEFACT = Artefact(
    name="run_keys",
    title="Run keys",
    about="Commands that Windows starts at logon or start-up: Run, RunOnce, RunOnceEx, RunEx, RunServices, policy Run, and their copies "
    "for Wow6432Node and Terminal Server. Proves that the command was registered, not that it ran. The time is that of the key, which all "
    "its values share.",
    holds=KEYS,
    targets=("WR01", "WR03", "WR04"),
    needs=("profiles", "users", "system_root"),
    fields=(*fields.REGISTRY_FIELDS, "process.command_line", "process.executable", "process.name", "user.name", "user.id"),
    times=fields.TIMES,
    kind="state",
    category=("registry", "configuration"),
    type=("info",),
    action="registry-run-key-observed",
    attack=("T1547.001",),
    message="The run key value {registry.path!q} [starts `{process.command_line}`|holds no command ({registry.data.type})].",
    version=2,
    sources=(
        *fields.SOURCES,
        "Run and RunOnce Registry Keys, Microsoft Win32 documentation",
        "RunOnceEx Registry Key, Microsoft KB 310593",
    ),
)


def expected(hive: RegistryView) -> int:
    """Count the values by the headers of the keys."""
    return sum(found.key.value_count for found in hive)


def parse(hive: RegistryView, host: Host) -> Iterator[Record | Problem]:
    """Yield one record per value."""
    return hive.each_value(lambda found, value: [hive.command(found.key, value, host)])
