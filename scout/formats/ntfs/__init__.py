"""NTFS on a raw volume: boot sector, file records, runs, indexes, compression. Read only, bounded, every structure distrusted."""
