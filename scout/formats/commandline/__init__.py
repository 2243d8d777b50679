r"""Find the files that a command line starts, for Windows and POSIX shells, without access to the host.

    parse_windows(r'cmd /c "%SystemRoot%\System32\rundll32.exe C:\x\y.dll,Go"')
        .executable    'cmd', as written
        .payload       files that the programs on the way run: ('C:\Windows\System32\rundll32.exe', 'C:\x\y.dll')
    parse_posix("env X=1 /bin/sh -c '~/.x/run --fast'", home='/home/u').payload  →  ('/bin/sh', '/home/u/.x/run')

An attacker may have written the command line: nothing is executed or looked up, and the work is bounded by its length.
"""

from scout.formats.commandline.parsed import DEEPEST, LONGEST, ParsedCommand
from scout.formats.commandline.posix import commands_posix, parse_argv, parse_posix, split_posix
from scout.formats.commandline.windows import expand_windows, parse_windows, split_windows

__all__ = [
    "DEEPEST",
    "LONGEST",
    "ParsedCommand",
    "commands_posix",
    "expand_windows",
    "parse_argv",
    "parse_posix",
    "parse_windows",
    "split_posix",
    "split_windows",
]
