"""Containment: cut a host off the network but for the responder, and lists that block what the case found."""
