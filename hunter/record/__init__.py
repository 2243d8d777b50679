"""What was removed and what proves it: proofs beside the plan, the way back to the analyst, the record of a run, status and report."""
