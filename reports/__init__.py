"""Accounting: coverage, uptime, completeness, faults and money for those who paid. Figures, never pictures."""
