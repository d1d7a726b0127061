import sys

from station.install.cli import main

sys.exit(main())
