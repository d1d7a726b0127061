"""Imports everything that a command of `minwang` imports; loaded once, by the process that tests.commands forks."""

import importlib
import pkgutil

import aiosqlite  # noqa: F401
import psycopg  # noqa: F401

import core.migrations.versions
import station.cli.main
import station.schema
import tests.nvr.clock_correction_child  # noqa: F401

for package in (station.cli, core.migrations.versions):
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
