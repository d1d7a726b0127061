"""Ground floor: settings, errors, clock, database, accounts, audit, events, secrets and logs."""

__version__ = "0.1.0"
