"""Languages of scripts, as `languages.yaml` lists them: by the name of a file, else by its first line."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from scout.data import load_data

_INTERPRETER = re.compile(rb"#![ \t]*(?:/\S*/)?([\w.+-]+)(?:[ \t]+(?:-\S+[ \t]+)*(?:[^\s=]*=\S*[ \t]+)*([\w.+/-]+))?")
_WEB = ((re.compile(rb"(?i)<\?php\b|<\?="), "php"), (re.compile(rb"(?i)<%@\s*page\s[^<>]*(?:java|import)"), "jsp"))
_SHOWN = (
    (re.compile(rb"(?i)<hta:application|<script[\s>]|<job[\s>]"), "hta"),
    (re.compile(rb"(?i)\A\s{0,9}(?:@echo\s+off|setlocal\b|rem\s)"), "batch"),
    (
        re.compile(
            rb"(?i)new\s+activexobject|string\.fromcharcode|\beval\s*\(\s*(?:unescape|atob|decodeuricomponent)|(?:^|[\s;}])function\s*\w{0,40}\s*\([^)\n]{0,200}\)\s*\{"
        ),
        "jscript",
    ),
    (re.compile(rb"(?i)\bcreateobject\s*\(|\bexecute(?:global)?[\s(]|(?:^|\n)\s{0,9}on error resume next"), "vbscript"),
    (re.compile(rb"(?i)invoke-expression|\biex\b|new-object\s|\bfrombase64string\b"), "powershell"),
)
"""words by which a script is known whose name is lost"""
_ASPX = re.compile(rb"(?i)<%@\s*(?:page|webhandler|webservice|control)\s[^<>]*language|<%\s*@\s*language|<script[^<>]*runat\s*=\s*.?server")


PAGE = "page"
_CODE = re.compile(rb"(?i)<(?:\w+:)?script\b|\bjavascript:|\son[a-z]{3,20}\s*=\s*[\"']")


class _Language(NamedTuple):
    name: str
    endings: frozenset[str]
    interpreters: frozenset[str]


@cache
def languages() -> dict[str, _Language]:
    """Return the languages by name. Raises ValueError for an ending that two of them have."""
    text: dict[str, dict[str, list[str]]] = load_data(__package__, "languages.yaml")
    found = {name: _Language(name, frozenset(entry["endings"]), frozenset(entry["interpreters"])) for name, entry in text.items()}
    every = [ending for language in found.values() for ending in language.endings]
    if twice := sorted({ending for ending in every if every.count(ending) > 1}):
        raise ValueError(f"languages.yaml: {twice[0]} is the ending of two languages")
    return found


@cache
def _by_ending() -> dict[str, str]:
    return {ending: language.name for language in languages().values() for ending in language.endings}


def patterns() -> tuple[str, ...]:
    """Return path patterns of all endings, for the declaration of an artefact."""
    return tuple(f"**/*.{ending}" for ending in sorted(_by_ending()))


def language_of(name: str, head: bytes) -> str:
    """Return the language of a file by its interpreter line, else by its ending, else by tags of web pages; '' where none shows it."""
    if head.startswith(b"#!") and (found := _of_line(head)):
        return found
    low = name.lower()
    if by_name := _by_ending().get(low.rpartition(".")[2] if "." in low else ""):
        return by_name
    for pattern, language in _WEB:
        if pattern.search(head):
            return language
    return "aspx" if _ASPX.search(head) else ""


def has_code(content: bytes) -> bool:
    """Return whether a page has code: script elements, handlers of events, links that are code."""
    return _CODE.search(content) is not None


def spoken(language: str) -> str:
    """Return the language whose decoders and traits are those of a language: a page holds what an HTML application does."""
    return "hta" if language == PAGE else language


def guessed_language(name: str, head: bytes) -> str:
    """Return the language of a file in a document, whose name may be lost: also by words that only scripts of one language have."""
    if found := language_of(name, head):
        return found
    plain = head.replace(b"\0", b"")
    return next((language for pattern, language in _SHOWN if pattern.search(plain)), "")


def _of_line(head: bytes) -> str:
    match = _INTERPRETER.match(head.split(b"\n", 1)[0][:512])
    if match is None:
        return ""
    program = match[2] if match[1] == b"env" and match[2] else match[1]
    name = program.decode("ascii", "replace").rpartition("/")[2]
    plain = re.sub(r"(?<![\d.])[\d.]+$", "", name)
    return next((one.name for one in languages().values() if name in one.interpreters or plain in one.interpreters), "")
