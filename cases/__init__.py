"""Cases, watch lists (布控), alerts and their way to the patrol officer."""
