"""The output of HUNTER for a person, and the same facts as JSON lines. One module per group of commands."""
