"""Kibana: the dashboards of `eye.dashboards` as saved objects, and their import."""
