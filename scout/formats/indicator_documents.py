"""Indicators in structured documents: STIX 2.1 bundles, MISP events, OpenIOC 1.0 and 1.1.

Sources: OASIS, "STIX Version 2.1" (sections 4.7 Indicator, 7.2.1 TLP, 9 Stix Patterning); MISP core format (RFC draft
draft-dulaunoy-misp-core-format); Mandiant, OpenIOC schema 1.0 and 1.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

DEEPEST = 40
"""levels of OpenIOC's Indicator elements"""
_STIX = {
    "ipv4-addr:value": "ip", "ipv6-addr:value": "ip", "domain-name:value": "domain", "url:value": "url", "file:name": "filename",
    "file:hashes.md5": "md5", "file:hashes.sha-1": "sha1", "file:hashes.sha1": "sha1", "file:hashes.sha-256": "sha256",
    "file:hashes.sha256": "sha256", "windows-registry-key:key": "path", "directory:path": "path", "mutex:name": "mutex",
    "network-traffic:dst_ref.value": "", "network-traffic:src_ref.value": "",
}  # fmt: skip
"""object path of a comparison, in lower case and without quotes → type"""
_TLP = {
    "613f2e26-407d-48c7-9eca-b8e91df99dc9": "WHITE", "34098fce-860f-48ae-8e50-ebd3cc5e41da": "GREEN",
    "f88d31f6-486f-44da-b317-01333bde0b82": "AMBER", "5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "RED",
}  # fmt: skip
"""the marking definitions of STIX 2.1, section 7.2.1.4"""
_COMPARISON = re.compile(
    r"(?<![\w-])([\w-]++:[\w.'\"-]++)\s*(=|!=|<=?|>=?|IN|LIKE|MATCHES|ISSUBSET|ISSUPERSET)\s*('(?:[^'\\]|\\.)*'|\([^()]*\)|\S+)"
)
_TEXT = re.compile(r"'((?:[^'\\]|\\.)*)(?:'|\Z)")
_MISP = {
    "md5": "md5", "sha1": "sha1", "sha256": "sha256", "filename": "filename", "ip-src": "ip", "ip-dst": "ip", "domain": "domain",
    "hostname": "domain", "url": "url", "uri": "url", "link": "url", "regkey": "path", "ip": "ip", "mutex": "mutex",
    "named pipe": "pipe",
}  # fmt: skip
_OPENIOC = {
    "md5sum": "md5", "sha1sum": "sha1", "sha256sum": "sha256", "filename": "filename", "fullpath": "path", "filepath": "path",
    "dns": "domain", "recordname": "domain", "host": "domain", "hostname": "domain", "remoteip": "ip", "localip": "ip", "url": "url",
    "ipaddress": "ip", "ipv4address": "ip", "keypath": "path", "path": "path", "uri": "url",
}  # fmt: skip
"""last part of a search term, in lower case → type"""
_OPENIOC_TERMS = {"processitem/handlelist/handle/name": "mutex", "hookitem/mutexname": "mutex", "processitem/mutexname": "mutex"}
"""search terms whose last part says too little"""


class IndicatorFacts(NamedTuple):
    """What a document says of an indicator: TLP without `TLP:`, confidence (0 to 100, or a word), end of its validity, title."""

    tlp: str = ""
    confidence: str = ""
    expires: str = ""
    title: str = ""


class DocumentItem(NamedTuple):
    """One value of a document: its text, type ('' to be recognised) and facts; or the reason why it is not taken."""

    text: str
    kind: str = ""
    facts: IndicatorFacts = IndicatorFacts()
    refused: str = ""


_BRACKETED = re.compile(r"\[[0-9A-Fa-f]*:[0-9A-Fa-f:.]+(?:%\w+)?\]")
"""an IPv6 address as it stands before a port, which begins a list as JSON does"""


def items(raw: str) -> Iterator[DocumentItem] | None:
    """Yield the values of a document; None where the text is none of these formats. Raises ValueError for one that is damaged."""
    head = raw.lstrip("\ufeff \t\r\n")[:4096]
    if head[:1] in ("{", "[") and not _BRACKETED.match(head):
        return _of_json(json.loads(raw.lstrip("\ufeff")))
    if head[:1] == "<" and re.search(r"<(?:\w+:)?(?:ioc|OpenIOC)\b", raw[: 1 << 16]):
        return _of_openioc(raw)
    return None


def _of_json(document: Any) -> Iterator[DocumentItem]:
    if isinstance(document, dict) and isinstance(document.get("objects"), list):
        return _of_stix(document["objects"])
    lists = list(document.values()) if isinstance(document, dict) else [document]
    if lists and all(isinstance(some, list) and all(isinstance(one, str) for one in some) for some in lists) and any(lists):
        return (DocumentItem(one) for some in lists for one in some)
    found = document if isinstance(document, list) else [document]
    if isinstance(document, dict) and isinstance(document.get("response"), list | dict):
        found = document["response"] if isinstance(document["response"], list) else [document["response"]]
    events = [one["Event"] if isinstance(one, dict) and isinstance(one.get("Event"), dict) else one for one in found]
    if not any(isinstance(one, dict) and ("Attribute" in one or "Object" in one) for one in events):
        raise ValueError("JSON, but neither a STIX bundle nor a MISP event")
    return _of_misp([one for one in events if isinstance(one, dict)])


