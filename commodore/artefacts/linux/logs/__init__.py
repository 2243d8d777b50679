"""Linux logs."""
