"""Signature of a file, by Windows itself: embedded, else by a catalog. Nothing is fetched from the network, revocation is not asked.

Source: Microsoft, WinVerifyTrust, CryptCATAdminCalcHashFromFileHandle2, CryptCATAdminEnumCatalogFromHash, WTHelperProvDataFromStateData.
"""

from __future__ import annotations

import ctypes
from ctypes import wintypes
from typing import Any

from scout.live.windows import _native

_NO_SIGNATURE = frozenset({0x800B0100, 0x800B0003, 0x800B0001})
_WORDS = {
    0: "signed",
    0x80096010: "bad digest",
    0x800B0101: "expired",
    0x800B010C: "revoked",
    0x800B0109: "untrusted root",
    0x800B0004: "not trusted",
    0x800B0111: "distrusted",
    0x800B010A: "untrusted chain",
    0x800B0110: "wrong usage",
    0x80092026: "blocked by policy",
}
_CACHE_ONLY = 0x1000


class _Guid(ctypes.Structure):
    _fields_ = (("a", ctypes.c_ulong), ("b", ctypes.c_ushort), ("c", ctypes.c_ushort), ("d", ctypes.c_ubyte * 8))


_GENERIC = _Guid(0x00AAC56B, 0xCD44, 0x11D0, (ctypes.c_ubyte * 8)(0x8C, 0xC2, 0x00, 0xC0, 0x4F, 0xC2, 0x95, 0xEE))


class _File(ctypes.Structure):
    _fields_ = (("size", wintypes.DWORD), ("path", wintypes.LPCWSTR), ("handle", wintypes.HANDLE), ("subject", ctypes.c_void_p))


class _Catalog(ctypes.Structure):
    _fields_ = (
        ("size", wintypes.DWORD),
        ("version", wintypes.DWORD),
        ("catalog", wintypes.LPCWSTR),
        ("tag", wintypes.LPCWSTR),
        ("member", wintypes.LPCWSTR),
        ("handle", wintypes.HANDLE),
        ("hash", ctypes.c_void_p),
        ("hash_size", wintypes.DWORD),
        ("context", ctypes.c_void_p),
        ("admin", ctypes.c_void_p),
    )


class _Data(ctypes.Structure):
    _fields_ = (
        ("size", wintypes.DWORD),
        ("policy", ctypes.c_void_p),
        ("sip", ctypes.c_void_p),
        ("ui", wintypes.DWORD),
        ("revocation", wintypes.DWORD),
        ("choice", wintypes.DWORD),
        ("subject", ctypes.c_void_p),
        ("action", wintypes.DWORD),
        ("state", wintypes.HANDLE),
        ("url", wintypes.LPCWSTR),
        ("flags", wintypes.DWORD),
        ("context", wintypes.DWORD),
        ("settings", ctypes.c_void_p),
    )


class _CatalogInfo(ctypes.Structure):
    _fields_ = (("size", wintypes.DWORD), ("path", wintypes.WCHAR * 260))


def verdict(path: str) -> dict[str, Any]:
    """Return `verdict` (signed, unsigned, bad digest, expired, revoked, untrusted root …), `status`, `signer`, `catalog` of a file."""
    info = _File(ctypes.sizeof(_File), path, None, None)
    found = _verified(1, info)
    if found["status"] in _NO_SIGNATURE:
        found = _by_catalog(path) or {"status": found["status"], "verdict": "unsigned"}
    return {**found, "status": f"0x{found['status']:08x}"}


def _verified(choice: int, info: Any) -> dict[str, Any]:
    trust = _native.library("wintrust")
    data = _Data(ctypes.sizeof(_Data), None, None, 2, 0, choice, ctypes.addressof(info), 1, None, None, _CACHE_ONLY, 0, None)
    status = trust.WinVerifyTrust(wintypes.HANDLE(-1), ctypes.byref(_GENERIC), ctypes.byref(data)) & 0xFFFFFFFF
    signer = _signer(trust, data.state)
    data.action = 2
    trust.WinVerifyTrust(wintypes.HANDLE(-1), ctypes.byref(_GENERIC), ctypes.byref(data))
    return {"status": status, "verdict": _WORDS.get(status, f"0x{status:08x}"), "signer": signer}


