r"""Session Manager: programs at boot, known libraries, subsystems, and files to be moved or deleted at the next start."""

from __future__ import annotations

from commodore.registry import each_value, registry_artefact

_KEY = r"System\CurrentControlSet\Control\Session Manager"

ARTEFACT, parse, expected = registry_artefact(
    name="session_manager",
    title="Session Manager",
    about="BootExecute, SetupExecute, Execute and S0InitialCommand: programs that run before the logon. KnownDLLs: libraries that load "
    "from System32 only. SubSystems: the programs of the subsystems. PendingFileRenameOperations: files that are replaced or, with an "
    "empty second name, deleted at the next start. Path and ComSpec of the system's environment.",
    proves_not="That a program ran or a file was replaced. Updates write pending renames as a matter of course.",
    keys=(_KEY, f"{_KEY}\\KnownDLLs", f"{_KEY}\\SubSystems", f"{_KEY}\\Environment"),
    read=each_value(
        lambda at, value: None if at.parts[-1].lower() in ("session manager", "environment") and not value.raw.strip(b"\0") else {},
        names=(
            *("BootExecute", "SetupExecute", "Execute", "S0InitialCommand", "PendingFileRenameOperations*", "ExcludeFromKnownDlls"),
            *("BootShell", "InitialCommand", "DllDirectory*", "Debug", "Kmode", "Optional", "Posix", "Required", "Windows", "_*"),
            *("Path", "ComSpec", "PSModulePath", "COR_*", "CORECLR_*", "[a-z]*32", "[a-z]*api", "msvcrt", "rpcrt4", "shell32", "wow64*"),
        ),
        data=True,
    ),
    category=("registry", "configuration"),
    action="registry-autostart-observed",
    attack=("T1547", "T1574.001"),
    message="The session manager's value {registry.path!q} is [{registry.data.strings!q}|binary].",
    sources=("Session Manager keys, Microsoft Learn", "MoveFileEx, Microsoft Win32", "Inside Native Applications, M. Russinovich"),
)
