"""The machine that the station runs on: locks, file limits, clock service, service manager, small state files."""
