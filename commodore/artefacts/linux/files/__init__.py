"""Linux files that hold settings."""