def _of_stix(objects: list[Any]) -> Iterator[DocumentItem]:
    marks = dict(_TLP)
    for one in objects:
        if isinstance(one, dict) and one.get("type") == "marking-definition":
            said = one.get("definition") or {}
            name = said.get("tlp") if isinstance(said, dict) else None
            named = re.fullmatch(r"(?i)tlp:(.+)", str(one.get("name") or ""))
            if name or named:
                marks[str(one.get("id")).partition("--")[2]] = str(name or (named and named[1])).upper()
    for one in objects:
        if not isinstance(one, dict) or one.get("type") != "indicator":
            continue
        found = [marks[m] for ref in one.get("object_marking_refs") or () if (m := str(ref).partition("--")[2]) in marks]
        said = one.get("confidence")
        facts = IndicatorFacts(
            found[0] if found else "", "" if said is None else str(said), str(one.get("valid_until") or ""), str(one.get("name") or "")
        )
        if one.get("revoked") is True:
            yield DocumentItem(str(one.get("pattern") or ""), refused="it is revoked")
        elif str(one.get("pattern_type", "stix")) != "stix":
            yield DocumentItem(str(one.get("pattern") or "")[:200], refused=f"a pattern of the type {one.get('pattern_type')}")
        else:
            yield from of_pattern(str(one.get("pattern") or ""), facts)


def of_pattern(pattern: str, facts: IndicatorFacts) -> Iterator[DocumentItem]:
    """Yield the values of a STIX pattern whose comparisons are alternatives; others are refused, because each part alone means less."""
    bare = _TEXT.sub("''", pattern)
    if re.search(r"\b(?:AND|FOLLOWEDBY|NOT|WITHIN|REPEATS|START)\b", bare):
        yield DocumentItem(pattern, refused="a pattern that combines comparisons: each alone would match more than is meant")
        return
    comparisons = list(_COMPARISON.finditer(pattern))
    if not comparisons:
        yield DocumentItem(pattern, refused="a pattern without a comparison")
    for found in comparisons:
        path, operator, value = re.sub(r"['\"]", "", found[1]).lower(), found[2], found[3]
        if path not in _STIX or operator not in ("=", "IN"):
            yield DocumentItem(found[0], refused=f"{found[1]} {operator}: no value that is looked for")
            continue
        for text in _TEXT.findall(value):
            yield DocumentItem(re.sub(r"\\(.)", r"\1", text), _STIX[path], facts)


def _of_misp(events: list[dict[str, Any]]) -> Iterator[DocumentItem]:
    for event in events:
        tlp = _tlp(event)
        listed = list(event.get("Attribute") or ())
        for one in event.get("Object") or ():
            if isinstance(one, dict):
                listed += one.get("Attribute") or ()
        for attribute in listed:
            if isinstance(attribute, dict):
                yield from _of_attribute(attribute, IndicatorFacts(_tlp(attribute) or tlp, title=str(event.get("info") or "")))


def _tlp(holder: dict[str, Any]) -> str:
    names = [str(tag.get("name", "")) for tag in holder.get("Tag") or () if isinstance(tag, dict)]
    return next((name[4:].upper() for name in names if name.lower().startswith("tlp:")), "")


def _of_attribute(attribute: dict[str, Any], facts: IndicatorFacts) -> Iterator[DocumentItem]:
    kinds, texts = str(attribute.get("type") or "").split("|"), str(attribute.get("value") or "").split("|")
    if str(attribute.get("to_ids", True)).lower() in ("false", "0"):
        yield DocumentItem("|".join(texts), refused="its `to_ids` is false: context, not an indicator")
        return
    if len(kinds) != len(texts) or not any(kind in _MISP for kind in kinds):
        yield DocumentItem("|".join(texts), refused=f"attributes of the type {'|'.join(kinds)} are not looked for")
        return
    strongest = [(k, t) for k, t in zip(kinds, texts, strict=True) if k in ("md5", "sha1", "sha256")]
    for kind, text in strongest or zip(kinds, texts, strict=True):  # a name that goes with a hash is that of many files
        if kind in _MISP:
            yield DocumentItem(text, _MISP[kind], facts)


def _of_openioc(raw: str) -> Iterator[DocumentItem]:
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root = fromstring(raw.lstrip("\ufeff").encode(), forbid_dtd=True)
    except ParseError as e:
        raise ValueError(f"XML that cannot be read: {e}") from None
    title = next((str(one.text or "") for one in root.iter() if _name(one) == "short_description"), "")
    for one in root.iter():
        if _name(one) in ("definition", "criteria"):
            for child in one:
                yield from _of_branch(child, IndicatorFacts(title=title), 0)


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _of_branch(element: Any, facts: IndicatorFacts, depth: int) -> Iterator[DocumentItem]:
    children = [child for child in element if _name(child) in ("Indicator", "IndicatorItem")]
    if _name(element) == "IndicatorItem":
        yield _of_item(element, facts)
    elif depth > DEEPEST:
        yield DocumentItem("", refused=f"more than {DEEPEST} levels")
    elif str(element.get("operator", "OR")).upper() == "AND" and len(children) > 1:
        texts = [item.text for child in children for item in _of_branch(child, facts, depth + 1)]
        yield DocumentItem(texts[0] if texts else "", refused="terms that must hold together: each alone would match more than is meant")
    else:
        for child in children:
            yield from _of_branch(child, facts, depth + 1)


def _of_item(element: Any, facts: IndicatorFacts) -> DocumentItem:
    parts = {_name(child): child for child in element}
    text = str(parts["Content"].text or "").strip() if "Content" in parts else ""
    term = str(parts["Context"].get("search") or "") if "Context" in parts else ""
    kind = _OPENIOC_TERMS.get(term.lower()) or _OPENIOC.get(term.rpartition("/")[2].lower())
    condition = str(element.get("condition") or "is").lower()
    if str(element.get("negate", "false")).lower() == "true" or condition not in ("is", "contains"):
        return DocumentItem(text, refused=f"{term} {condition}: only `is` and `contains` are looked for")
    return DocumentItem(text, kind, facts) if kind is not None else DocumentItem(text, refused=f"the term {term} is not looked for")
