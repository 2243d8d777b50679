"""Structures of the Windows shell: item lists, known folders."""
