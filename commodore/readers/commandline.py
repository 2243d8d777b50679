r"""From a command line to the files that it starts: for Windows and Linux, without touching a disk.

    windows(r'cmd /c "%SystemRoot%\System32\rundll32.exe C:\x\y.dll,Go"')
        .executable    'cmd', as written
        .payload       what the programs on the way were told to run: ('C:\Windows\System32\rundll32.exe', 'C:\x\y.dll')
    posix("env X=1 /bin/sh -c '~/.x/run --fast'", home='/home/u').payload  →  ('/bin/sh', '/home/u/.x/run')

A command line is text that an attacker may have written: nothing is run or looked up, and work is bounded by its length.
Sources: CreateProcess and CommandLineToArgvW (Microsoft, Win32 documentation), rundll32, cmd /?, POSIX.1-2024 Shell Command Language 2.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

LONGEST = 32_768
"""characters that are looked at; a Windows command line cannot be longer"""
DEEPEST = 8
"""wrappers within wrappers"""


@dataclass(frozen=True, slots=True)
class Target:
    """What a command line starts. Names are native paths where they are absolute, else as written.

    executable  the program itself, '' if there is none
    args        its arguments
    payload     files that wrappers and interpreters on the way were told to run, outermost first: scripts, DLLs, inner programs
    candidates  other readings of an unquoted Windows path with blanks, in the order in which Windows tries them
    """

    executable: str = ""
    args: tuple[str, ...] = ()
    payload: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The executable and all payload, each once."""
        return tuple(dict.fromkeys(f for f in (self.executable, *self.payload) if f))


# --- Windows

_VARIABLE = re.compile(r"%([^%\s\"]{1,64})%")
_KNOWN = re.compile(r"(?i)\.(?:exe|dll|com|bat|cmd|scr|sys|cpl|ocx|ps1|vbs|vbe|js|jse|wsf|wsh|hta|msc|msi|py|pyw|jar|lnk|pif)(?=$|[\s,\"])")
_SCRIPTS = frozenset(
    {"wscript", "cscript", "mshta", "python", "pythonw", "python3", "py", "perl", "ruby", "node", "php", "java", "javaw", "bash", "sh"}
)
_SHELLS = frozenset({"powershell", "pwsh"})


def windows(line: str, *, system_root: str = "C:\\Windows", env: Mapping[str, str] | None = None, _depth: int = 0) -> Target:
    """What a Windows command line starts. `env` adds variables (upper case names) to those that `system_root` gives."""
    line = expand_windows(line[:LONGEST].replace("\0", " "), system_root, env).strip()
    program, rest, candidates = _program(line)
    if not program:
        return Target()
    args = tuple(split_windows(rest))
    payload = tuple(dict.fromkeys(_windows_payload(_stem(program), rest, args, system_root, env, _depth)))
    return Target(_native(program, system_root), args, tuple(_native(p, system_root) for p in payload), candidates)


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


def _native(path: str, system_root: str) -> str:
    r"""`/` as `\`; well-known names without a directory stand in System32 where the caller looks them up, they stay as written."""
    path = path.strip().strip('"')
    if re.match(r"[A-Za-z]:/", path):
        path = path.replace("/", "\\")
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
            inner = re.split(r"\s*(?:&&?|\|\|?|>)\s*", inner, maxsplit=1)[0]
    elif stem == "rundll32":
        yield from _rundll(rest)
    elif stem == "regsvr32":
        yield from (a for a in args if a[:1] not in "/-")
    elif stem in _SHELLS:
        yield from _powershell(args)
    elif stem in _SCRIPTS:
        yield from _first_script(args)
    elif stem == "msiexec":
        yield from (b for a, b in pairwise(args) if a.lower() in ("/i", "/package", "/a", "/x", "/y", "/z", "-i"))
    elif stem in ("forfiles", "conhost", "pcalua", "schtasks"):
        found = re.search(r"(?i)(?:^|\s)(?:/c|--|-a|/tr)\s+(.*)", rest, re.DOTALL)
        inner = _outer_quotes(found[1].strip()) if found else ""
    if inner:
        yield from windows(inner, system_root=system_root, env=env, _depth=depth + 1).files


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


