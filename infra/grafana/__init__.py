"""Dashboards of Grafana, by a script."""
