"""Raw facts of the live host, one file per source."""
