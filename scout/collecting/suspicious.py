"""Judge whether a file in a place where programs do not belong is a program: by first bytes, extension, or a misleading name.

Places and limits are data (`rule` of a target); this module only judges.
Sources: ELF specification (e_ident), PE/COFF specification (MS-DOS stub), execve(2) for `#!`, JVM specification 4.1 for class files, ZIP's
APPNOTE.TXT, RFC 1952, MS-CAB, the minidump header of Microsoft's documentation, RFC 4120 (KRB-CRED), MIT's credential cache format.
"""

from __future__ import annotations

import fnmatch
import re

from scout.targets.target import SampleRule

HEAD = 512
"""bytes that are enough to judge"""
_DOCUMENTS = "pdf|doc|docx|docm|xls|xlsx|xlsm|ppt|pptx|odt|ods|rtf|txt|csv|jpg|jpeg|png|gif|bmp|mp3|mp4|avi|zip|rar|7z|html|htm|eml|msg"
_PROGRAMS = "exe|scr|com|pif|cpl|dll|sys|bat|cmd|ps1|vbs|vbe|js|jse|wsf|hta|lnk|jar|msi|sh|py|pl|php|elf|bin|run|so"
_DOUBLE = re.compile(rf"\.(?:{_DOCUMENTS})[ .]*\.(?:{_PROGRAMS})$", re.IGNORECASE)
_TURNED = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_MAGIC = {
    "elf": (b"\x7fELF",),
    "pe": (b"MZ",),
    "script": (b"#!",),
    "class": (b"\xca\xfe\xba\xbe",),
    "archive": (b"PK\x03\x04", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08", b"\xfd7zXZ\x00", b"MSCF\x00\x00\x00\x00"),
    "dump": (b"MDMP\x93\xa7", b"PAGEDU64", b"PAGEDUMP"),
    "ticket": (b"\x76\x82", b"\x05\x04\x00\x0c"),
    "hive": (b"regf",),
}
_SAID = {
    "elf": "ELF program",
    "pe": "Windows program",
    "script": "script (#!)",
    "class": "Java class",
    "archive": "archive",
    "dump": "dump of memory",
    "ticket": "Kerberos tickets",
    "hive": "registry hive",
}
_ESE = b"\xef\xcd\xab\x89"


_ADDED = re.compile(
    r"\.(?:pdf|docx?|xlsx?|pptx?|odt|ods|rtf|txt|csv|jpe?g|png|gif|mp[34]|zip|rar|7z|sql|mdf|ldf|bak|vhdx?|vmdk|pst|dwg|psd)(\.[^.\s]{3,16})$",
    re.IGNORECASE,
)
_USUAL = {
    ".lnk",
    ".bak",
    ".tmp",
    ".old",
    ".zip",
    ".exe",
    ".url",
    ".part",
    ".crdownload",
    ".sig",
    ".asc",
    ".md5",
    ".sha256",
    ".json",
    ".xml",
}
"""Extensions that programs add to documents, or that other rules judge."""


def possible(rule: SampleRule, name: str) -> bool:
    """Return whether a file of this name may be suspicious under the rule; the content decides where the rule looks at it."""
    return bool(mark(rule, name)) if rule.crowd else bool(rule.headers) or rule.changed or bool(judge(rule, name, b""))


def mark(rule: SampleRule, name: str) -> str:
    """Return what files of a crowd have in common: the name of a note, or the extension that was added to a document's; '' for nothing."""
    lower = name.lower()
    if any(fnmatch.fnmatchcase(lower, glob) for glob in rule.names):
        return lower
    added = _ADDED.search(lower)
    return added.group(1) if added and added.group(1) not in _USUAL else ""


def judge(rule: SampleRule, name: str, head: bytes) -> str:
    """Return why the file is suspicious under this rule, in a few words; '' where it is not. `head` is its first `HEAD` bytes."""
    for kind in rule.headers:
        if kind == "php":
            if re.search(rb"<\?(?:php|=)", head, re.IGNORECASE):
                return "PHP code"
        elif kind == "database":
            if head[4:8] == _ESE and name.lower().endswith((".dit", ".dit.bak", ".dit.old")):
                return "copy of a directory database"
        elif head.startswith(_MAGIC[kind]) and (kind != "pe" or _pe(head)):
            return _SAID[kind]
    if rule.double and (found := _DOUBLE.search(name)):
        return f"double extension {found.group(0)}"
    if rule.double and _TURNED.search(name):
        return "direction mark in the name"
    lower = name.lower()
    if any(fnmatch.fnmatchcase(lower, glob) for glob in rule.names):
        return f"name {lower}"
    return next((f"extension {extension}" for extension in rule.extensions if lower.endswith(extension)), "")


def _pe(head: bytes) -> bool:
    """Return whether the pointer to the PE header is plausible: a text that begins with MZ is no program."""
    if len(head) < 64:
        return False
    return 4 <= int.from_bytes(head[0x3C:0x40], "little") < 1 << 28
