"""Installing a station: `minwang install`, `uninstall`, `upgrade` and reading a bundle.

Runs on the bare Python of a Debian or Ubuntu release: it imports only the standard library, core.errors,
core.error_codes and core.files, because it installs the packages of the program itself
(tests/station/cli/test_install.py runs it without site packages).

`layout` defines the paths. The work is a list of `steps.InstallStep`, each of which can tell whether it is already
done: a second run changes nothing, and a run after an interruption repairs.
"""
