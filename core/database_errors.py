"""Converts driver errors to one sentence that says which database cannot be used, why, and what to do.

The sentence never contains a password: the address is rendered without it, and the server's message is redacted.
"""

from __future__ import annotations

from sqlalchemy import make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError

from core.database_kind import DatabaseKind
from core.error_codes import ErrorCode
from core.errors import DatabaseUnreachable, StorageError
from core.logs import redact

_CORRUPT = ("file is not a database", "malformed", "file is encrypted")
# libpq reports no SQLSTATE for a refused connection; these are PostgreSQL's English texts. A message in another
# language is shown with the general remedy.
_PERMANENT = {
    "password authentication failed": "set the right password in data.database",
    "no password supplied": "give the password in data.database or in a .pgpass file",
    "no pg_hba.conf entry": "allow this user and machine in pg_hba.conf",
    "peer authentication failed": "run the station as that system user, or allow a password in pg_hba.conf",
}
# SQLSTATE: admin shutdown, crash shutdown, cannot connect now (starting), too many connections
_OUTAGES = ("57P01", "57P02", "57P03", "53300")
_MISSING_DATABASE, _MISSING_ROLE = 'database "', 'role "'


# The values of one row do not fit its columns or cannot be stored: an error of the data, not of the database.
ROW_ERRORS = (DataError, IntegrityError, ValueError, OverflowError)


def row_error_reason(error: BaseException) -> str:
    """Return one of ROW_ERRORS in at most 120 characters, without the statement and its values."""
    told = str(error.orig or "") if isinstance(error, DBAPIError) else str(error)
    return redact((told.strip().splitlines() or [type(error).__name__])[0])[:120]


def is_missing_table(error: SQLAlchemyError) -> bool:
    """Return whether the database answers but has no such table, as a new database does."""
    if not isinstance(error, DBAPIError):
        return False
    return getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in str(error.orig)


def is_outage(error: BaseException) -> bool:
    """Return whether the server is gone, full or not ready: the statement is not the cause."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if error.connection_invalidated or state is None:
        return True
    return str(state).startswith("08") or state in _OUTAGES


def display_address(url: str) -> str:
    """Return the address in readable form, without the password."""
    parsed = make_url(url)
    if DatabaseKind.of_url(url) is DatabaseKind.SQLITE:
        return parsed.database or "the database in memory"
    host = parsed.host or parsed.query.get("host") or "this machine"
    port = f":{parsed.port}" if parsed.port else ""
    return f"PostgreSQL database '{parsed.database}' on {host}{port} (user {parsed.username or 'of this process'})"


def to_storage_error(error: SQLAlchemyError, url: str) -> StorageError:
    """Return the error to raise instead of the driver's: DatabaseUnreachable if waiting may help, else StorageError."""
    told = redact(_last_line(error))
    if DatabaseKind.of_url(url) is DatabaseKind.SQLITE:
        return _of_sqlite(told, display_address(url))
    return _of_postgresql(told, display_address(url))


def _of_sqlite(told: str, where: str) -> StorageError:
    if any(c in told for c in _CORRUPT):
        return StorageError(
            f"{where}: the database is damaged ({told}); restore it from the backup: minwang restore",
            ErrorCode.DATABASE_DAMAGED,
        )
    if "locked" in told:
        return DatabaseUnreachable(f"{where}: another process holds the database; end it, then try again")
    remedy = "give the station's user the right to write there, or set data.dir to another folder"
    if "disk I/O" in told or "full" in told:
        remedy = "check the disk and its free space"
    return StorageError(f"{where}: the database cannot be opened ({told}); {remedy}")


def _of_postgresql(told: str, where: str) -> StorageError:
    if _MISSING_DATABASE in told and "does not exist" in told:
        name = told.partition(_MISSING_DATABASE)[2].partition('"')[0]
        return StorageError(f"{where}: database not found; create it with 'createdb {name}', or correct data.database")
    if _MISSING_ROLE in told and "does not exist" in told:
        name = told.partition(_MISSING_ROLE)[2].partition('"')[0]
        return StorageError(f"{where}: user not found; create it with 'createuser {name}', or correct data.database")
    for text, remedy in _PERMANENT.items():
        if text in told:
            return StorageError(f"{where}: the server refuses ({told}); {remedy}")
    return DatabaseUnreachable(f"{where} does not answer ({told}); start PostgreSQL, or correct data.database")


def first_line(error: SQLAlchemyError) -> str:
    """Return the first line of the driver's message, redacted, without SQLAlchemy's statement and link."""
    return redact(str(getattr(error, "orig", None) or error).strip().partition("\n")[0])


def _last_line(error: SQLAlchemyError) -> str:
    """Return the last line of the driver's message, without SQLAlchemy's statement and link; at most 300 characters."""
    text = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    lines = [
        line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("Is the server")
    ]
    return (lines[-1] if lines else type(error).__name__)[:300]
