"""Inventories that Windows keeps: programs, files, drivers and devices (Amcache), installed programs."""
