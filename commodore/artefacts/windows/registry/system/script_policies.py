r"""Policies for PowerShell, scripts, macros and AMSI: logging, execution policy, protection."""

from __future__ import annotations

from commodore.registry import each_value, registry_artefact

ARTEFACT, parse, expected = registry_artefact(
    name="script_policies",
    title="Policies for PowerShell, scripts and macros",
    about="Execution policy and logging of PowerShell (script blocks, modules, transcripts), Windows Script Host, AMSI, macros of "
    "Office. Shows which logs to expect, and what an intruder switched off.",
    proves_not="That a script ran, or that the policy was in effect at an earlier time.",
    keys=(
        r"Software\Policies\Microsoft\Windows\PowerShell\**",
        r"Software\Policies\Microsoft\PowerShellCore\**",
        r"Software\Microsoft\PowerShell\*\ShellIds\*",
        r"Software\Microsoft\Windows Script Host\Settings",
        r"Software\Microsoft\Windows Script\Settings",
        r"Software\Microsoft\AMSI\Providers\*",
        r"Software\Microsoft\Office\*\*\Security",
        r"Software\Policies\Microsoft\Office\*\*\Security",
        r"Software\Microsoft\Command Processor",
    ),
    read=each_value(
        lambda at, value: {},  # noqa: ARG005
        names=(
            *(
                "Enable*",
                "ExecutionPolicy",
                "OutputDirectory",
                "ModuleNames",
                "Path",
                "Enabled",
                "Remote",
                "TrustPolicy",
                "Amsi*",
                "VBAWarnings",
            ),
            *(
                "AccessVBOM",
                "BlockContentExecutionFromInternet",
                "ExcelBypassEncryptedMacroScan",
                "AutoRun",
                "LogSecuritySuccesses",
                "\\**",
                "\\*",
            ),
        ),
        data=True,
    ),
    category=("configuration",),
    action="registry-setting-observed",
    attack=("T1059.001", "T1562.002", "T1562.001"),
    message="The policy {registry.path!q} is [{registry.data.strings!q}|binary].",
    sources=("about_Group_Policy_Settings and about_Logging, Microsoft Learn", "Windows Script Host settings, Microsoft Learn"),
)
