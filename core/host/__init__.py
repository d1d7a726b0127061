"""The machine that runs the station: locks, file limits, clock service, service manager, small state files."""
