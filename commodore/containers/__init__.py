"""Shared containers, one file each: what an artefact declares in `holds`, and the opened file that offers it."""
