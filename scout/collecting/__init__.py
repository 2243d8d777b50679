"""Collecting: open the host, walk it, take each wanted item, print the summary."""
