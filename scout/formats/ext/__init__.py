"""ext2, ext3 and ext4 on a raw volume. Read only, bounded, every structure distrusted."""
