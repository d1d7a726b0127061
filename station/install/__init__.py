"""Installing a station: `minwang install`, `uninstall`, `upgrade` and reading a bundle.

Runs on the bare Python of a Debian or Ubuntu release: nothing outside the standard library and
core.errors is imported, because the packages of the program are what it installs
(tests/station/cli/test_install.py runs it without site packages).

Where things lie is in `layout`; what is done is a list of `steps.Step`, each of which knows whether it
is done already: a second run changes nothing, and a run after an accident repairs.
"""
