"""Plant names in a master file table, which is written from the documentation of NTFS: files that should not be there, and near misses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.commodore.mft_table import DIRECTORY, entry, far, name, standard, table

if TYPE_CHECKING:
    from tests.range.plants import Planter

USER = "Users\\agnes\\AppData\\Local\\Microsoft"
GUILTY = {
    "W042": (
        "Windows\\Setup\\Scripts\\ErrorHandler.cmd",
        "Windows\\Setup\\Scripts\\SetupComplete.cmd",
        "WINDOWS\\setup\\scripts\\errorhandler.CMD",
    ),
    "W047": (
        "Windows\\System32\\CodeIntegrity\\SIPolicy.p7b",
        "WINDOWS\\system32\\CodeIntegrity\\sipolicy.P7B",
        "Windows\\System32\\CodeIntegrity\\CiPolicies\\Active\\<word>.cip",
    ),
    "W105": ("Windows\\Tasks\\At1.job", "Windows\\Tasks\\<word>.job", "WINDOWS\\Tasks\\<word> daily.JOB"),
    "W106": tuple(
        f"{USER}\\Windows\\PowerShell\\ScheduledJobs\\{job}\\ScheduledJobDefinition.xml" for job in ("<word>", "a <word>", "<word>.1")
    ),
    "W144": (
        f"{USER}\\Power Automate Desktop\\Console\\Scripts\\<word>.robin",
        f"{USER}\\Power Automate Desktop\\Workflows\\Workflows\\<word>",
        f"{USER}\\power automate desktop\\msi\\Scripts\\<word>.txt",
    ),
    "W161": ("Program.exe", "Program Files\\Common.exe", "PROGRAM FILES (X86)\\common.EXE"),
    "W162": ("Windows\\System32\\wlbsctrl.dll", "Windows\\System32\\WptsExtensions.dll", "Windows\\System32\\TSMSISrv.dll"),
    "W185": (
        "Program Files\\Microsoft Office\\Office16\\ai.exe",
        "Program Files (x86)\\Common Files\\Microsoft Shared\\OFFICE16\\AI.exe",
        "Program Files\\Common Files\\microsoft shared\\Office15\\ai.EXE",
    ),
    "W193": ("autorun.inf", "AUTORUN.INF", "AutoRun.inf"),
}
ODD = {
    "W042": ("Windows\\Panther\\<word>\\ErrorHandler.cmd", "Windows\\Setup\\Scripts\\<word>.txt", "Windows\\Setup\\State\\State.ini"),
    "W047": (
        "Windows\\System32\\CodeIntegrity\\CiPolicies\\Active\\{0283ac0f-fff1-49ae-ada1-8a933130cad6}.cip",
        "Windows\\System32\\CodeIntegrity\\<word>.p7b",
        "Windows\\System32\\CodeIntegrity\\bootcat.cache",
    ),
    "W105": ("Windows\\Tasks\\SCHEDLGU.TXT", "Windows\\Tasks\\SA.DAT", "Windows\\<word>\\Tasks\\x.job"),
    "W106": (
        f"{USER}\\Windows\\PowerShell\\<word>\\ScheduledJobDefinition.xml",
        f"{USER}\\Windows\\PowerShell\\ScheduledJobs\\<word>\\x.xml",
        "ProgramData\\<word>\\ScheduledJobDefinition.xml",
    ),
    "W144": (
        f"{USER}\\Power BI\\<word>\\Scripts\\x",
        f"{USER}\\Power Automate Desktop\\Cache\\<word>",
        f"{USER}\\Power Automate\\Scripts\\<word>",
    ),
    "W161": ("Program Files\\Program.exe", "Programs.exe", "Program Files\\Common Files\\common.exe"),
    "W162": ("Windows\\System32\\winhttp.dll", "Windows\\WinSxS\\<word>\\wlbsctrl.dll", "Program Files\\<word>\\oci.dll"),
    "W185": (
        "Program Files\\Microsoft Office\\root\\Office16\\ai.exe",
        "Program Files\\Microsoft Office\\root\\vfs\\ProgramFilesCommonX64\\Microsoft Shared\\OFFICE16\\AI.exe",
        "Program Files\\<word>\\ai.exe",
    ),
    "W193": ("Users\\agnes\\<word>\\autorun.inf", "Program Files\\<word>\\autorun.inf", "autorun.txt"),
}
LEAST = {"W042": "medium", "W047": "low", "W105": "medium", "W106": "medium", "W144": "low", "W162": "medium", "W193": "medium"}
FOLDERS = (
    "Windows\\System32\\Tasks\\Vendor",
    "ProgramData\\Microsoft\\Windows\\Start Menu\\Programs\\StartUp",
    "Windows\\System32\\GroupPolicy\\Machine\\Scripts\\Startup",
)
ROOT, FIRST = (5, 5), 24


def plant(p: Planter, host: str, number: int, *, guilty: bool) -> None:
    """Write `$MFT` of a host with the `number`th variant of every row."""
    paths = {}
    for row, variants in (GUILTY if guilty else ODD).items():
        paths[row] = variants[number].replace("<word>", p.word())
        p.note(row, host, guilty, paths[row], LEAST.get(row, "high"))
    word, folder = p.word(), FOLDERS[number]
    listed = [{"path": f"C:\\{folder}", "type": "directory"}]
    if guilty or number != 1:
        listed.append({"path": f"C:\\{folder}\\Reference", "type": "file", "size": 4096})
    if not guilty and number != 1:
        listed.append({"path": f"C:\\{folder}\\{word.upper()}", "type": "file", "size": 4096})
    if not guilty and number == 1:
        listed.append({"path": f"C:\\{folder}", "type": "directory", "not_entered": "Access is denied"})
    p.file(host, "live/files.jsonl", "".join(json.dumps(one) + "\n" for one in [{"schema": "files/1"}, *listed]))
    p.note("W214", host, guilty, word)
    p.bytes(host, "$MFT", written(sorted([*paths.values(), f"{folder}\\Reference", f"{folder}\\{word}"])))


def on_disk(paths: list[str]) -> dict[str, str]:
    """Return path → as the master file table of `written` has it: folders of one name have the case of the first one."""
    case: dict[str, str] = {}
    found = {}
    for path in sorted(paths):
        above, made = "", []
        for part in path.split("\\"):
            above = f"{above}\\{part}".lower()
            made.append(case.setdefault(above, part))
        found[path] = "\\".join(made)
    return found


def written(paths: list[str]) -> bytes:
    """Return a master file table with these files and their folders; folders of one name are one, whatever their case."""
    made = {
        0: entry(standard(6), name("$MFT", space=3), far(0x80, 40 * 1024)),
        5: entry(standard(6), name(".", space=3), flags=1 | DIRECTORY, sequence=5),
    }
    known = {"": ROOT}
    for path in paths:
        above, parts = "", path.split("\\")
        for depth, part in enumerate(parts):
            here = f"{above}\\{part}".lower()
            if here not in known:
                last = depth == len(parts) - 1
                flags, more = (1, (far(0x80, 4096),)) if last else (1 | DIRECTORY, ())
                made[FIRST + len(known)] = entry(standard(), name(part, *known[above]), *more, flags=flags, sequence=1)
                known[here] = (FIRST + len(known), 1)
            above = here
    return table(made)
