"""Accounts: who exists, passwords, signing in, roles and permissions, the village scope of queries."""
