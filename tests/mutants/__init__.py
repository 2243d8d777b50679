"""Mutants: hostile changes of inputs that are known to be read, and the families of readers that must withstand them.

`bench/mutants.py` runs many of them, `tests/test_mutants.py` a few.
"""
