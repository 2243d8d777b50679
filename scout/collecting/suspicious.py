"""Judge whether a file in a place where programs do not belong is a program: by first bytes, extension, or a misleading name.

Places and limits are data (`rule` of a target); this module only judges.
Sources: ELF specification (e_ident), PE/COFF specification (MS-DOS stub), execve(2) for `#!`, JVM specification 4.1 for class files.
"""

from __future__ import annotations

import re

from scout.targets.loader import SampleRule

HEAD = 512
"""bytes that are enough to judge"""
_DOCUMENTS = "pdf|doc|docx|docm|xls|xlsx|xlsm|ppt|pptx|odt|ods|rtf|txt|csv|jpg|jpeg|png|gif|bmp|mp3|mp4|avi|zip|rar|7z|html|htm|eml|msg"
_PROGRAMS = "exe|scr|com|pif|cpl|dll|sys|bat|cmd|ps1|vbs|vbe|js|jse|wsf|hta|lnk|jar|msi|sh|py|pl|php|elf|bin|run|so"
_DOUBLE = re.compile(rf"\.(?:{_DOCUMENTS})[ .]*\.(?:{_PROGRAMS})$", re.IGNORECASE)
_TURNED = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_MAGIC = {"elf": b"\x7fELF", "pe": b"MZ", "script": b"#!", "class": b"\xca\xfe\xba\xbe"}


def judge(rule: SampleRule, name: str, head: bytes) -> str:
    """Return why the file is suspicious under this rule, in a few words; '' where it is not. `head` is its first `HEAD` bytes."""
    for kind in rule.headers:
        if kind == "php":
            if re.search(rb"<\?(?:php|=)", head, re.IGNORECASE):
                return "PHP code"
        elif head.startswith(_MAGIC[kind]) and (kind != "pe" or _pe(head)):
            return {"elf": "ELF program", "pe": "Windows program", "script": "script (#!)", "class": "Java class"}[kind]
    if rule.double and (found := _DOUBLE.search(name)):
        return f"double extension {found.group(0)}"
    if rule.double and _TURNED.search(name):
        return "direction mark in the name"
    lower = name.lower()
    return next((f"extension {extension}" for extension in rule.extensions if lower.endswith(extension)), "")


def _pe(head: bytes) -> bool:
    """Return whether the pointer to the PE header is plausible: a text that begins with MZ is no program."""
    if len(head) < 64:
        return False
    return 4 <= int.from_bytes(head[0x3C:0x40], "little") < 1 << 28
