"""Cases, watch lists (布控), alerts, and their dispatch to patrol officers."""
