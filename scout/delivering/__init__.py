"""Deliver an archive while it is written, in bounded memory: HTTPS, S3 by presigned URLs, SFTP."""
