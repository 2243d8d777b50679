r"""Custom shim databases: rules that change how a program runs, installed beside those of Windows."""

from __future__ import annotations

from commodore.registry import each_key, registry_artefact, restated

_PARENT = r"Software\Microsoft\Windows NT\CurrentVersion\AppCompatFlags"

ARTEFACT, parse, expected = registry_artefact(
    name="shim_databases",
    title="Custom shim databases",
    about="Shim databases that somebody installed with sdbinst (InstalledSDB), and the programs that they apply to (Custom). A shim "
    "can load a library into a program or start another one.",
    proves_not="What the database does: that is in the .sdb file at its path. Installers of old programs use shims too.",
    keys=(f"{_PARENT}\\InstalledSDB\\*", f"{_PARENT}\\Custom\\*"),
    read=each_key(
        restated(
            {"DatabasePath": "file.path", "DatabaseDescription": "escadre.description", "DatabaseInstallTimeStamp": "file.created"},
            also=("*",),
            needs=("DatabasePath", "{*"),
        )
    ),
    fields=("file.path", "escadre.description", "file.created", "escadre.settings"),
    times={"file.created": "installation of the database, as sdbinst recorded it"},
    category=("configuration",),
    action="registry-autostart-observed",
    attack=("T1546.011",),
    message="The shim database [{file.path!q}|of {registry.path!q}][ ({escadre.description!q})] is installed[, since {file.created}].",
    sources=("Application Compatibility Database, Microsoft Learn", "To SDB, or Not To SDB, J. Erickson, FireEye"),
)
