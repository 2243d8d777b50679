"""Removal mechanisms: one file each, four pure steps."""
