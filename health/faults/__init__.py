"""Faults: families, the state machine that opens and closes them, the fault log, common causes."""
