"""Cameras: registry and inventory, ONVIF, discovery; virtual cameras for demo, tests and load runs."""
