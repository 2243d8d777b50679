"""Formats of disk images, one file each, found by walking this folder.

A module has `NAME`, `claims(head, tail, path)`: whether it reads a file with this beginning (4 KiB) and end (512 bytes), and
`open_image(path)`: its bytes as a BlockReader. Both formats that need a library and raw ones raise Complaint for what a person can mend,
DamagedVolume or OSError for the rest. `ORDER` sorts modules that claim the same file; raw images claim every file, last.
"""
