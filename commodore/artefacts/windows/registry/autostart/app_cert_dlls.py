r"""AppCert DLLs: libraries that load into every program that starts another one."""

from __future__ import annotations

from commodore.registry import COMMAND_FIELDS, commands, each_value, registry_artefact

ARTEFACT, parse, expected = registry_artefact(
    name="app_cert_dlls",
    title="AppCert DLLs",
    about="Libraries that Windows loads into every process that calls CreateProcess and the functions like it. The key is absent on "
    "most hosts.",
    proves_not="That the library was loaded, or when the value was set: all values of the key share its time.",
    keys=(r"System\CurrentControlSet\Control\Session Manager\AppCertDlls",),
    read=each_value(commands(), data=True, counted=True),
    fields=COMMAND_FIELDS,
    needs=("system_root",),
    category=("registry", "configuration"),
    action="registry-autostart-observed",
    attack=("T1546.009",),
    message="The AppCert value {registry.value!q} loads {registry.data.strings!q}.",
    sources=("AppCert DLLs, MITRE ATT&CK T1546.009", "CreateProcess functions, Microsoft Win32"),
)
