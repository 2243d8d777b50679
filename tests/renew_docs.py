"""Renews the output that the README and the guides show, from a run of their commands. Read the difference before you commit it.

    python -m tests.renew_docs

All shown lines come from this one run. What a document leaves out (`…`) stays left out; a line that the program no longer prints is
replaced by the one at its place now, or by the most similar one. Exit codes and commands are never renewed: they are what the
document promises.
"""

from __future__ import annotations

import sys
import tempfile
from difflib import SequenceMatcher
from pathlib import Path

from tests.conftest import ROOT
from tests.test_docs import LEFT_OUT, STEPS, Desk, Step, shape

ALIKE = 0.5
LONGEST = 150


def renewed(shown: list[str], said: list[str]) -> list[str]:
    """The shown lines as they would be written now."""
    result: list[str] = []
    at, gap = 0, False
    for line in shown:
        if not line.strip() or line.strip() == LEFT_OUT:
            gap = gap or line.strip() == LEFT_OUT
            result.append(line)
            continue
        wanted, rest = shape(line.strip().removesuffix(LEFT_OUT)), line.rstrip().endswith(LEFT_OUT)
        places = range(at, len(said)) if gap else range(at, min(at + 1, len(said)))
        same = [n for n in places if (shape(said[n]).startswith(wanted) if rest else shape(said[n]) == wanted)]
        alike = sorted(((SequenceMatcher(None, wanted, shape(said[n])).ratio(), -n) for n in places), reverse=True)
        if same:
            at = same[0] + 1
            now, cut = said[at - 1].rstrip(), len(line.rstrip()) - 1
            result.append(now[:cut] + LEFT_OUT if rest and len(now) > cut + 1 else now)
        elif alike and (not gap or alike[0][0] >= ALIKE):
            at = 1 - alike[0][1]
            now = said[at - 1].rstrip()
            result.append(now if len(now) <= LONGEST else now[: LONGEST - 1] + LEFT_OUT)
        else:
            continue
        gap = False
    return result if gap or at == len(said) else [*result, LEFT_OUT]


def renew(step: Step, said: str) -> None:
    """Write the lines behind the command of this step."""
    document, number = step.place.rsplit(":", 1)
    path = ROOT / document
    lines = path.read_text(encoding="utf-8").split("\n")
    begin = int(number)
    end = next(n for n in range(begin, len(lines)) if lines[n].startswith(("$ ", "```")))
    lines[begin:end] = renewed(lines[begin:end], [line for line in said.splitlines() if line.strip()])
    path.write_text("\n".join(lines), encoding="utf-8", newline="\n")


def main() -> int:
    """Run everything, write what differs, from the last step to the first so that line numbers hold. 1 where a command ends otherwise."""
    with tempfile.TemporaryDirectory() as place:
        desk = Desk(Path(place))
        ran = {step.place: desk.run(step) for step in STEPS}
        desk.close()
    wrong = []
    for step in reversed(STEPS):
        code, said = ran[step.place]
        if code != step.code:
            wrong.append(f"{step.place}: ended with {code}, not {step.code}\n{said[-500:]}")
        elif step.said:
            renew(step, said)
    sys.stdout.write("".join(f"{text}\n" for text in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
