#!/bin/sh
# The program of the image: nothing is installed or built at start.
PYTHONPATH=/opt/minwang exec /opt/minwang/.venv/bin/python -m station "$@"
