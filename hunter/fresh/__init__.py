"""A plan against a fresh archive: what COMMODORE finds in it now, and what is left of the plan's targets."""
