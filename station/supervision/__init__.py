"""Supervisor: starts, watches and restarts the processes, and reports to the service manager."""
