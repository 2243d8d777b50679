"""Case passes: questions over all hosts, as a map over partitions and a reduce.

    class Prevalence:
        def map(self, partition: Partition) -> Summary: ...              # one host; may read all of its files
        def reduce(self, summaries: Iterator[Summary]) -> Whole: ...     # must not hold more than one summary and its own result

    run(case, Prevalence())

`map` reads one partition and nothing else, so it can run on the machine that has the partition. `reduce` takes the summaries one after the
other, in the order of the collections. Memory is bounded by one partition's summary and the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from commodore.case.partition import Partition

Summary_co = TypeVar("Summary_co")
Whole_co = TypeVar("Whole_co", covariant=True)


class CasePass(Protocol[Summary_co, Whole_co]):
    """One pass over a case."""

    def map(self, partition: Partition) -> Summary_co:
        """Return what the pass needs of one host."""

    def reduce(self, summaries: Iterator[Summary_co]) -> Whole_co:
        """Return the result over all hosts."""


def run(partitions: Iterable[Partition], case_pass: CasePass[Summary_co, Whole_co]) -> Whole_co:
    """Return the result of a pass over these partitions."""
    return case_pass.reduce(map(case_pass.map, partitions))
