"""What HUNTER prints for a person, and the same facts as JSON lines. One module per group of commands."""
