"""Sources of evidence: directories, the mount table, bounded calls to file systems."""
