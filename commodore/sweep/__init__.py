"""The raw sweep: indicators and YARA rules in the bytes of every member, whether an artefact reads it or not."""
