"""Remove one command line from a script of a shell so that the shell still reads the rest, and runs nothing else than before.

A line may be the only one of a block, its begin or its end, or one with its neighbours. What stands in its place then does nothing: `:`,
`false` as the condition, or the bare word that ends the block. A here-document goes with the line that begins it. Source: POSIX.1-2017,
Shell Command Language 2.7.4, 2.9.4, 2.10.2.
"""

from __future__ import annotations

import re

from hunter.objects._text import Cut, Put, continued, lines

_NAMES = re.compile(
    r"(?:.*/)?(?:rc\.local|rc\.d/.*|boot\.local|init\.d/.*|profile|profile\.d/.*|(?:bash\.|\.)?(?:bashrc|bash_\w+|bash\.bash_logout)"
    r"|\.?(?:profile|bash_profile|bash_login|bash_logout|bash_aliases|kshrc|zshrc|zshenv|zprofile|zlogin|zlogout|xinitrc|xsession|xsessionrc|xprofile)"
    r"|sshrc|rc|X11/.*|grub\.d/.*|default/.*)"
)
_SHEBANG = re.compile(rb"#!\s*\S*/(?:env\s+)?(?:ba|da|z|k|mk|a)?sh\b")
_OPENS = re.compile(rb"(?:(?:^|[\s;&|)])(?:then|do|else|\{)|(?:^|[\s;&|(])\(|&&|\|\|?)\s*(?:#.*)?$")
_CONDITION = re.compile(rb"(\s*)(if|elif|while|until)\b")
_LOOP = re.compile(rb"(\s*)for\s+([A-Za-z_]\w*)\s+in\b")
_BRANCH = re.compile(rb"(\s*)(then|do|else)\b(.*)", re.DOTALL)
_BODY = re.compile(rb";\s*(then|do)\b(.*)", re.DOTALL)
_CLOSES = re.compile(rb"(\s*)(fi|done|esac|\}|\))(?=[\s;&|<>)]|$)")
_CASE = re.compile(rb"(\s*\(?[^\s()'\"#;&|]+(?:\s*\|\s*[^\s()'\"#;&|]+)*\))(?!\s*\{)(.*?)(;;&?|;&)?\s*(?:#.*)?$", re.DOTALL)
_WORDS = re.compile(rb"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.|(?<!\S)#.*|[A-Za-z_]+|[{}();]", re.DOTALL)
_HERE = re.compile(rb"""(?<!<)<<(?!<)(-?)[ \t]*(?:'([^'\n]+)'|"([^"\n]+)"|\\?([\w.+@%/:=,-]+))""")
_FIRST = frozenset({b"if", b"case", b"for", b"while", b"until", b"select", b"{", b"("})
_LAST = frozenset({b"fi", b"esac", b"done", b"}", b")"})
_NEXT_IS_COMMAND = frozenset({b"then", b"do", b"else", b"elif", b"if", b"while", b"until", b"{", b"(", b")", b";", b"!"})


def is_shell(path: str, data: bytes) -> bool:
    """Return whether a shell of the Bourne family reads this file as a script."""
    first = data[:128].partition(b"\n")[0]
    return bool(_SHEBANG.match(first)) if first.startswith(b"#!") else _NAMES.fullmatch(path) is not None


def removed(data: bytes, cut: Cut) -> tuple[list[Cut], list[Put]]:
    """Return cuts and puts that remove the line at `cut`, with the here-documents that it begins.

    ValueError for a line that begins or ends a block in a way that stays unclear.
    """
    spans = lines(data)
    at = spans.index(cut)
    texts = _here_documents([data[slice(*span)] for span in spans])
    if any(opener < at < last for opener, last in texts.items()):
        return [cut], []
    if at in texts.values():
        raise ValueError("the line ends a text within the script, which would go on to its end: take the whole text out by hand")
    cuts, puts = _command(data, cut, spans, at)
    after = max((texts[n] for n in range(at, at + len(cuts)) if n in texts), default=-1)
    return [*cuts, *spans[at + len(cuts) : after + 1]], puts


