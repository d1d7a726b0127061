"""Writing segment files: cutting, names, audio placement and the clock of one stream."""
