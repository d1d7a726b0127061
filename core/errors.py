"""Every error that Minwang raises on purpose.

    MinwangError                 one sentence for a person: what, where, what to do
    ├── UsageError               the command or request is wrong (exit status 2, HTTP 400)
    │   ├── SettingsError        minwang.toml
    │   └── InventoryError       inventory.yaml; carries every problem found, not only the first
    ├── NotFoundError            no such camera, case, user … (HTTP 404)
    ├── ForbiddenError           the account may not do this (HTTP 403)
    │   ├── PurposeRequired        the session states no purpose
    │   └── ViewerNotConfirmed        nobody confirmed that somebody still watches the live picture
    ├── ConflictError            the object's state does not allow this (HTTP 409)
    │   └── StationBusyError     another process holds the data folder or a volume
    ├── TooManyError             too many requests; try again later (HTTP 429)
    ├── TooSlowError             a request's body did not arrive in time (HTTP 408)
    ├── SecretError              key file missing, unreadable or not the one that sealed the value
    ├── CertificateError         a TLS certificate or its key cannot be used
    ├── StorageError             a disk or the database reports an error
    │   ├── DatabaseUnreachable  the database does not answer now; waiting may help
    │   └── DiskFullError
    ├── BackupError              a backup cannot be made, read or restored
    ├── TaskFailed               a background task of this process keeps failing
    ├── CameraError              a camera did not do what it should; carries a gap cause
    │   ├── CameraUnreachable    no TCP connection, or no answer in time
    │   │   └── ConnectionLost       an established connection broke
    │   ├── CameraRefused        credential refused: no retry until a person acts
    │   ├── ClearPasswordRequested  the camera wants a clear-text password, which its file does not allow: not sent
    │   ├── RedirectRefused      the camera redirects to another host
    │   ├── CameraDeclined       a protocol answer that declines: no such stream, busy, internal error
    │   ├── ProtocolError        an answer that violates the protocol
    │   │   └── TransportDeclined    the camera offers the stream only over UDP (RTSP status 461)
    │   ├── StreamStalled        no complete picture for too long
    │   └── StationFault         not the camera's fault: a program is missing here, or the recorder itself failed
    └── DetectorError            a model cannot be loaded or run

Workers raise; only the outermost loop of a task decides whether to retry.
"""

from __future__ import annotations


class MinwangError(Exception):
    """Base of all errors that carry a sentence meant for a person."""


class UsageError(MinwangError):
    pass


class SettingsError(UsageError):
    pass


class InventoryError(UsageError):
    """All problems of an inventory file at once, one sentence each."""

    def __init__(self, problems: list[str]):
        super().__init__("\n".join(problems))
        self.problems = problems


class NotFoundError(MinwangError):
    pass


class ForbiddenError(MinwangError):
    pass


class PurposeRequired(ForbiddenError):
    pass


class ViewerNotConfirmed(ForbiddenError):
    pass


class ConflictError(MinwangError):
    pass


class StationBusyError(ConflictError):
    pass


class TooManyError(MinwangError):
    """`retry_after_s`: whole seconds after which a retry makes sense, if known."""

    def __init__(self, sentence: str, *, retry_after_s: int | None = None):
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class TooSlowError(MinwangError):
    pass


class SecretError(MinwangError):
    pass


class CertificateError(MinwangError):
    pass


class StorageError(MinwangError):
    pass


class DatabaseUnreachable(StorageError):
    pass


class DiskFullError(StorageError):
    pass


class BackupError(MinwangError):
    pass


class TaskFailed(MinwangError):
    pass


class CameraError(MinwangError):
    """A camera failed. `cause` is the gap cause that the archive records for it."""

    cause = "unreachable"


class CameraUnreachable(CameraError):
    cause = "unreachable"


class ConnectionLost(CameraUnreachable):
    pass


class CameraRefused(CameraError):
    cause = "auth_refused"


class CameraDeclined(CameraError):
    cause = "protocol_error"


class ProtocolError(CameraError):
    cause = "protocol_error"


class ClearPasswordRequested(CameraError):
    """A camera asks for the password in clear text. No engine sends it, and the camera is not parked."""

    cause = "auth_refused"


class RedirectRefused(CameraError):
    """A camera redirects to another host. No engine follows the redirect."""

    cause = "protocol_error"


class TransportDeclined(ProtocolError):
    pass


class StreamStalled(CameraError):
    cause = "no_packets"


class StationFault(CameraError):
    cause = "station_fault"


class DetectorError(MinwangError):
    pass
