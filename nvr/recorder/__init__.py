"""The recorder: engines, poll loop, watchdogs, and the reconciliation of desired and observed streams."""