def _first_script(args: tuple[str, ...]) -> Iterator[str]:
    jar = next((b for a, b in pairwise(args) if a == "-jar"), "")
    if jar:
        yield jar
        return
    for one in args:
        if one in ("-c", "-e", "-m"):
            return
        if not one.startswith(("-", "//", "/")) and not re.match(r"(?i)(?:javascript|vbscript|https?):", one):
            yield one
            return


# --- Linux

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_POSIX_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "busybox"})
_INTERPRETERS = re.compile(r"(?:python|perl|ruby|node|nodejs|php|lua|tclsh|java|Rscript|awk|gawk)[\d.]*")
_WRAPPERS: Mapping[str, str] = {
    "env": "uSC",
    "nice": "n",
    "ionice": "cnp",
    "nohup": "",
    "setsid": "",
    "timeout": "ks",
    "sudo": "ugpCrtThD",
    "doas": "uC",
    "exec": "a",
    "command": "",
    "stdbuf": "ioe",
    "chroot": "",
    "flock": "wEc",
    "time": "fo",
    "xargs": "IndPLs",
    "runuser": "ugs",
    "unshare": "",
    "strace": "eop",
    "chrt": "TPD",
    "taskset": "",
    "systemd-run": "pM",
    "systemd-cat": "tp",
    "builtin": "",
    "eatmydata": "",
    "linux32": "",
    "linux64": "",
    "setpriv": "",
}
"""programs that run another one → their one-letter options that take a value"""
_TAKES_OPERAND = frozenset({"timeout", "chroot", "flock", "taskset"})
"""wrappers whose first operand is not the command"""


def posix(line: str, *, home: str = "", _depth: int = 0) -> Target:
    """What a shell command line starts, its first simple command that is not a mere builtin; `home` fills `~` and `$HOME`."""
    found: list[Target] = []
    for words in _commands(line[:LONGEST], home):
        target = argv(words, home=home, _depth=_depth)
        if target.executable:
            found.append(target)
    real = [t for t in found if t.executable not in _BUILTINS] or found
    if not real:
        return Target()
    others = tuple(f for t in real[1:] for f in t.files if "/" in f)
    return Target(real[0].executable, real[0].args, tuple(dict.fromkeys((*real[0].payload, *others))))


_BUILTINS = frozenset(
    {
        "cd",
        "test",
        "[",
        "[[",
        "export",
        "umask",
        "ulimit",
        "set",
        "true",
        "false",
        ":",
        "if",
        "then",
        "fi",
        "while",
        "do",
        "done",
        "for",
        "else",
        "elif",
        "!",
        "{",
        "}",
        "(",
        ")",
        "case",
        "esac",
        "sleep",
        "trap",
        "unset",
        "return",
        "exit",
        "wait",
    }
)
"""words that start no program worth naming"""


def argv(words: list[str] | tuple[str, ...], *, home: str = "", _depth: int = 0) -> Target:
    """What a list of arguments starts, as execve would, with wrappers, shells and interpreters followed to their payload."""
    words = list(words)
    while words and (_ASSIGNMENT.match(words[0]) or words[0] in ("!", "{", "(", "if", "then", "do", "else", "while")):
        words.pop(0)
    if not words:
        return Target()
    program, args = words[0], tuple(words[1:])
    payload: tuple[str, ...] = ()
    if _depth < DEEPEST:
        payload = tuple(dict.fromkeys(_posix_payload(program.rsplit("/", 1)[-1], args, home, _depth)))
    return Target(program, args, payload)


