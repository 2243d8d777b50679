"""Registry hives as files: changed in memory, cell by cell, and proved before they are written."""
