"""The WMI repository of Windows Vista and later: `OBJECTS.DATA`, `INDEX.BTR` and `MAPPING1.MAP` to `MAPPING3.MAP`.

    mapping.py      logical page → physical page, and which of the three mapping files is the newest
    pages.py        pages of 8,192 bytes, and the records of the object store
    index.py        the keys of the index: namespace, class, instance, and where the record is
    values.py       CIM types and the heap of an object
    classes.py      class definitions, and the layout of their instances
    instances.py    instances
    repository.py   the whole: namespaces, classes, instances
    carve.py        objects that the index no longer names

Sources: "WMI repository file format", J. Metz, libyal (dtformats); "Windows Management Instrumentation (WMI): Offense, Defense, and
Forensics", W. Ballenthin, M. Graeber, C. Teodorescu, FireEye 2015; [MS-WMIO] Windows Management Instrumentation Encoding, section 2.2;
the bytes of a repository of Windows 10.
"""
