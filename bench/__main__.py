"""Run all benchmarks one after the other: `python -m bench` (needs the corpus: ESCADRE_CORPUS, or .corpus in the checkout)."""

from __future__ import annotations

import subprocess
import sys

from bench.common import ROOT, corpus


def main() -> None:
    evidence = corpus()
    mft = next(evidence.glob("ntfs/**/DFR-16/$MFT"))
    hive = next(evidence.glob("hives/log2timeline*/test_data/NTUSER-WIN7.DAT"))
    runs = (
        ("event logs to records, and with all Sigma rules", ["event_logs"]),
        ("memory of the whole process tree", ["memory"]),
        ("the cost of Sigma", ["sigma", str(evidence)]),
        ("$MFT", ["mft", str(mft)]),
        ("hives", ["hive", str(hive)]),
        ("collection", ["collect", str(evidence)]),
        ("processing killed and resumed", ["kill_process"]),
        ("index and search", ["eye"]),
    )
    failed = []
    for title, (name, *arguments) in runs:
        sys.stdout.write(f"\n== {title}\n")
        sys.stdout.flush()
        if subprocess.run([sys.executable, "-m", f"bench.{name}", *arguments], cwd=ROOT).returncode:
            failed.append(name)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