def _here_documents(script: list[bytes]) -> dict[int, int]:
    """Return line that begins here-documents → line that ends the last of them, by number from 0. POSIX.1-2017, XCU 2.7.4."""
    found, at = {}, 0
    while at < len(script):
        last = at
        hidden = [match.span() for match in _WORDS.finditer(script[at]) if match[0][:1] in b"'\"#\\"]
        for match in _HERE.finditer(script[at]):
            if any(begin <= match.start() < end for begin, end in hidden):
                continue
            word = match[2] or match[3] or match[4]
            ends = (n for n in range(last + 1, len(script)) if _ended(script[n], tabs=bool(match[1])) == word)
            last = next(ends, last)  # without an end it is a shift of bits
        if last > at:
            found[at] = last
        at = last + 1
    return found


def _ended(line: bytes, *, tabs: bool) -> bytes:
    line = line.rstrip(b"\r\n")
    return line.lstrip(b"\t") if tabs else line


def _command(data: bytes, cut: Cut, spans: list[Cut], at: int) -> tuple[list[Cut], list[Put]]:
    """Return cuts and puts that remove a line which is no part of a here-document."""
    cuts, puts = continued(data, cut)
    if puts:
        return cuts, puts
    whole = data[cuts[0][0] : cuts[-1][1]]
    tail = whole[len(whole.rstrip(b"\r\n")) :]
    text = re.sub(rb"\\\r?\n", b" ", whole).rstrip(b"\r\n")
    if _torn(text):
        raise ValueError("a text in quotes begins or ends in the line, and would be left in pieces: take it out by hand")
    if (instead := _instead(text)) is not None:
        return cuts, [(cut[0], instead + tail)]
    before = next((data[slice(*span)] for span in reversed(spans[:at]) if _says(data[slice(*span)])), b"")
    if _OPENS.search(before.rstrip(b"\r\n")):
        return cuts, [(cut[0], whole[: len(whole) - len(whole.lstrip(b" \t"))] + b":" + tail)]
    return cuts, []


def _instead(text: bytes) -> bytes | None:
    """Return what does nothing and keeps the block together, None for a line that stands alone. ValueError where that is not clear."""
    depth = _depth(text)
    body = _BODY.search(text)
    inner = (b"; " + body[1] + (b" :" if body[2].partition(b"#")[0].strip() else b"")) if body else b""
    clear = body is None or not _depth(body[2])
    if clear and (match := _CONDITION.match(text)) and depth == (match[2] != b"elif"):
        return match[1] + match[2] + (b" true" if match[2] == b"until" else b" false") + inner
    if clear and (match := _LOOP.match(text)) and depth == 1:
        return match[1] + b"for " + match[2] + b" in" + inner
    if (match := _BRANCH.match(text)) and match[3].strip() and not _depth(match[3]):
        return match[1] + match[2] + b" :"
    if (match := _CLOSES.match(text)) and depth == -1:
        if text.strip() == match[2]:
            raise ValueError("the line only ends a block of commands, and is needed for that: take out the others")
        return match[1] + match[2] + (b" </dev/null" if b"<" in text else b"")
    if depth == -1 and (match := _CASE.match(text)) and not _depth(match[2]):
        return match[1] + b" :" + (b" " + match[3] if match[3] else b"")
    if depth or _CLOSES.match(text) or _BRANCH.match(text) or text.lstrip().startswith(b"elif"):
        raise ValueError("the line begins or ends a block of commands, which would be left in pieces: take the whole block out by hand")
    return None


def _torn(text: bytes) -> bool:
    """Return whether a quoted text begins or ends in a line and not within it."""
    return bool(re.search(rb"['\"]", _WORDS.sub(b"", text)))


def _says(line: bytes) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(b"#")


def _depth(text: bytes) -> int:
    """Return how many blocks a line begins and does not end, or ends and did not begin: 0 for one that stands alone."""
    depth, begins, cases = 0, True, 0
    for match in _WORDS.finditer(text):
        word = match[0]
        if word.startswith((b"#", b"'", b'"', b"\\")):
            begins = False
            continue
        if word in (b"(", b")") or (begins and word in _FIRST | _LAST):
            cases += {b"case": 1, b"esac": -1}.get(word, 0)
            opened = text.count(b"(", 0, match.start()) - text.count(b")", 0, match.start())
            if not (word == b")" and cases > 0 and opened <= 0):  # the label of a case
                depth += 1 if word in _FIRST else -1
        rest = text[match.end() :].lstrip()[:1]
        begins = word in _NEXT_IS_COMMAND or rest in (b"&", b"|")
    return depth
