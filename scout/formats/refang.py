r"""Undo what people do to an indicator so that nobody opens it by accident: `hxxp[:]//evil[.]example`, `host.seven\.example`.

Paths keep their backslashes and brackets: `C:\x\[.]y` is a name, but `C:\x\evil[.]exe` is `C:\x\evil.exe`.
"""

from __future__ import annotations

import re

PATH = re.compile(r"[a-z]:[\\/]|\\|%[\w()]+%[\\/]|~?/(?!/)|~\\", re.IGNORECASE)
"""The beginning of a text that is a path."""

_LIST_MARK = re.compile(r"\A(?:[-*+•‣·–—]|\d{1,3}[.)])\s+")
_QUOTES = "\"'`“”‘’«»„"
_OPEN, _CLOSE = r"[\[({<]", r"[\])}>]"
_DOT = re.compile(rf"\s?{_OPEN}\s*(?:\.|dot)\s*{_CLOSE}\s?|(?<=\w)\s+dot\s+(?=\w)|(?<=\w)(?:{_OPEN}\.|\.{_CLOSE})(?=\w)", re.IGNORECASE)
_MARK = re.compile(rf"{_OPEN}\s*(:/{{0,2}}|::|/{{1,2}}|@|-)\s*{_CLOSE}", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(?=[^\w\s\\])")
r"""A backslash before punctuation: an escape of a regular expression, of Markdown or of JSON (`\/`)."""
_SEPARATES = re.compile(r"\\(?:[\w\s\\]|\Z)")
"""A backslash that is no escape."""
_DOUBLED = re.compile(r"(?:[^\\]|\\\\)*\Z")
"""Backslashes as JSON and program texts write them: `host.seven\\\\.example`."""
_IN_NAME = re.compile(r"(?<=\w)\[\.\](?=\w{1,5}\Z)")
"""The dot before the extension of a path: `C:\\x\\evil[.]exe`."""
_SLASHES = r"(?:(?:\\{1,2}/){2}|//|__|\\{2,4})"
_SCHEME = re.compile(rf"\A{_OPEN}?(h[tx*_]{{1,3}}p|meow|fxp|ftp){_OPEN}?(s?){_CLOSE}?\s*:\s*{_SLASHES}\s*", re.IGNORECASE)
_WIDE_DOTS = str.maketrans("。．｡․", "....")


def bare(text: str) -> str:
    """Return the text without list marks, quotes and punctuation around it."""
    text = _LIST_MARK.sub("", text.strip())
    while (short := text.strip().strip(_QUOTES).rstrip(",;")) != text:
        text = short
    return text[1:-1] if text[:1] == "<" and text[-1:] == ">" else text


def refang(text: str) -> str:
    """Return the text as it is used: `hxxp[:]//evil[.]example` → `http://evil.example`. Of a path, only the extension is changed."""
    if PATH.match(text):
        return _IN_NAME.sub(".", text)
    text = _MARK.sub(r"\1", text.translate(_WIDE_DOTS))
    scheme = _SCHEME.match(text)
    if scheme is None and _DOUBLED.match(text):
        text = text.replace("\\\\", "\\")
    if scheme is None and not _SEPARATES.search(text):
        text = _ESCAPED.sub("", text)
        scheme = _SCHEME.match(text)
    if scheme:  # like a browser: a backslash in such an address is a slash
        name = "ftp" if scheme[1].lower() in ("fxp", "ftp") else "http"
        text = f"{name}{scheme[2].lower()}://{_rest(text[scheme.end() :])}"
    return _DOT.sub(".", text)


def _rest(text: str) -> str:
    text = text.replace("\\\\", "\\") if _DOUBLED.match(text) else text
    return _ESCAPED.sub("", text).replace("\\", "/")
