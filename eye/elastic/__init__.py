"""The Eye on Elasticsearch: templates generated from the field registry, and a loader that loses nothing silently."""
