"""The audit trail: sealed append-only rows, the key that seals them, and their verification."""
