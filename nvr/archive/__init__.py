"""The archive: segment files, their index, gaps, holds, retention, recovery and verification."""
