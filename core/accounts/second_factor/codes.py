"""Codes of an authenticator (RFC 6238: HMAC-SHA-1, 30 s, 6 digits) and recovery codes.

Only processes that sign people in import this module.
"""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import datetime

import pyotp

STEP_S = 30
DIGITS = 6
DRIFT_STEPS = 1  # RFC 6238 5.2 recommends one step for the delay of entering a code
RECOVERY_CODES = 10
RECOVERY_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without 0 O, 1 I L, which look alike on paper
RECOVERY_LENGTH = 10  # 31^10: 49 bits


def new_secret() -> str:
    """Return a new secret: 160 bits in base32, as RFC 4226 4 recommends."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, account: str, issuer: str) -> str:
    """Return the otpauth:// address that authenticators read from a QR code."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S).provisioning_uri(name=account, issuer_name=issuer)


def code_at(secret: str, now: datetime) -> str:
    """Return the code that an authenticator shows at a time."""
    return _code_of(secret, _step(now))


def accepted_step(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """Return the time step of a code; None if it is wrong, or of a step up to `last_step`, which was accepted already.

    RFC 6238 5.2: a code must not be accepted twice.
    """
    found = None
    for step in range(_step(now) - DRIFT_STEPS, _step(now) + DRIFT_STEPS + 1):
        if hmac.compare_digest(_code_of(secret, step), code) and step > last_step:
            found = step
    return found


def normalised(code: str) -> str:
    """Return a code as it is compared: without spaces and hyphens, in capitals, digits of full width made plain."""
    plain = "".join(str(int(c)) if c.isdecimal() else c for c in code)
    return re.sub(r"[\s-]", "", plain).upper()


def is_time_code(code: str) -> bool:
    """Return whether a normalised code has the form of an authenticator's."""
    return re.fullmatch(rf"[0-9]{{{DIGITS}}}", code) is not None


def new_recovery_codes() -> list[str]:
    """Return recovery codes as they are shown: XXXXX-XXXXX."""
    half = RECOVERY_LENGTH // 2
    drawn = ["".join(secrets.choice(RECOVERY_ALPHABET) for _ in range(RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)]
    return [f"{code[:half]}-{code[half:]}" for code in drawn]


def _step(now: datetime) -> int:
    return int(now.timestamp()) // STEP_S


def _code_of(secret: str, step: int) -> str:
    return pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S).generate_otp(step)
