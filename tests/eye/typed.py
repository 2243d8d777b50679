"""Texts as an analyst types or pastes them, drawn from the records of a case, and what each must find by a reading of its own.

The reading shares no code with the Eye: a value is cut at what Python calls no letter and no digit, in lower case. A text is found in it if
its words follow each other there.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from tests.eye import pasted

FRENCH = (
    "L'été dernier, à l'hôpital d'Évreux",
    "Compte rendu de l’élève n°12",
    "Sauvegarde terminée : œuvre préservée",
    "Détection d'un accès refusé à C:\\Données\\paye_2026.xlsx",
    "Façade « mairie-est »",
)
ODD = (
    "漢字テスト 不正アクセス",
    "пароль-администратор",
    "مرحبا بالعالم",
    "cafe\u0301 de\u0301compose\u0301",
    "na\u202eive\u202c.exe",
    "ΟΔΟΣ.exe",
    "İstanbul-01",
    "a\x00b\x01c tail",
    "Straße_42",
    "हिन्दी पाठ",
)


def extra() -> list[dict]:
    """Records with kinds of text that event logs of the corpus have few of."""
    found = []
    for n in range(20):
        found.append(
            {
                "@timestamp": f"2026-10-{n % 28 + 1:02d}T19:22:{n:02d}.1184021Z",
                "event.dataset": "typed",
                "event.kind": "event",
                "host.name": f"srv-paie-{n:02d}",
                "escadre.id": f"{n + 0xABC000:032x}",
                "message": f"{FRENCH[n % 5]} ({n}) by alice.martin{n}@mairie-exemple.fr",
                "process.command_line": f'powershell.exe -NoP -w hidden -enc JAB{n:04d} /c:"net user {n}" --out=\\\\srv{n}\\c$\\t.log',
                "file.path": f"C:\\Users\\Public\\Téléchargements\\lot {n}\\svc-{n:02d}.ps1",
                "process.hash.sha256": hashlib.sha256(b"program %d" % n).hexdigest(),
                "source.mac": f"00-1A-2B-3C-4D-{n:02X}",
                "winlog.event_data": {
                    "Url": f"https://cdn{n}.example.com:8443/a/b.php?id={n}&x=%41#top",
                    "Mac": f"00:1a:2b:3c:4d:{n:02x}",
                    "Note": ODD[n % 10],
                    "Key": f"HKLM\\SOFTWARE\\Vendor{n}\\CurrentVersion\\Run",
                    "Unix": f"/var/tmp/.cache-{n}/run_{n}.sh",
                    "Address": f"2001:db8::{n:x}:1",
                },
            }
        )
    return found + pasted.records()


SHAPES = {
    "path": re.compile(r"[A-Z]:\\[\w\\.\-]+\.\w{2,4}(?=$|[\s\"])"),
    "UNC path": re.compile(r"\\\\[\w.\-]+\\[\w$.\-]+(?:\\[\w.\-]+)*"),
    "Unix path": re.compile(r"(?:^|(?<=\s))/[\w.\-]+(?:/[\w.\-]+)+"),
    "name with extension": re.compile(r"\b[\w\-]+\.(?:exe|dll|ps1|sys|log|evtx)\b"),
    "IPv4 address": re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"),
    "IPv6 address": re.compile(r"\b(?:2001|fe80)(?::[0-9a-f]{0,4}){2,7}\b"),
    "MAC": re.compile(r"\b[0-9a-fA-F]{2}(?:[:\-][0-9a-fA-F]{2}){5}\b"),
    "host": re.compile(r"\b[\w\-]+\.(?:lan|local|corp|com|fr)\b"),
    "hyphened name": re.compile(r"\b(?:srv|svc|win|ws|fs)[\w]*-[\w\-]+\b", re.IGNORECASE),
    "account": re.compile(r"\b[A-Z][A-Z0-9\-]+\\[\w\-$]{3,}\b"),
    "mail": re.compile(r"\b[\w.]+@[\w\-]+\.\w+\b"),
    "registry key": re.compile(r"\bHK(?:LM|CU|U)\\[\w\\.\-]+\b"),
    "SID": re.compile(r"\bS-1-5-[\d\-]+\b"),
    "GUID": re.compile(r"\{[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}"),
    "hash": re.compile(r"\b(?:[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40})\b"),
    "URL": re.compile(r"\bhttps?://[\w.:/?=&%#\-]+"),
    "option": re.compile(r"(?<=\s)[-/]{1,2}[A-Za-z][\w:=]+(?:\s[\w.]+)?"),
    "time": re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"),
    "hexadecimal": re.compile(r"\b0x[0-9a-fA-F]{2,}\b"),
    "word": re.compile(r"\b[A-Za-z]{5,}\b"),
}
PER_SHAPE = 18


def leaves(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [] if value is None else [str(value).lower() if isinstance(value, bool) else str(value)]


def values(record: dict) -> list[str]:
    return [leaf for name, value in record.items() if name != "escadre.id" for leaf in leaves(value)]


def row(text: str) -> str:
    """The words of a text between blanks, one blank at each end."""
    plain = unicodedata.normalize("NFC", text).replace("İ", "i")
    kept = "".join(
        c.lower() if c.isalnum() or (unicodedata.category(c) in ("Mc", "Mn") and "\u0900" <= c <= "\u0dff") else " " for c in plain
    )
    return f" {' '.join(kept.split())} "


def holds(rows: list[str], typed: str, *, quoted: bool) -> bool:
    parts = [row(typed)] if quoted else [row(part) for part in typed.split() if row(part).strip()]
    return all(any(part in one for one in rows) for part in parts)


def texts(records: list[dict]) -> list[tuple[str, str, str, bool]]:
    """(shape, what is typed, the text itself, whether it is quoted), the same in every run."""
    pools: dict[str, dict[str, None]] = {
        shape: {} for shape in (*SHAPES, "tail of a path", "name alone", "fragment", "French", "odd", "two")
    }
    for record in records:
        for value in values(record):
            if len(value) > 3_000:
                continue
            for shape, pattern in SHAPES.items():
                if len(pools[shape]) < 4_000:
                    pools[shape].update(dict.fromkeys(found[0] for found in pattern.finditer(value)))
            if " -" in value and 20 < len(value) < 400:
                words = value.split(" ")
                pools["fragment"][" ".join(words[1:4])] = None
                pools["two"][f"{words[-1]} {words[0]}"] = None
    for path in list(pools["path"]):
        pools["tail of a path"]["\\".join(path.split("\\")[-2:])] = None
    for name in list(pools["name with extension"]):
        pools["name alone"][name.rpartition(".")[0]] = None
    pools["French"] = dict.fromkeys([*FRENCH, *(part for text in FRENCH for part in text.split() if len(part) > 3)])
    pools["odd"] = dict.fromkeys([*ODD, *(part for text in ODD for part in text.split())])
    found = []
    for shape, pool in pools.items():
        usable = [t for t in pool if row(t).strip() and not re.search(r"[*]|~\d*$|^[!]|(?<![\w/])\?", t) and ("?" not in t or "://" in t)]
        step = max(1, len(usable) // PER_SHAPE)
        for text in usable[::step][:PER_SHAPE]:
            quoted = shape in ("fragment", "French", "odd", "option") and " " in text
            shown = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if quoted else text
            if quoted or ('"' not in text and not re.search(r"(^|\s)(AND|OR|NOT)(\s|$)", text)):
                found.append((shape, shown, text, quoted))
    return found + [one for shape, whole in pasted.PASTED.items() for text in whole for one in _as_pasted(shape, text)]


def _as_pasted(shape: str, text: str) -> list[tuple[str, str, str, bool]]:
    """The whole text and each two of its pieces in quotes; as it is, and each piece, where it has no operator or wildcard."""
    pieces = text.split()
    pairs = [" ".join(pieces[n : n + 2]) for n in range(len(pieces) - 1)]
    found = [(shape, '"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"', one, True) for one in dict.fromkeys([text, *pairs])]
    operator = re.compile(r"[*]|~\d*$|^[!(]|(?<![\w/])[?]|[?]$|^(?:AND|OR|NOT|&&|\|\|)$")
    bare = [one for one in dict.fromkeys([text, *pieces]) if not any(operator.search(piece) for piece in one.split())]
    found += [(shape, one, one, False) for one in bare]
    return [one for one in found if row(one[2]).strip()]
