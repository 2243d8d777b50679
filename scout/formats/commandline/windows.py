"""Read Windows command lines.

Sources: CreateProcess and CommandLineToArgvW (Microsoft, Win32 documentation), rundll32, cmd /?.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from scout.formats.commandline.parsed import DEEPEST, LONGEST, ParsedCommand, first_script
from scout.formats.windows_paths import is_literal, plain

_VARIABLE = re.compile(r"%([^%\s\"]{1,64})%")
_KNOWN = re.compile(r"(?i)\.(?:exe|dll|com|bat|cmd|scr|sys|cpl|ocx|ps1|vbs|vbe|js|jse|wsf|wsh|hta|msc|msi|py|pyw|jar|lnk|pif)(?=$|[\s,\"])")
_SCRIPTS = frozenset(
    {"wscript", "cscript", "mshta", "python", "pythonw", "python3", "py", "perl", "ruby", "node", "php", "java", "javaw", "bash", "sh"}
)
_SHELLS = frozenset({"powershell", "pwsh"})


def parse_windows(line: str, *, system_root: str = "C:\\Windows", env: Mapping[str, str] | None = None, _depth: int = 0) -> ParsedCommand:
    """Return what a Windows command line starts. `env` adds variables (upper case names) to those that `system_root` gives."""
    literal = is_literal(line.lstrip(' "'))
    line = expand_windows(line[:LONGEST].replace("\0", " "), system_root, env).strip()
    program, rest, candidates = _program(line)
    if not program:
        return ParsedCommand()
    args = tuple(split_windows(rest))
    payload = tuple(dict.fromkeys(_windows_payload(_stem(program), rest, args, system_root, env, _depth)))
    return ParsedCommand(_native(program, system_root, literal=literal), args, tuple(_native(p, system_root) for p in payload), candidates)


def expand_windows(line: str, system_root: str = "C:\\Windows", env: Mapping[str, str] | None = None) -> str:
    r"""Environment variables filled in as far as they are the same on every host; the NT prefixes `\??\` and `\SystemRoot` resolved."""
    drive = system_root[:2] if system_root[1:2] == ":" else "C:"
    known = {
        "SYSTEMROOT": system_root,
        "WINDIR": system_root,
        "SYSTEMDRIVE": drive,
        "HOMEDRIVE": drive,
        "PROGRAMFILES": f"{drive}\\Program Files",
        "PROGRAMFILES(X86)": f"{drive}\\Program Files (x86)",
        "PROGRAMW6432": f"{drive}\\Program Files",
        "PROGRAMDATA": f"{drive}\\ProgramData",
        "ALLUSERSPROFILE": f"{drive}\\ProgramData",
        "PUBLIC": f"{drive}\\Users\\Public",
        "COMSPEC": f"{system_root}\\System32\\cmd.exe",
        "COMMONPROGRAMFILES": f"{drive}\\Program Files\\Common Files",
        "COMMONPROGRAMFILES(X86)": f"{drive}\\Program Files (x86)\\Common Files",
    } | {k.upper(): v for k, v in (env or {}).items()}
    line = _VARIABLE.sub(lambda m: known.get(m[1].upper(), m[0]), line)
    line = re.sub(r"^(\"?)\\(?:\?\?|\\\?|\\\.)\\(?=[A-Za-z]:)", r"\1", line)
    line = re.sub(r"(?i)^(\"?)\\?SystemRoot\\", lambda m: f"{m[1]}{system_root}\\", line)
    return re.sub(r"(?i)^(\"?)System32\\", lambda m: f"{m[1]}{system_root}\\System32\\", line)


def split_windows(line: str) -> Iterator[str]:
    """Arguments by the rules of CommandLineToArgvW: blanks part, quotes join, backslashes escape only before a quote."""
    word, quoted, started, i = "", False, False, 0
    while i < len(line):
        c = line[i]
        if c == "\\":
            run = len(line) - i - len(line[i:].lstrip("\\")) if i + 1 < len(line) and line[i + 1] == "\\" else 1
            i += run
            if i < len(line) and line[i] == '"':
                word += "\\" * (run // 2)
                if run % 2:
                    word, i = word + '"', i + 1
            else:
                word += "\\" * run
            started = True
            continue
        if c == '"':
            if quoted and line[i + 1 : i + 2] == '"':
                word, i = word + '"', i + 1
            else:
                quoted = not quoted
            started = True
        elif c in " \t\r\n" and not quoted:
            if started:
                yield word
            word, started = "", False
        else:
            word, started = word + c, True
        i += 1
    if started:
        yield word


def _program(line: str) -> tuple[str, str, tuple[str, ...]]:
    """(program, rest, other readings). Unquoted paths with blanks end behind a known extension, else at the first blank."""
    if line.startswith('"'):
        end = line.find('"', 1)
        return (line[1:], "", ()) if end < 0 else (line[1:end].strip(), line[end + 1 :], ())
    blanks = [m.start() for m in re.finditer(r"\s", line[:2048])]
    if not blanks:
        return line, "", ()
    first = blanks[0]
    if not re.match(r"[A-Za-z]:\\|\\\\|\.{0,2}\\", line):
        return line[:first], line[first:], ()
    known = _KNOWN.search(line)
    end = known.end() if known else first
    readings = tuple(line[:b] for b in blanks if b < end)
    return line[:end], line[end:], readings


def _stem(program: str) -> str:
    name = re.split(r"[\\/]", program)[-1].lower()
    return name.removesuffix(".exe")


def _native(path: str, system_root: str, *, literal: bool = False) -> str:
    r"""Return an absolute path in its plain spelling; well-known names without a directory, which the caller looks up, stay as written."""
    path = path.strip('"') if literal else path.strip().strip('"')
    if re.match(r"[A-Za-z]:[\\/]|[\\/]{2}", path):
        path = plain(path, literal=literal)
    return re.sub(r"(?i)^\\SystemRoot\\", lambda _: f"{system_root}\\", path)


def _windows_payload(
    stem: str, rest: str, args: tuple[str, ...], system_root: str, env: Mapping[str, str] | None, depth: int
) -> Iterator[str]:
    if depth >= DEEPEST:
        return
    inner = ""
    if stem == "cmd":
        if found := re.search(r"(?i)(?:^|\s)/[ckr]\s*(.*)", rest, re.DOTALL):
            inner = _outer_quotes(found[1].strip())
            inner = re.sub(r"(?i)^start\s+(?:\"[^\"]*\"\s+)?(?:/\S+\s+)*", "", inner)
            inner = re.split(r"[&|>]", inner, maxsplit=1)[0].rstrip()
    elif stem == "rundll32":
        yield from _rundll(rest)
    elif stem == "regsvr32":
        yield from (a for a in args if a[:1] not in "/-")
    elif stem in _SHELLS:
        yield from _powershell(args)
    elif stem in _SCRIPTS:
        yield from first_script(args)
    elif stem == "msiexec":
        yield from (b for a, b in pairwise(args) if a.lower() in ("/i", "/package", "/a", "/x", "/y", "/z", "-i"))
    elif stem in ("forfiles", "conhost", "pcalua", "schtasks"):
        found = re.search(r"(?i)(?:^|\s)(?:/c|--|-a|/tr)\s+(.*)", rest, re.DOTALL)
        inner = _outer_quotes(found[1].strip()) if found else ""
    if inner:
        yield from parse_windows(inner, system_root=system_root, env=env, _depth=depth + 1).files


def _outer_quotes(text: str) -> str:
    """Cmd takes the outermost pair of quotes off, unless it is the only one and holds the name of a program."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    known = _KNOWN.search(text)
    return text if text.count('"') == 2 and known and known.end() == len(text) - 1 else text[1:-1]


def _rundll(rest: str) -> Iterator[str]:
    rest = re.sub(r"^(?:\s*[/-]\S+)*\s*", "", rest)
    if rest.startswith('"'):
        yield rest[1:].split('"', 1)[0].split(",", 1)[0]
    elif rest and not rest.lower().startswith(("javascript:", "vbscript:")):
        yield rest.split(",", 1)[0].strip() if "," in rest else rest.split()[0]


def _powershell(args: tuple[str, ...]) -> Iterator[str]:
    for option, value in zip(args, (*args[1:], ""), strict=False):
        low = option.lower().lstrip("-/")
        if option[:1] in "-/" and low and "file".startswith(low) and value:
            yield value
            return
    yield from (a.lstrip("&. '").rstrip("'") for a in args if re.search(r"(?i)\.ps1'?$", a))
