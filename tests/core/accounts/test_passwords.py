from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT


def test_what_the_product_s_hashes_cost() -> None:
    """Argon2id with OWASP's second parameter set: 19 MiB, two passes.

    Runs in a process in which no test made hashes cheap.
    """
    code = "from core.accounts import passwords; print(passwords.hash_password('a long password'))"
    hashed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
