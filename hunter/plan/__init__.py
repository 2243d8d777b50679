"""The removal plan: its types, how it is read, written, sealed and where it may lie."""
