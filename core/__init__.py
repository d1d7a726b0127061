"""Lowest package: settings, errors, clock, database, accounts, audit trail, events, secrets and logs."""

__version__ = "0.1.0"
