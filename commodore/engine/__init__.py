"""The engine: four passes, worker processes, ledger, resume."""
