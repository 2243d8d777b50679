"""What Windows starts by itself."""
