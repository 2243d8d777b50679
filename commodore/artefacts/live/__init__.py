"""Lists that SCOUT made on the live host."""
