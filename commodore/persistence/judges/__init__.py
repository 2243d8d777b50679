"""The judges of the persistence table, one module each, found by being here. A row names its judge by the name of the module."""
