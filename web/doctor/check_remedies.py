"""What to do about what the checks find, as codes (web.doctor.coded_text)."""

from __future__ import annotations

from enum import unique

from nvr.archive.retention import retention_clock
from nvr.storage.disk_remedies import DiskRemedy
from web.doctor.coded_text import SentenceCode


@unique
class CheckRemedy(SentenceCode):
    """What to do about it."""

    # Of checks as such
    SOMETHING_HANGS = (
        "something_hangs",
        "something that the check reads does not respond: a disk, a network file system, the database",
    )
    READ_LOG_OR_REPORT = "read_log_or_report", "read the log, or report the problem"
    SEE_DATABASE = "see_database", "see database"
    RUN_AS_STATION_USER = "run_as_station_user", "run it as the station's user"

    # Recording, database and search
    READ_ITS_LOG = "read_its_log", "read its log"
    START_STATION = "start_station", "start the station: minwang serve, or systemctl start minwang"
    RECORDER_NOT_RESTARTED = (
        "recorder_not_restarted",
        "read the log: a recorder process died and was not restarted",
    )
    SEE_PATROL = "see_patrol", "see the console's patrol page for each camera's fault"
    RESTART_STATION = (
        "restart_station",
        "they were not restarted after an upgrade: systemctl restart minwang",
    )
    START_STATION_ONCE = (
        "start_station_once",
        "start the station once (minwang serve) to create it, or check data.database",
    )
    START_TO_MIGRATE = "start_to_migrate", "start the station, which brings it to this version"
    INSTALL_NEWER = "install_newer", "this program is older than the database: install the newer one"
    FIND_DATABASE_LOAD = (
        "find_database_load",
        "find the process that loads the disk or the server (iotop, pg_stat_activity)",
    )
    START_SERVER = "start_server", "start the server and check data.database"
    RESTORE_DATABASE = "restore_database", "restore it from the backup if it is damaged"
    FIND_DATABASE_LOCK = "find_database_lock", "find what locks the database (log: 'archive rows wait')"
    CPU_TOO_SLOW = "cpu_too_slow", "the CPU is too slow: reduce search.workers, or add cores"
    SEARCH_MAY_BE_OFF = "search_may_be_off", "see station.running; search.workers may be 0"
    SPEED_UP_SEARCH = (
        "speed_up_search",
        "increase search.workers or use a faster model pack; minwang index --from TIME indexes again",
    )
    SET_INVENTORY = "set_inventory", "set inventory in the settings, or write one: minwang inventory export"
    CHECK_INVENTORY = "check_inventory", "minwang inventory check lists them all"
    APPLY_INVENTORY = "apply_inventory", "minwang inventory plan lists them; minwang inventory apply applies them"
    REINSTALL_MODEL = "reinstall_model", "minwang models remove {name}, then pull or add it again"
    ADD_MODEL = "add_model", "minwang models list; minwang models add FOLDER"
    INSTALL_MODEL = "install_model", "install one to find people and vehicles: minwang models list"

    # Certificate and backup
    SET_TLS = "set_tls", "run 'minwang cert' and set web.tls (docs/https.md)"
    HIDE_BEHIND_PROXY = (
        "hide_behind_proxy",
        'set web.host = "127.0.0.1", or web.trusted_proxies where the proxy is another machine (docs/https.md)',
    )
    WATCH_PROXY = "watch_proxy", "watch its expiry there (docs/https.md)"
    MEND_CERTIFICATE = "mend_certificate", "{advice}"
    RENEW_OWN_CERTIFICATE = (
        "renew_own_certificate",
        "minwang cert renew (its authority may be near its end: minwang cert show)",
    )
    RENEW_CERTIFICATE = "renew_certificate", "renew it with its issuer"
    ADD_CERTIFICATE_NAMES = (
        "add_certificate_names",
        "if browsers use that address: minwang cert renew {hosts}",
    )
    CHECK_BACKUP_LOG = "check_backup_log", "check its permissions; the next backup rewrites it"
    MAKE_BACKUPS = (
        "make_backups",
        "minwang backup TARGET --passphrase-file FILE, every night: set backup.target (docs/backup.md)",
    )

    # Disks and archive
    MOUNT_FOLDER = "mount_folder", "mount its disk, or correct data.dir and data.volumes"
    MAKE_WRITABLE = "make_writable", "make it writable for the station's user: chown -R USER {path}"
    FREE_SPACE_NOW = "free_space_now", "free space: delete files of other programs, or add a disk"
    FREE_SPACE = "free_space", "free space, lower retention.main_days, or add a volume"
    SEE_DISK_SPACE = "see_disk_space", "see disk.space"
    FREE_SPACE_FIRST = "free_space_first", "free space first (see disk.space)"
    CHECK_DISK_AND_MOUNT = "check_disk_and_mount", "check the disk (dmesg), the mount options and the permissions"
    FASTER_DISK = (
        "faster_disk",
        "recordings need {rate} MB/s and flushes below {flush} ms: "
        "use another disk, or spread the cameras over several",
    )
    NOTHING_ON_VIRTUAL = "nothing_on_virtual", "nothing, on a virtual machine or a network file system"
    INSTALL_SMARTCTL = "install_smartctl", "install it: apt-get install smartmontools"
    RUN_SMARTCTL = "run_smartctl", "run smartctl -a by hand"
    RUN_AS_ROOT_ONCE = "run_as_root_once", "run it as root once; a virtual disk has no SMART data"
    REPLACE_DISK_NOW = "replace_disk_now", "replace the disk now: it reports a failure"
    PLAN_DISK_REPLACEMENT = "plan_disk_replacement", "plan to replace the disk: such errors increase"
    START_THE_STATION = "start_the_station", "start the station"
    VOLUME_FREE_SPACE = "volume_free_space", DiskRemedy.FREE_SPACE.sentence
    VOLUME_SPREAD = "volume_spread", DiskRemedy.SPREAD.sentence
    VOLUME_MOUNT = "volume_mount", DiskRemedy.MOUNT.sentence
    VOLUME_READ_ONLY = "volume_read_only", DiskRemedy.READ_ONLY.sentence
    VOLUME_FAILING = "volume_failing", DiskRemedy.FAILING.sentence
    VOLUME_QUOTA = "volume_quota", DiskRemedy.QUOTA.sentence
    VOLUME_PERMISSION = "volume_permission", DiskRemedy.PERMISSION.sentence
    VOLUME_STALE = "volume_stale", DiskRemedy.STALE.sentence
    VOLUME_ABSENT = "volume_absent", DiskRemedy.ABSENT.sentence
    VOLUME_CHECK = "volume_check", DiskRemedy.CHECK.sentence
    INSPECT_QUARANTINE = (
        "inspect_quarantine",
        "inspect them and the records beside them, copy what you need, then delete the files",
    )

    # Clock
    CONFIRM_CLOCK = "confirm_clock", retention_clock.REMEDY
    SET_CLOCK = (
        "set_clock",
        "set the clock (date -s), then install a time service: apt-get install chrony; without internet access, "
        "add your own server in /etc/chrony/sources.d",
    )
    INSTALL_TIME_SERVICE = (
        "install_time_service",
        "install a time service: apt-get install chrony; without internet access, "
        "add your own server in /etc/chrony/sources.d",
    )
    RUN_DOCTOR = "run_doctor", "run minwang doctor on the command line"
    CHECK_TIME_SERVICE = (
        "check_time_service",
        "check that {service} reaches its time server (chronyc sources, timedatectl)",
    )
    CHECK_TIME_SERVER = (
        "check_time_server",
        "check that the time service reaches its server (chronyc sources, timedatectl)",
    )

    # Network
    RAISE_RMEM = (
        "raise_rmem",
        "echo net.core.rmem_max={bytes} > /etc/sysctl.d/60-minwang.conf; sysctl --system",
    )
    SET_PORT = "set_port", "set web.port, so that people know the address"
    END_OTHER_PROGRAM = "end_other_program", "set web.port to another, or end what holds it (ss -ltnp)"
    USE_OTHER_PORT = "use_other_port", "use another web.port, or stop the program that uses it (ss -ltnp)"
    SET_HOST_AND_PORT = (
        "set_host_and_port",
        "set web.host to an address of this machine and web.port to a free port",
    )
    START_IT = "start_it", "start it: minwang serve, or systemctl start minwang"
    FREE_DISCOVERY_PORT = (
        "free_discovery_port",
        "stop the program that uses it (ss -lunp); until then new cameras are found once an hour",
    )
    CONNECT_NETWORK = "connect_network", "connect the camera network"
    ALLOW_MULTICAST = (
        "allow_multicast",
        "allow it in the firewall (udp 3702, group 239.255.255.250); cameras are found by their addresses until then",
    )
    RUN_AGAIN = "run_again", "run it again"

    # Messages to persons
    DESCRIBE_CHANNELS = "describe_channels", "describe the channels in {path} (docs/examples/notify.yaml)"
    MEND_CHANNELS = "mend_channels", "mend it, then run: minwang notify check"
    SET_CONTACTS = "set_contacts", "set them: minwang notify contact ACCOUNT CHANNEL ADDRESS --second-person COLLEAGUE"
    REACH_OFFICERS = (
        "reach_officers",
        "call them by radio; then test: minwang notify test ACCOUNT, and mend contact or channel",
    )
    SEE_MESSAGES = "see_messages", "see what failed: minwang notify status; test a person: minwang notify test ACCOUNT"

    # Machine
    RAISE_FILES = (
        "raise_files",
        "raise it: LimitNOFILE={limit} in the systemd unit, or ulimit -n before the start; or more recorder.workers",
    )
    MEMORY_NEARLY_GONE = (
        "memory_nearly_gone",
        "the kernel will soon kill processes: reduce search.workers and patrol.workers, or add memory",
    )
    MEMORY_SHORT = "memory_short", "reduce search.workers and patrol.workers, or add memory"
    INSTALL_FFMPEG = "install_ffmpeg", "install it: apt-get install ffmpeg"
    INSTALL_COMPLETE_FFMPEG = "install_complete_ffmpeg", "install a complete build: apt-get install ffmpeg"
    INSTALL_PANGO = "install_pango", "install it: apt-get install libpango-1.0-0 libpangoft2-1.0-0 fonts-noto-cjk"
    INSTALL_RENDERER = (
        "install_renderer",
        "install what it needs: apt-get install libpango-1.0-0 libpangoft2-1.0-0",
    )
    MEND_PRINTING = "mend_printing", "{advice}"
    INSTALL_FONT = "install_font", "install a font with Chinese characters: apt-get install fonts-noto-cjk"
    USE_OWN_USER = "use_own_user", "run the station as a user of its own: minwang install"
    REQUIRE_SECOND_FACTOR = "require_second_factor", 'set second_factor = "required" in [accounts]'
    ADD_SECURITY_ADMINISTRATOR = (
        "add_security_administrator",
        "let another person manage the accounts: minwang user add NAME --role security_administrator",
    )
    ADD_AUDITOR = "add_auditor", "let another person audit: minwang user add NAME --role auditor"
    CHANGE_MODE = "change_mode", "chmod {mode} {path}"
