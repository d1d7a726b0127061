#!/bin/sh
# The command of the image. It installs and builds nothing at start.
PYTHONPATH=/opt/minwang exec /opt/minwang/.venv/bin/python -m station "$@"
