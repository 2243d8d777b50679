"""Capabilities of a file: the extended attribute `security.capability`.

Source: linux/capability.h (struct vfs_cap_data, vfs_ns_cap_data); capabilities(7); the text form of getcap(8).
"""

from __future__ import annotations

from struct import unpack_from

NAMES = (
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
)
_WORDS = {1: 1, 2: 2, 3: 2}
"""revision → number of 32-bit words of each set"""


def text(raw: bytes) -> str:
    """Return the sets as `cap_net_raw,cap_setuid=ep`, a group a set of flags; '' for bytes that are no such attribute."""
    if len(raw) < 12:
        return ""
    (magic,) = unpack_from("<I", raw)
    words = _WORDS.get(magic >> 24, 0)
    if not words or len(raw) < 4 + 8 * words:
        return ""
    permitted = inheritable = 0
    for word in range(words):
        low, high = unpack_from("<II", raw, 4 + 8 * word)
        permitted |= low << 32 * word
        inheritable |= high << 32 * word
    groups: dict[str, list[str]] = {}
    for bit in range(64):
        flags = ("e" if magic & 1 and (permitted | inheritable) >> bit & 1 else "") + ("i" if inheritable >> bit & 1 else "")
        flags += "p" if permitted >> bit & 1 else ""
        if flags:
            groups.setdefault(flags, []).append(f"cap_{NAMES[bit]}" if bit < len(NAMES) else f"cap_{bit}")
    return " ".join(f"{','.join(names)}={flags}" for flags, names in groups.items())
