"""The recorder: engines, their poll loop, watchdogs, and the reconciliation of wanted and observed streams."""
