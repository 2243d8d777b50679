"""The walk: each folder at most once, nothing but what the patterns lead to, bounded in depth."""

from __future__ import annotations

import os

import pytest

from scout.collecting.walk import walk
from scout.sources.directory import DirectorySource, DiskFile
from scout.sources.source import Blocked, resolve
from scout.sources.timed_calls import TimedCalls
from scout.targets.patterns import PatternTree


@pytest.fixture
def examined(tmp_path):
    for path in ("a/one.log", "a/b/two.log", "a/b/c/three.txt", "z/four.log"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    root = DirectorySource(tmp_path, windows=False)
    yield root
    root.close()


def found(root: DirectorySource, *patterns: str) -> tuple[dict[str, tuple], list[str]]:
    tree, folders = PatternTree(root.fold), []
    for pattern in patterns:
        tree.add(pattern, pattern)
    hits = {"/".join(hit.parts): hit for hit in walk(root, tree, TimedCalls(0), lambda parts: folders.append("/".join(parts)))}
    return hits, folders


def test_each_folder_is_listed_once_for_all_patterns(examined):
    hits, folders = found(examined, "a/**/*.log", "a/**", "**/*.txt", "a/b/*", "a/one.log")
    assert sorted(hits) == ["a/b/c/three.txt", "a/b/two.log", "a/one.log"]
    assert sorted(folders) == ["", "a", "a/b", "a/b/c", "z"]
    assert hits["a/one.log"].wants == ("a/one.log", "a/**", "a/**/*.log") or set(hits["a/one.log"].wants) == {
        "a/one.log",
        "a/**",
        "a/**/*.log",
    }


def test_folders_that_nothing_wants_are_not_entered(examined):
    _, folders = found(examined, "a/b/two.log", "a/*.log")
    assert sorted(folders) == ["", "a", "a/b"]


def test_sizes_and_allocation_are_known_before_anything_is_read(examined, tmp_path):
    with (tmp_path / "a/sparse.log").open("wb") as out:
        out.truncate(1 << 30)
    hit = found(examined, "a/sparse.log")[0]["a/sparse.log"]
    assert hit.size == 1 << 30 and hit.data < 1 << 20


def test_depth_is_bounded_and_said(tmp_path):
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(130):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    root = DirectorySource(tmp_path, windows=False)
    hits, _ = found(root, "d/**")
    root.close()
    (hit,) = hits.values()
    assert hit.verdict == "blocked" and "deeper than" in hit.error


def test_a_root_that_is_closed_leaks_no_descriptor(tmp_path):
    for number in range(200):
        (tmp_path / f"{number}/x").mkdir(parents=True)
    before = len(os.listdir("/proc/self/fd"))
    root = DirectorySource(tmp_path, windows=False)
    found(root, "**/*.none")
    assert len(os.listdir("/proc/self/fd")) < before + 80
    root.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_only_regular_files_are_opened(examined, tmp_path):
    os.mkfifo(tmp_path / "a/pipe")
    (tmp_path / "a/link").symlink_to("one.log")
    for name in ("pipe", "link", "b"):
        with pytest.raises(Blocked):
            examined.open(("a", name))


def test_links_resolve_inside_the_root_as_the_host_would(examined, tmp_path):
    (tmp_path / "home").symlink_to("/a")
    (tmp_path / "up").symlink_to("../../../../a/b")
    (tmp_path / "round").symlink_to("round")
    assert resolve(examined, ("home", "b")) == ("a", "b")
    assert resolve(examined, ("up", "c")) == ("a", "b", "c")
    assert resolve(examined, ("round",)) is None
    assert resolve(examined, ("nothing",)) is None


def test_windows_paths_are_taken_letter_by_letter():
    from scout.sources.directory import verbatim

    assert verbatim("C:\\", ("Users", "con.")) == "\\\\?\\C:\\Users\\con."
    assert verbatim("E:\\case", ()) == "\\\\?\\E:\\case\\"
    assert verbatim("\\\\server\\share", ("a",)) == "\\\\?\\UNC\\server\\share\\a"


def test_the_first_read_is_kept_whatever_is_asked_between(tmp_path):
    import os

    from scout.collecting.reading import Reading
    from scout.sources.timed_calls import TimedCalls

    content = bytes(range(256)) * 1000
    (tmp_path / "file").write_bytes(content)
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        reading = Reading(DiskFile(fd), TimedCalls(0))
        assert reading.head(1000) == content[:1000]
        room = memoryview(bytearray(300_000))
        got = 0
        while n := reading.readinto(room[got:]):
            got += n
        assert bytes(room[:got]) == content
        reading.seek(200_000)
        assert reading.read(300_000) == content[200_000:]
    finally:
        os.close(fd)
