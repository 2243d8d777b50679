"""Live sources of a Linux host, one module each."""
