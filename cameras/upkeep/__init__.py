"""Recurring work on cameras: clocks, configuration, credentials, events, exposure, reminders."""
