"""THE EYE searches a case and shows it: embedded, or in Elasticsearch."""
