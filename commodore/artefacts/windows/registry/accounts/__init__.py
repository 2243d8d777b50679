"""Accounts and groups."""
