"""Alerts: dispatch to officers, and their answers."""
