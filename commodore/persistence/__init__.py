"""The persistence table: one YAML per mechanism, and the judge that says what of it is not expected."""
