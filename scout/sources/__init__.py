"""Where collected bytes come from: directories, mounts, and what the system says of a file."""
