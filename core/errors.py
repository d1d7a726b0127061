"""Every error that Minwang raises on purpose.

    MinwangError                 a sentence (what, where, what to do), a code and its parameters
    ├── UsageError               the command or request is wrong (exit status 2, HTTP 400)
    │   ├── FileTooLargeError    an uploaded file is larger than what is accepted (HTTP 413)
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

Workers raise; only the outermost loop of a task decides whether to retry. The sentence is for logs and the command
line; the console builds its own from the code and the parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from core.error_codes import ErrorCode

if TYPE_CHECKING:  # station.install runs on bare Python, which lacks the module's typing_extensions
    from core.error_parameters import ErrorParameters


class MinwangError(Exception):
    """Base of all errors that are meant for a person.

    `code` is that of the class unless the error states its own. An error that can reach an HTTP route and whose class
    says nothing specific (usage, not found, forbidden, conflict, too many) states one.
    """

    code = ErrorCode.OPERATION_FAILED

    def __init__(self, sentence: str = "", code: ErrorCode | None = None, **parameters: Unpack[ErrorParameters]):
        super().__init__(sentence)
        if code is not None:
            self.code = code
        self.parameters = parameters


class UsageError(MinwangError):
    code = ErrorCode.INVALID_REQUEST


class FileTooLargeError(UsageError):
    code = ErrorCode.BODY_TOO_LARGE


class SettingsError(UsageError):
    code = ErrorCode.SETTINGS_INVALID


class InventoryError(UsageError):
    """All problems of an inventory file at once, one sentence each."""

    code = ErrorCode.INVENTORY_INVALID

    def __init__(self, problems: list[str]):
        super().__init__("\n".join(problems))
        self.problems = problems


class NotFoundError(MinwangError):
    code = ErrorCode.NOT_FOUND


class ForbiddenError(MinwangError):
    code = ErrorCode.FORBIDDEN


class PurposeRequired(ForbiddenError):
    code = ErrorCode.PURPOSE


class ViewerNotConfirmed(ForbiddenError):
    code = ErrorCode.WATCHING


class ConflictError(MinwangError):
    code = ErrorCode.CONFLICT


class StationBusyError(ConflictError):
    code = ErrorCode.DATA_FOLDER_IN_USE


class TooManyError(MinwangError):
    """`retry_after_s`: whole seconds after which a retry makes sense, if known."""

    code = ErrorCode.TOO_MANY_REQUESTS

    @property
    def retry_after_s(self) -> int | None:
        return self.parameters.get("retry_after_s")


class TooSlowError(MinwangError):
    code = ErrorCode.BODY_TOO_SLOW


class SecretError(MinwangError):
    code = ErrorCode.SECRET_UNREADABLE


class CertificateError(MinwangError):
    code = ErrorCode.CERTIFICATE_UNUSABLE


class StorageError(MinwangError):
    code = ErrorCode.STORAGE_FAILED


class DatabaseUnreachable(StorageError):
    code = ErrorCode.DATABASE_UNREACHABLE


class DiskFullError(StorageError):
    code = ErrorCode.DISK_FULL


class BackupError(MinwangError):
    code = ErrorCode.BACKUP_FAILED


class TaskFailed(MinwangError):
    code = ErrorCode.TASK_FAILED


class CameraError(MinwangError):
    """A camera failed. `cause` is the gap cause that the archive records for it."""

    code = ErrorCode.CAMERA_FAILED
    cause = "unreachable"


class CameraUnreachable(CameraError):
    code = ErrorCode.CAMERA_UNREACHABLE
    cause = "unreachable"


class ConnectionLost(CameraUnreachable):
    code = ErrorCode.CAMERA_CONNECTION_LOST


class CameraRefused(CameraError):
    code = ErrorCode.CAMERA_REFUSED_CREDENTIAL
    cause = "auth_refused"


class CameraDeclined(CameraError):
    code = ErrorCode.CAMERA_DECLINED
    cause = "protocol_error"


class ProtocolError(CameraError):
    code = ErrorCode.CAMERA_PROTOCOL_ERROR
    cause = "protocol_error"


class ClearPasswordRequested(CameraError):
    """A camera asks for the password in clear text. No engine sends it, and the camera is not parked."""

    code = ErrorCode.CAMERA_CLEAR_PASSWORD
    cause = "auth_refused"


class RedirectRefused(CameraError):
    """A camera redirects to another host. No engine follows the redirect."""

    code = ErrorCode.CAMERA_REDIRECTS
    cause = "protocol_error"


class TransportDeclined(ProtocolError):
    code = ErrorCode.CAMERA_TRANSPORT_DECLINED


class StreamStalled(CameraError):
    code = ErrorCode.CAMERA_STREAM_STALLED
    cause = "no_packets"


class StationFault(CameraError):
    code = ErrorCode.RECORDER_FAULT
    cause = "station_fault"


class DetectorError(MinwangError):
    code = ErrorCode.MODEL_FAILED
