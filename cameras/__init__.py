"""Cameras: registry and inventory, ONVIF, discovery, and virtual cameras for demos, tests and load runs."""
