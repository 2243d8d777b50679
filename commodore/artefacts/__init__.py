"""One file per artefact; a file here is known by being here."""
