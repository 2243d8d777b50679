"""Sigma rules and indicators of compromise, compiled once and matched while records are made."""
