"""Configuration files of Linux."""
