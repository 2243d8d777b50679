"""Plant a tree for every definition of KAPE, ForensicArtifacts and UAC in the corpus and count those of which exactly the files are wanted.

python -m bench.definitions
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.common import corpus
from tests.scout import foreign_trees
from tests.scout.test_foreign import SETS, wanted


def main() -> None:
    """Print a line for each set and each definition that fails."""
    from scout.targets.foreign import ForeignLibrary

    failed = 0
    for kind, place in SETS.items():
        folder = corpus() / "detection" / place
        library = ForeignLibrary([folder])
        partly = {name: reasons for name, one in library.all.items() if (reasons := library.failures(one))}
        exact = files = decoys = number = 0
        for planted in getattr(foreign_trees, kind)(folder):
            with tempfile.TemporaryDirectory() as root:
                got, meant, made = wanted(planted, library, Path(root))
            number += 1
            exact += got == meant and bool(meant)
            files += len(meant)
            decoys += len(made) - len(meant)
            if got != meant or not meant:
                failed += 1
                sys.stdout.write(f"  {planted.name}: lost {sorted(meant - got)[:3]}, too many {sorted(got - meant)[:3]}\n")
        loaded = len(library.all) - len(partly)
        sys.stdout.write(
            f"{kind:<10} {loaded} of {len(library.all)} load; {exact} of {number} trees exact ({files} files, {decoys} decoys)\n"
        )
        for name, reasons in partly.items():
            sys.stdout.write(f"  {name}: {'; '.join(reasons)}\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
