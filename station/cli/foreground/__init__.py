"""Commands that do one piece of the station's work in the foreground: a patrol round, indexing, search, clips."""
