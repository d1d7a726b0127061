"""The audit trail: sealed append-only rows, its key, and its verification."""
