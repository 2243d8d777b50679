"""Devices that were connected, and what was mounted."""
