"""Accounts: passwords, sign-in, sessions, roles and permissions, and the village scope of queries."""
