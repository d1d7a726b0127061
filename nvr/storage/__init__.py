"""Volumes: the disks, their locks and quarantine, and the thread that writes to them."""
