"""References: the files that what starts by itself names. A folder per system, in it one module per kind of file that starts programs.

A module is named like the artefact of COMMODORE that reads the same files, and has `names(file: StartingFile) -> Iterator[NamedFile]`.
Which file is read by which module is in `places.json`, generated from the persistence table and the declarations of the artefacts.
"""
