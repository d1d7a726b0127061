"""Meaning of RTSP and HTTP status codes for a stream; all engines use the same rules.

Only a request that returns a media description can prove or refuse a credential. OPTIONS is optional (RFC 2326, 10.1):
cameras reply with any status, whether the credential is valid or not.
"""

from __future__ import annotations

from core.errors import CameraDeclined, CameraError, CameraRefused, TransportDeclined

REFUSED = "the camera refused the credential"
NO_LOGIN = "the camera requires a user name and password"


def judge(method: str, status: int, *, with_login: bool) -> CameraError:
    """Return the error for a failing status (not 2xx) of a request.

    401 counts as a refusal of the credential only where the caller has answered the challenge as far as
    `core.network.authenticator` allows.
    """
    if method == "OPTIONS":
        return CameraDeclined(f"OPTIONS was answered with {status}")
    if status == 401:
        return CameraRefused(REFUSED if with_login else NO_LOGIN)
    if status == 403 and method in ("DESCRIBE", "GET"):
        return CameraRefused("the credential has no permission for this stream")
    if status == 461:
        return TransportDeclined("the camera does not offer RTP over the RTSP connection")
    return CameraDeclined(f"{method} was answered with {status}")


def judge_alone(status: int, *, with_login: bool) -> CameraError:
    """Return the error for a status whose request is unknown; 4 and 5 stand for any 4xx and 5xx status."""
    if status < 10:
        return CameraDeclined(f"the camera answered with a {status}xx status")
    error = judge("DESCRIBE", status, with_login=with_login)
    return CameraDeclined(f"the camera answered with {status}") if type(error) is CameraDeclined else error
