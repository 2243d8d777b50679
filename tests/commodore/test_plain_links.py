"""A directory is walked without following what leads elsewhere: links, and the junctions of Windows."""

from __future__ import annotations

import stat
from types import SimpleNamespace

from commodore.engine.plain import leads_elsewhere


class TaggedStatus(SimpleNamespace):
    """What `lstat` of Windows says of a folder with a reparse point."""

    st_mode = stat.S_IFDIR | 0o777


def test_a_junction_leads_elsewhere_and_a_folder_of_a_cloud_does_not(tmp_path):
    """Tags: [MS-FSCC] 2.1.2.1. Windows calls a junction a folder: walked into, it leads out of the directory that was given, or round."""
    (tmp_path / "link").symlink_to(tmp_path)
    assert leads_elsewhere((tmp_path / "link").lstat())
    assert not leads_elsewhere(tmp_path.lstat())
    tags = {"mount point": 0xA0000003, "symbolic link": 0xA000000C, "cloud": 0x9000101A, "compressed": 0x80000017, "none": 0}
    found = [name for name, tag in tags.items() if leads_elsewhere(TaggedStatus(st_reparse_tag=tag))]
    assert found == ["mount point", "symbolic link"]
