"""Runs every --help of every program; imports scout in a fresh interpreter and looks at what came with it."""

import json
import re
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
HEAVY = {"pandas", "duckdb", "tantivy", "elasticsearch", "evtx", "pydantic"}


def help_of(*command: str) -> str:
    done = subprocess.run([str(BIN / command[0]), *command[1:], "--help"], capture_output=True, text=True, timeout=60)
    if done.returncode or "Usage" not in done.stdout or done.stderr.strip():
        sys.exit(f"{' '.join(command)} --help ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def commands(text: str) -> list[str]:
    block = re.search(r"Commands.*", text, re.S)
    return re.findall(r"^[│|]?\s+([a-z][a-z-]+)\s{2,}", block.group(0), re.M) if block else []


count = 0
for tool in ("scout", "commodore", "eye", "hunter", "escadre"):
    pending = [(tool,)]
    while pending:
        command = pending.pop()
        count += 1
        if len(command) < 3:
            pending += [(*command, name) for name in commands(help_of(*command))]
        else:
            help_of(*command)
code = "import json, sys, scout, scout.cli; print(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))"
loaded = set(json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout))
if loaded & HEAVY:
    sys.exit(f"scout imports {', '.join(sorted(loaded & HEAVY))}")
sys.stdout.write(f"{count} helps, scout imports none of {', '.join(sorted(HEAVY))}\n")
