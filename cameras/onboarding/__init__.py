"""Onboarding: from an address to a camera that can be recorded, with an account of its own."""
