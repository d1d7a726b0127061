"""What the checks find, as codes (web.doctor.coded_text)."""

from __future__ import annotations

from enum import unique

from web.doctor.coded_text import SentenceCode


@unique
class CheckValue(SentenceCode):
    """What a check found."""

    # Of checks as such
    STILL_NO_ANSWER = "still_no_answer", "still does not answer"
    NO_ANSWER_IN_TIME = "no_answer_in_time", "no answer within {seconds} s"
    CHECK_FAILED = "check_failed", "could not be checked ({reason})"
    NEEDS_DATABASE = "needs_database", "not known without the database"
    UNREADABLE_FOR_USER = "unreadable_for_user", "{path} cannot be read by uid {uid}"

    # Recording, database and search
    STATION_SILENT = "station_silent", "{holder} has locked the station, but no recorder has sent a heartbeat for 30 s"
    NO_RECORDER = "no_recorder", "no recorder has sent a heartbeat for 30 s"
    STREAMS_RECORDED = "streams_recorded", "{recording} of {wanted} streams recorded by {recorders} recorders"
    RECORDERS_MISSING = (
        "recorders_missing",
        "{recording} of {wanted} streams recorded by {recorders} recorders; {configured} are set",
    )
    PROGRAM_VERSIONS = "program_versions", "minwang {release}, Python {python}, SQLite {sqlite}, Linux {linux}"
    PROCESSES_CURRENT = "processes_current", "all run {release}"
    PROCESSES_OF_OTHER_RELEASE = (
        "processes_of_other_release",
        "{names} run another version than {release}",
    )
    DATABASE_MISSING = "database_missing", "{reason}"
    DATABASE_ANSWERS = "database_answers", "{server}schema {revision}, answers in {milliseconds} ms"
    DATABASE_OTHER_VERSION = (
        "database_other_version",
        "{server}schema {revision}, answers in {milliseconds} ms; this program needs {needed}",
    )
    DATABASE_NOT_OPENED = "database_not_opened", "cannot be opened by uid {uid} ({reason})"
    DATABASE_UNREADABLE = "database_unreadable", "cannot be read ({reason})"
    ROWS_LATE = "rows_late", "{streams} streams have unwritten archive rows"
    ROWS_WRITTEN = "rows_written", "none wait"
    CHECKSUMS_WAITING = "checksums_waiting", "{waiting} of {files} files of the last {hours} hours"
    SEARCH_IDLE = "search_idle", "nothing that is recorded is indexed"
    SEARCH_BEHIND = "search_behind", "{behind} s behind, {skipped} s skipped, {quarantined} streams left out"
    INVENTORY_NOT_SET = "inventory_not_set", "no inventory file is set; the registry alone applies"
    INVENTORY_MISSING = "inventory_missing", "{path}: no such file"
    INVENTORY_WRONG = "inventory_wrong", "{path}: {problems} problems, the first: {first}"
    INVENTORY_APPLIED = "inventory_applied", "{path}: unchanged since it was applied"
    INVENTORY_DIFFERS = "inventory_differs", "{path}: {added} to add, {changed} to change, {retired} to retire"
    MODEL_DAMAGED = "model_damaged", "{reason}"
    MODEL_INTACT = "model_intact", "checksums match"
    MODEL_NOT_INSTALLED = "model_not_installed", "search.detector names this pack, but it is not installed"
    NO_MODEL = "no_model", "no model pack: search detects motion, but not what moved"

    # Certificate and backup
    CONSOLE_UNENCRYPTED = (
        "console_unencrypted",
        "the console is served without encryption on {host}: passwords and pictures can be read on the way",
    )
    CONSOLE_BESIDE_PROXY = (
        "console_beside_proxy",
        "the console also answers without encryption on {host}, not only through its proxy",
    )
    CERTIFICATE_AT_PROXY = "certificate_at_proxy", "the proxy holds the certificate"
    CERTIFICATE_NOT_NEEDED = "certificate_not_needed", "none is needed: the console listens on this machine only"
    CERTIFICATE_UNUSABLE = "certificate_unusable", "{reason}"
    CERTIFICATE_VALID = "certificate_valid", "valid for {days} days, issued by {issuer}, for {names}"
    CERTIFICATE_LACKS_NAMES = (
        "certificate_lacks_names",
        "valid for {days} days, issued by {issuer}, for {names}; not for {missing}",
    )
    BACKUP_LOG_UNREADABLE = "backup_log_unreadable", "{path} cannot be read"
    BACKUP_NONE = "backup_none", "no backup was ever made"
    BACKUP_NEVER_GOOD = "backup_never_good", "no backup was ever made; the last attempt failed: {reason}"
    BACKUP_AGE = "backup_age", "{days} days old, {megabytes} MB at {target}"
    BACKUP_LAST_FAILED = (
        "backup_last_failed",
        "{days} days old, {megabytes} MB at {target}; the last attempt failed: {reason}",
    )

    # Disks and archive
    FOLDER_MISSING = "folder_missing", "the folder does not exist"
    FOLDER_UNREADABLE = "folder_unreadable", "cannot be read by uid {uid}"
    SPACE_FREE = "space_free", "{free} of {total} GB free"
    SPACE_AND_INODES = "space_and_inodes", "{free} of {total} GB free, {inodes} % of the inodes"
    NOT_WRITABLE = "not_writable", "{free} of {total} GB free; not writable"
    SPEED_NOT_MEASURED = "speed_not_measured", "not measured ({reason})"
    SPEED_NO_SPACE = "speed_no_space", "not measured: too little free space"
    WRITING_FAILED = "writing_failed", "writing failed ({reason})"
    DISK_SPEED = (
        "disk_speed",
        "{rate} MB/s written, flush {typical} ms (slowest {slowest} ms)",
    )
    NO_PHYSICAL_DISK = "no_physical_disk", "no physical disk is found below the folders"
    SMARTCTL_MISSING = "smartctl_missing", "smartctl is not installed"
    SMARTCTL_SILENT = "smartctl_silent", "smartctl gave no answer ({reason})"
    SMART_ABSENT = "smart_absent", "the disk reports no SMART data ({reason})"
    SMART_PASSED = "smart_passed", "passed"
    SMART_FAILED = "smart_failed", "FAILED"
    SMART_SECTORS = (
        "smart_sectors",
        "passed, {reallocated} reallocated, {uncorrectable} uncorrectable, {pending} pending, "
        "{offline_uncorrectable} offline uncorrectable",
    )
    SMART_SECTORS_FAILED = (
        "smart_sectors_failed",
        "FAILED, {reallocated} reallocated, {uncorrectable} uncorrectable, {pending} pending, "
        "{offline_uncorrectable} offline uncorrectable",
    )
    SMART_NVME = "smart_nvme", "passed, {media_errors} media errors, {worn} % worn"
    SMART_NVME_FAILED = "smart_nvme_failed", "FAILED, {media_errors} media errors, {worn} % worn"
    NO_VOLUME = "no_volume", "no volume was used yet"
    VOLUME_UNCHECKED = "volume_unchecked", "no recorder has checked it yet"
    VOLUME_RECORDS = "volume_records", "recording works"
    VOLUME_NOTICE = "volume_notice", "{detail}"
    VOLUME_FULL = "volume_full", "full: {detail}"
    VOLUME_SLOW = "volume_slow", "slow: {detail}"
    VOLUME_MISSING = "volume_missing", "missing: {detail}"
    VOLUME_FAILED = "volume_failed", "failed: {detail}"
    VOLUME_OTHER = "volume_other", "{state}: {detail}"
    QUARANTINE_EMPTY = "quarantine_empty", "empty"
    QUARANTINE_FILES = "quarantine_files", "{files} files ({megabytes} MB) lie in {path}"

    # Clock
    RETENTION_NOT_CHECKED = "retention_not_checked", "the clock has not been checked yet"
    RETENTION_RUNS = "retention_runs", "the clock is plausible; footage is deleted by age"
    RETENTION_SUSPENDED = (
        "retention_suspended",
        "the clock says {clock} UTC, but {plausible} UTC is expected from the uptime; "
        "nothing is deleted because of its age",
    )
    CLOCK_IN_THE_PAST = "clock_in_the_past", "the clock says {day}"
    CLOCK_SET_BY_SYSTEM = "clock_set_by_system", "synchronised (timedatectl)"
    CLOCK_NOT_SET_BY_SYSTEM = "clock_not_set_by_system", "not synchronised (timedatectl)"
    CLOCK_NOT_READABLE = "clock_not_readable", "this process may not query the kernel clock"
    CLOCK_SERVICE_FAILS = "clock_service_fails", "not synchronised, although {service} runs"
    CLOCK_NOT_SYNCHRONISED = "clock_not_synchronised", "not synchronised"
    CLOCK_NO_SERVICE = "clock_no_service", "not synchronised, no time service runs"
    CLOCK_SYNCHRONISED = "clock_synchronised", "synchronised, off by {offset} ms, at most {limit} ms"
    CLOCK_SYNCHRONISED_BY = (
        "clock_synchronised_by",
        "synchronised, off by {offset} ms, at most {limit} ms ({service})",
    )
    ZONE = "zone", "{zone}; the machine is set to {machine}"
    ZONE_OF_LOGS = "zone_of_logs", "{zone}; the machine is set to {machine}, in which its own logs are written"

    # Messages to persons
    NO_CHANNEL = "no_channel", "no channel is described: an alert reaches only pages that are open"
    CHANNELS_WRONG = "channels_wrong", "{reason}"
    AUDITORS_UNREACHABLE = "auditors_unreachable", "no auditor has a contact: unusual changes of contacts reach nobody"
    OFFICERS_UNREACHABLE = (
        "officers_unreachable",
        "{unreachable} of {officers} patrol officers have no contact: {names}",
    )
    ON_DUTY_UNREACHABLE = (
        "on_duty_unreachable",
        "{unreachable} officers on duty are reached by no channel, or their last message failed: {names}",
    )
    MESSAGES_FAILED = "messages_failed", "{failed} of {messages} messages of the last 24 hours failed ({channels})"
    MESSAGES_SENT = "messages_sent", "{messages} messages in the last 24 hours, {waiting} waiting, none failed"

    # Network
    BUFFERS_SMALL = (
        "buffers_small",
        "{granted} of {wanted} bytes granted a camera: streams with a high bit rate must be read more often, "
        "which costs CPU",
    )
    BUFFERS_LARGE = "buffers_large", "{granted} of {wanted} bytes granted a camera"
    PORT_ANY = "port_any", "web.port = 0 chooses any free port"
    PORT_FOREIGN = "port_foreign", "another program answers"
    PORT_FOREIGN_BECAUSE = "port_foreign_because", "another program answers ({reason})"
    CONSOLE_ANSWERS = "console_answers", "the console answers"
    PORT_UNUSABLE = "port_unusable", "cannot be used ({reason})"
    PORT_FREE = "port_free", "free: the station does not run"
    PORT_USABLE = "port_usable", "can be bound"
    NO_INTERFACE = "no_interface", "no interface but loopback is up"
    MULTICAST_FAILS = "multicast_fails", "multicast does not work ({reason})"
    MULTICAST_WORKS = "multicast_works", "group joined, datagram came back"
    MULTICAST_FOREIGN = "multicast_foreign", "foreign datagram"

    # Accounts
    SECOND_FACTOR_OFF = "second_factor_off", "not required: a stolen password opens an administrator's account"
    SECOND_FACTOR_ON = "second_factor_on", "required; {enrolled} of {accounts} accounts that need it have it"
    DUTIES_DOUBLE = "duties_double", "{accounts} runs the system and manages the accounts as well"
    NO_SECURITY_ADMINISTRATOR = "no_security_administrator", "no enabled account manages the accounts"
    NO_AUDITOR = "no_auditor", "no enabled account audits"
    DUTIES_SEPARATE = "duties_separate", "system, accounts and audit are different people's"

    # Machine
    CAMERAS_NOT_KNOWN = "cameras_not_known", "the number of cameras is not known"
    FILES_OF_RECORDER = (
        "files_of_recorder",
        "{allowed} allowed to recorder, about {needed} needed for {streams} streams",
    )
    FILES_OF_PROCESS = (
        "files_of_process",
        "{allowed} allowed to this process, about {needed} needed for {streams} streams",
    )
    MEMORY = "memory", "{available} of {total} GB available, {swapped} GB swapped out"
    NOT_INSTALLED = "not_installed", "not installed"
    FFMPEG_LACKS = "ffmpeg_lacks", "{version}, without {missing}"
    FFMPEG_COMPLETE = "ffmpeg_complete", "{version}, decodes h264 and hevc"
    PANGO_MISSING = "pango_missing", "Pango is missing"
    PRINTING_FAILED = "printing_failed", "rendering failed ({reason})"
    PRINTING_IMPOSSIBLE = "printing_impossible", "nothing can be printed"
    CHARACTERS_MISSING = "characters_missing", "empty boxes instead of {characters}"
    CHINESE_PRINTED = "chinese_printed", "Chinese is printed ({fonts})"
    RUNS_AS_ROOT = "runs_as_root", "runs as root"
    RUNS_AS_USER = "runs_as_user", "runs as uid {uid}"
    MODE = "mode", "mode {mode}"
    MODE_READABLE = "mode_readable", "mode {mode}: others can read it"
    MODE_CHANGEABLE = "mode_changeable", "mode {mode}: others can change the settings"
    MODE_PASSWORD_READABLE = "mode_password_readable", "mode {mode}: others can read the database's password"
