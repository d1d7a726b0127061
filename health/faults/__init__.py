"""Faults: families, the state machine that opens and closes them, the fault log, detection of common causes."""
