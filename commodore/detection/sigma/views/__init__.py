"""Views of records, one module per kind of record. A file in `logsources/` names its view by the name of the module."""
