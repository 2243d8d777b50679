"""Derived datasets: one file each, from the records of one host."""
