"""The running Windows: its files, registry, services and scheduled tasks. Imported on Windows only."""
