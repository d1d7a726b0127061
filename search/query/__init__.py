"""Queries: phrases to filters, time expressions, similarity, co-occurrence, motion search."""
