"""The one-file agent: `scout build` makes it, `main` runs in it. Heavy parts of the command line (typer, rich) are not in it."""