class _Signer(ctypes.Structure):
    _fields_ = (("size", wintypes.DWORD), ("time", wintypes.FILETIME), ("count", wintypes.DWORD), ("chain", ctypes.c_void_p))


class _Certificate(ctypes.Structure):
    _fields_ = (("size", wintypes.DWORD), ("context", ctypes.c_void_p))


def _signer(trust: Any, state: int | None) -> str | None:
    """Return the simple name in the first certificate of the signer's chain."""
    if not state:
        return None
    trust.WTHelperProvDataFromStateData.restype = trust.WTHelperGetProvSignerFromChain.restype = ctypes.c_void_p
    provider = trust.WTHelperProvDataFromStateData(wintypes.HANDLE(state))
    where = trust.WTHelperGetProvSignerFromChain(ctypes.c_void_p(provider), 0, False, 0) if provider else None
    if not where:
        return None
    signer = _Signer.from_address(where)
    if not signer.chain or not signer.count:
        return None
    room = ctypes.create_unicode_buffer(512)
    certificate = ctypes.c_void_p(_Certificate.from_address(signer.chain).context)
    _native.library("crypt32").CertGetNameStringW(certificate, 4, 0, None, room, 512)
    return _native.text(room.value) or None


def _by_catalog(path: str) -> dict[str, Any] | None:
    """Return the verdict of the first catalog that names the file, by SHA-256, then by SHA-1; None where none does."""
    trust, kernel = _native.library("wintrust"), _native.library("kernel32")
    kernel.CreateFileW.restype = trust.CryptCATAdminEnumCatalogFromHash.restype = ctypes.c_void_p
    handle = kernel.CreateFileW(ctypes.c_wchar_p(path), wintypes.DWORD(0x80000000), wintypes.DWORD(7), None, wintypes.DWORD(3), 0, None)
    if handle in (None, ctypes.c_void_p(-1).value):
        return None
    with _native.Handle(handle):
        for algorithm in ("SHA256", None):
            found = _catalog_of(trust, handle, path, algorithm)
            if found is not None:
                return found
    return None


def _catalog_of(trust: Any, handle: int, path: str, algorithm: str | None) -> dict[str, Any] | None:
    admin, size = ctypes.c_void_p(), wintypes.DWORD(64)
    digest = (ctypes.c_ubyte * 64)()
    file = wintypes.HANDLE(handle)
    try:
        if algorithm:
            acquired = trust.CryptCATAdminAcquireContext2(ctypes.byref(admin), None, ctypes.c_wchar_p(algorithm), None, 0)
            hashed = acquired and trust.CryptCATAdminCalcHashFromFileHandle2(admin, file, ctypes.byref(size), digest, 0)
        else:
            acquired = trust.CryptCATAdminAcquireContext(ctypes.byref(admin), None, 0)
            hashed = acquired and trust.CryptCATAdminCalcHashFromFileHandle(file, ctypes.byref(size), digest, 0)
    except AttributeError:  # an older Windows without the functions for SHA-256
        return None
    if not hashed:
        return None
    context = trust.CryptCATAdminEnumCatalogFromHash(admin, digest, size, 0, None)
    found = None
    if context:
        info = _CatalogInfo(ctypes.sizeof(_CatalogInfo))
        if trust.CryptCATCatalogInfoFromContext(ctypes.c_void_p(context), ctypes.byref(info), 0):
            tag = "".join(f"{byte:02X}" for byte in digest[: size.value])
            of_file = (path, None, ctypes.cast(digest, ctypes.c_void_p), size.value, None, admin)
            found = _verified(2, _Catalog(ctypes.sizeof(_Catalog), 0, info.path, tag, *of_file))
            found["catalog"] = _native.text(info.path)
        trust.CryptCATAdminReleaseCatalogContext(admin, ctypes.c_void_p(context), 0)
    trust.CryptCATAdminReleaseContext(admin, 0)
    return found
