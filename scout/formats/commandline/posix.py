"""Read POSIX shell command lines and argument lists.

Source: POSIX.1-2024, Shell Command Language 2.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from scout.formats.commandline.parsed import DEEPEST, LONGEST, ParsedCommand, first_script

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_POSIX_SHELLS = frozenset({"sh", "bash", "rbash", "dash", "ash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish", "busybox"})
_INTERPRETERS = re.compile(r"(?:python|perl|ruby|node|nodejs|php|lua|tclsh|wish|expect|java|mono|Rscript|openrc-run)[\d.]*")
_AWK = re.compile(r"(?:g|m|n)?awk")
"""its first operand is a program text, not a file"""
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
    "watch": "nd",
    "coproc": "",
    "setarch": "",
    "i386": "",
    "x86_64": "",
    "pkexec": "",
    "gosu": "",
    "su-exec": "",
    "wine": "",
    "chpst": "uUbe/nmdopfcrt",
    "setuidgid": "",
    "softlimit": "mdslarcfpt",
}
"""programs that run another one → their one-letter options that take a value"""
_TAKES_OPERAND = frozenset({"timeout", "chroot", "flock", "taskset", "setarch", "gosu", "su-exec", "setuidgid"})
"""wrappers whose first operand is not the command"""
_LOOSE = re.compile(
    r"(?:prlimit|firejail|bwrap|nsenter|parallel|start-stop-daemon|tmux|screen|capsh|xvfb-run|dbus-run-session|proxychains4?|torsocks|valgrind|"
    r"ltrace|s6-\w+|cpulimit|gdb|make|at|batch|enable|ld-linux\S*|ld\.so\S*|ld-musl\S*)"
)
"""programs that run or read one of their arguments, of which only absolute paths are taken: which one it is depends on many options"""
_ASSIGNS = frozenset({"export", "declare", "typeset", "readonly", "local"})
_RUN = frozenset({"PROMPT_COMMAND", "BASH_ENV", "ENV", "GIT_SSH_COMMAND", "PYTHONSTARTUP", "EDITOR", "VISUAL", "PAGER"})
"""variables whose value a shell or another program runs"""
_FIND = frozenset({"-exec", "-execdir", "-ok", "-okdir"})


def commands_posix(line: str, *, home: str = "", _depth: int = 0) -> list[ParsedCommand]:
    """Return what each simple command of a shell line starts, builtins too; `home` fills `~` and `$HOME`."""
    found = (parse_argv(words, home=home, _depth=_depth) for words in _commands(line[:LONGEST], home))
    return [target for target in found if target.executable]


def parse_posix(line: str, *, home: str = "", _depth: int = 0) -> ParsedCommand:
    """Return what a shell command line starts: its first simple command that is not a mere builtin; `home` fills `~` and `$HOME`."""
    found = commands_posix(line, home=home, _depth=_depth)
    real = [t for t in found if t.executable not in _BUILTINS] or found
    if not real:
        return ParsedCommand()
    others = tuple(f for t in real[1:] for f in t.files if "/" in f)
    return ParsedCommand(real[0].executable, real[0].args, tuple(dict.fromkeys((*real[0].payload, *others))))


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


def parse_argv(words: list[str] | tuple[str, ...], *, home: str = "", _depth: int = 0) -> ParsedCommand:
    """Return what a list of arguments starts, as execve would, with wrappers, shells and interpreters followed to their payload."""
    words = list(words)
    named = [word for word in words if _ASSIGNMENT.match(word) and word.partition("=")[0].rstrip("+") in _RUN]
    if named and (len(named) == len(words) or words[0] in _ASSIGNS) and _depth < DEEPEST:
        inside = [parse_posix(word.partition("=")[2], home=home, _depth=_depth + 1).files for word in named]
        return ParsedCommand(words[0] if words[0] in _ASSIGNS else "export", tuple(words), tuple(f for files in inside for f in files))
    if words[:1] == ["function"]:
        words = words[2:]
    while words and (_ASSIGNMENT.match(words[0]) or words[0] in ("!", "{", "(", "if", "then", "do", "else", "while")):
        words.pop(0)
    if not words:
        return ParsedCommand()
    program, args = words[0], tuple(words[1:])
    payload: tuple[str, ...] = ()
    if _depth < DEEPEST:
        payload = tuple(dict.fromkeys(_posix_payload(program.rsplit("/", 1)[-1], args, home, _depth)))
    return ParsedCommand(program, args, payload)


def _posix_payload(name: str, args: tuple[str, ...], home: str, depth: int) -> Iterator[str]:
    if name in _WRAPPERS:
        if name == "flock" and "-c" in args:
            yield from parse_posix(" ".join(args[args.index("-c") + 1 :]), home=home, _depth=depth + 1).files
        else:
            rest = _operands(args, _WRAPPERS[name])
            if name == "env" and "-S" in args:
                yield from parse_posix(" ".join(args[args.index("-S") + 1 :]), home=home, _depth=depth + 1).files
            yield from parse_argv(rest[1:] if name in _TAKES_OPERAND else rest, home=home, _depth=depth + 1).files
    elif name in _POSIX_SHELLS or name == "su":
        command = next((b for a, b in pairwise(args) if re.fullmatch(r"-[a-z]*c", a) or a == "--command"), None)
        if command is not None:
            yield from parse_posix(command, home=home, _depth=depth + 1).files
        elif name == "busybox":
            yield from parse_argv(args, home=home, _depth=depth + 1).payload
        elif name != "su":
            yield from _operands(args, "oO")[:1]
    elif name in (".", "source", "eval"):
        yield from args[:1]
    elif name in ("alias", "trap"):
        texts = [arg.partition("=")[2] for arg in args if "=" in arg] if name == "alias" else args[:1]
        yield from (f for text in texts for f in parse_posix(text, home=home, _depth=depth + 1).files)
    elif name in ("complete", "bind", "script"):
        given = next((b for a, b in pairwise(args) if re.fullmatch(r"-[a-z]*[Cxc]", a)), "")
        yield from parse_posix(given.rpartition(":")[2] if name == "bind" else given, home=home, _depth=depth + 1).files
    elif name == "find":
        for at in (i for i, arg in enumerate(args) if arg in _FIND):
            yield from parse_argv(args[at + 1 :], home=home, _depth=depth + 1).files
            break
    elif _LOOSE.fullmatch(name):
        paths = (arg.partition("=")[2] if arg.startswith("--") else arg for arg in args)
        yield from (path for path in paths if path.startswith("/") and path.strip("/") and not path.startswith(("/dev/", "/proc/")))
    elif name == "run-parts":
        yield from _operands(args, "au")[:1]
    elif _AWK.fullmatch(name):
        yield from (file for option, file in pairwise(args) if option == "-f")
    elif _INTERPRETERS.fullmatch(name):
        yield from first_script(args) if "-jar" in args else _script(args)


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
