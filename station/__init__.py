"""Top package: command line, supervisor of processes, scheduler, backup, installation, demo."""
