"""The system itself: version, names, time zone, policies, protection."""
