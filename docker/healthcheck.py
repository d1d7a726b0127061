"""Request the console's sign-in page at the address in the settings of this container.

Exit status 0 if the console answers 200 or 429, else 1 with the reason on standard error.
"""

from __future__ import annotations

import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from core import settings
from core.errors import MinwangError

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}
TIMEOUT_S = 8
TOO_MANY = 429


def main() -> int:
    try:
        web = settings.load().web
    except MinwangError as e:
        return _unhealthy(str(e))
    host = EVERYWHERE.get(web.host, f"[{web.host}]" if ":" in web.host else web.host)
    scheme, context = "http", None
    if web.tls == "own":
        # The certificate names the station, not the loopback address; the server here is always this container.
        scheme, context = "https", ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(f"{scheme}://{host}:{web.port}/login", timeout=TIMEOUT_S, context=context) as reply:
            return 0 if reply.status == 200 else _unhealthy(f"the console answers with status {reply.status}")
    except urllib.error.HTTPError as e:
        # 429: the console works, but a client at this address exceeded its limit (web.http.anonymous_limit).
        return 0 if e.code == TOO_MANY else _unhealthy(f"the console answers with status {e.code}")
    except OSError as e:
        return _unhealthy(f"the console does not answer at {host}:{web.port}: {e}")


def _unhealthy(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
