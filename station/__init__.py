"""Composition: command line, supervisor of processes, scheduler, demo."""
