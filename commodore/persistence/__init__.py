"""The persistence table as data: one YAML per mechanism, judged over the records."""