def _posix_payload(name: str, args: tuple[str, ...], home: str, depth: int) -> Iterator[str]:
    if name in _WRAPPERS:
        if name == "flock" and "-c" in args:
            yield from posix(" ".join(args[args.index("-c") + 1 :]), home=home, _depth=depth + 1).files
        else:
            rest = _operands(args, _WRAPPERS[name])
            if name == "env" and "-S" in args:
                yield from posix(" ".join(args[args.index("-S") + 1 :]), home=home, _depth=depth + 1).files
            yield from argv(rest[1:] if name in _TAKES_OPERAND else rest, home=home, _depth=depth + 1).files
    elif name in _POSIX_SHELLS or name == "su":
        command = next((b for a, b in pairwise(args) if re.fullmatch(r"-[a-z]*c", a) or a == "--command"), None)
        if command is not None:
            yield from posix(command, home=home, _depth=depth + 1).files
        elif name == "busybox":
            yield from argv(args, home=home, _depth=depth + 1).payload
        elif name != "su":
            yield from _operands(args, "oO")[:1]
    elif name in (".", "source", "eval"):
        yield from args[:1]
    elif name == "run-parts":
        yield from _operands(args, "au")[:1]
    elif _INTERPRETERS.fullmatch(name):
        yield from _first_script(args) if "-jar" in args else _script(args)


def _script(args: tuple[str, ...]) -> list[str]:
    for option in args:
        if re.fullmatch(r"-[A-Za-z]*[cem]|--eval|-r", option):
            return []
        if not option.startswith("-"):
            return [option]
    return []


def _operands(args: tuple[str, ...], with_value: str) -> list[str]:
    """Arguments behind the options; `with_value` lists the one-letter options whose value is the next word."""
    rest = list(args)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        option = rest.pop(0)
        if option == "--":
            break
        if len(option) == 2 and option[1] in with_value and rest:
            rest.pop(0)
    return rest


_WORD_END = " \t\n;&|<>()"


def _commands(line: str, home: str) -> Iterator[list[str]]:
    """Simple commands of a shell line: lists of words, redirections left out. Unclosed quotes end with the line."""
    words: list[str] = []
    skip = False  # the next word is the target of a redirection
    for word, operator in _tokens(line, home):
        if not operator:
            if not skip:
                words.append(word)
            skip = False
        elif word in "<>":
            if words and words[-1].isdigit():
                words.pop()
            skip = True
        elif not skip or word != "&":
            if words:
                yield words
            words, skip = [], False
    if words:
        yield words


def split_posix(line: str, home: str = "") -> list[str]:
    """All words of a shell line, operators left out."""
    return [word for word, operator in _tokens(line[:LONGEST], home) if not operator]


def _tokens(line: str, home: str) -> Iterator[tuple[str, bool]]:
    """(word, False) or (operator, True)."""
    i, word, started = 0, "", False
    while i < len(line):
        c = line[i]
        if c in _WORD_END or (c == "#" and not started):
            if started:
                yield _home(word, home), False
                word, started = "", False
            if c == "#":
                end = line.find("\n", i)
                i = end if end >= 0 else len(line)
                continue
            if c not in " \t":
                yield c, True
        else:
            started = True
            if c == "\\":
                i += 1
                word += line[i : i + 1]
            elif c in "'\"":
                end = line.find(c, i + 1)
                while c == '"' and end > 0 and line[end - 1] == "\\":
                    end = line.find(c, end + 1)
                end = end if end > 0 else len(line)
                inner = line[i + 1 : end]
                word += re.sub(r"\\([\\\"$`])", r"\1", inner) if c == '"' else inner
                i = end
            else:
                word += c
        i += 1
    if started:
        yield _home(word, home), False


def _home(word: str, home: str) -> str:
    if home and (word == "~" or word.startswith("~/")):
        return home + word[1:]
    return re.sub(r"\$(?:HOME\b|\{HOME\})", lambda _: home, word) if home else word
