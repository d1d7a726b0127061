"""Reports for funders: coverage, uptime, completeness, faults and money. They contain figures, never pictures."""
