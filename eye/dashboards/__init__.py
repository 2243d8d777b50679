"""Dashboards, declared once and free of engines: the Eye draws them itself, and writes them for Kibana."""
