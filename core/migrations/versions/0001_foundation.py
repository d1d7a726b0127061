"""The initial schema."""

import sqlalchemy as sa
from alembic import op

import core.audit.audit_trail
import core.database

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=False, comment="When it was done"),
        sa.Column("actor", sa.String(length=60), nullable=False, comment="Account name, or 'system'"),
        sa.Column("action", sa.String(length=60), nullable=False, comment="room.verb"),
        sa.Column("object", sa.String(length=120), nullable=False, comment="What it was done to"),
        sa.Column(
            "reason", sa.String(length=400), nullable=False, comment="Case number or purpose given; may be empty"
        ),
        sa.Column("data", sa.JSON(), nullable=False, comment="Details without secrets"),
        sa.Column("previous", sa.String(length=64), nullable=False, comment="Hash of the row before"),
        sa.Column("hash", sa.String(length=64), nullable=False, comment="SHA-256 over all of the above"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        comment="Who did or looked at what, and why; append-only, chained by hash",
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_action"), ["action"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_actor"), ["actor"], unique=False)

    op.create_table(
        "case_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False, comment="The station's case number"),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("village", sa.String(length=40), nullable=True),
        sa.Column("opened_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.String(length=60), nullable=False),
        sa.Column("closed_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_file")),
        sa.UniqueConstraint("number", name=op.f("uq_case_file_number")),
        comment="Case register",
    )
    op.create_table(
        "credential",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("username", sa.String(length=60), nullable=False),
        sa.Column("sealed", sa.String(length=400), nullable=True, comment="AES-256-GCM, bound to 'credential:<name>'"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_credential")),
        comment="Camera accounts by name; the password sealed",
    )
    op.create_table(
        "event",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, comment="Position in the log"
        ),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=False, comment="When the fact was recorded"),
        sa.Column("kind", sa.String(length=40), nullable=False, comment="room.verb, e.g. fault.opened"),
        sa.Column("village", sa.String(length=40), nullable=True, comment="Village whose scope may see it; null: all"),
        sa.Column("camera", sa.String(length=40), nullable=True, comment="Camera it concerns"),
        sa.Column("data", sa.JSON(), nullable=False, comment="Small JSON body without secrets"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        comment="Facts that others must learn of; append-only",
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_kind_id"), ["kind", "id"], unique=False)

    op.create_table(
        "fault",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera", sa.String(length=40), nullable=False),
        sa.Column("family", sa.String(length=20), nullable=False, comment="health.faults.state_machine.FAMILIES"),
        sa.Column(
            "state", sa.String(length=12), nullable=False, comment="suspect, open, recovering, closed, dismissed"
        ),
        sa.Column("severity", sa.Integer(), nullable=False, comment="1 evidence is being lost … 4 cosmetic"),
        sa.Column("detail", sa.String(length=300), nullable=False),
        sa.Column(
            "first_seen", core.database.UtcDateTime(timezone=True), nullable=False, comment="First look that showed it"
        ),
        sa.Column("opened_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("closed_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column(
            "looks", sa.Integer(), nullable=False, comment="Consecutive looks that confirm the present direction"
        ),
        sa.Column("picture", sa.String(length=300), nullable=True, comment="Evidence: the picture that opened it"),
        sa.Column("reference", sa.String(length=300), nullable=True, comment="A good picture of the same camera"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fault")),
        comment="Faults: suspected, open, closed",
    )
    with op.batch_alter_table("fault", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fault_camera_family_state"), ["camera", "family", "state"], unique=False)

    op.create_table(
        "gap",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stream", sa.String(length=50), nullable=False),
        sa.Column("start_us", sa.BigInteger(), nullable=False, comment="µs UTC"),
        sa.Column("end_us", sa.BigInteger(), nullable=True, comment="µs UTC; null: goes on"),
        sa.Column("cause", sa.String(length=20), nullable=False, comment="One of nvr.tables.GAP_CAUSES"),
        sa.Column("detail", sa.String(length=200), nullable=False, comment="What was seen, without secrets"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gap")),
        comment="Stretches without recording, each with its cause",
    )
    with op.batch_alter_table("gap", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gap_stream_start_us"), ["stream", "start_us"], unique=False)

    op.create_table(
        "index_position",
        sa.Column("stream", sa.String(length=50), nullable=False),
        sa.Column("position_us", sa.BigInteger(), nullable=False, comment="Keyframes up to here are done, µs UTC"),
        sa.Column(
            "strikes", sa.Integer(), nullable=False, comment="Crashes of the worker on this stream; 2: quarantine"
        ),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_index_position")),
        comment="How far each stream is indexed",
    )
    op.create_table(
        "patrol_round",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("asked_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(length=60), nullable=False, comment="Account name, or 'schedule'"),
        sa.Column("started_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("finished_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("cameras", sa.Integer(), nullable=False, comment="Cameras looked at"),
        sa.Column("faulty", sa.Integer(), nullable=False, comment="Cameras with an open fault at its end"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patrol_round")),
        comment="Patrol rounds, asked for by the schedule or a person",
    )
    op.create_table(
        "segment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stream", sa.String(length=50), nullable=False, comment="<camera>/<kind>"),
        sa.Column("path", sa.String(length=300), nullable=False, comment="Absolute path of the file"),
        sa.Column("state", sa.String(length=12), nullable=False, comment="open, closed, deleting, quarantined"),
        sa.Column("start_us", sa.BigInteger(), nullable=False, comment="Wall time of the first picture, µs UTC"),
        sa.Column(
            "end_us",
            sa.BigInteger(),
            nullable=False,
            comment="Wall time at which the last picture ends; start while open",
        ),
        sa.Column("media_us", sa.BigInteger(), nullable=False, comment="Duration by the camera's media clock, µs"),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("lost_packets", sa.Integer(), nullable=False),
        sa.Column(
            "clock_offset_us", sa.BigInteger(), nullable=True, comment="Camera's clock minus ours, from sender reports"
        ),
        sa.Column(
            "gops",
            sa.LargeBinary(),
            nullable=True,
            comment="Packed index of GOPs (nvr.media.gop_index); null while open",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sa.UniqueConstraint("path", name=op.f("uq_segment_path")),
        comment="Segment files; each file is owned by exactly one row",
    )
    with op.batch_alter_table("segment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_segment_state_start_us"), ["state", "start_us"], unique=False)
        batch_op.create_index(batch_op.f("ix_segment_stream_start_us"), ["stream", "start_us"], unique=False)

    op.create_table(
        "sighting",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False, comment="Wall time of the keyframe, µs UTC"),
        sa.Column("camera", sa.String(length=40), nullable=False),
        sa.Column("stream", sa.String(length=50), nullable=False),
        sa.Column("village", sa.String(length=40), nullable=False),
        sa.Column("cls", sa.String(length=16), nullable=False, comment="person, vehicle, bike, moving (class unknown)"),
        sa.Column("score", sa.Double(), nullable=False, comment="0…1, comparable within one detector only"),
        sa.Column("x", sa.Double(), nullable=False, comment="Box as parts of the picture, left edge"),
        sa.Column("y", sa.Double(), nullable=False),
        sa.Column("w", sa.Double(), nullable=False),
        sa.Column("h", sa.Double(), nullable=False),
        sa.Column(
            "upper", sa.String(length=40), nullable=False, comment="Colours of the upper part, strongest first, ',a,b,'"
        ),
        sa.Column("lower", sa.String(length=40), nullable=False, comment="Colours of the lower part, ',a,b,'"),
        sa.Column("thumbnail", sa.String(length=200), nullable=False, comment="JPEG below the data folder"),
        sa.Column("detector", sa.String(length=60), nullable=False, comment="Which detector said so"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sighting")),
        comment="One object in one keyframe",
    )
    with op.batch_alter_table("sighting", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sighting_at_us_id"), ["at_us", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sighting_camera_at_us_id"), ["camera", "at_us", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sighting_cls_at_us_id"), ["cls", "at_us", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sighting_village_at_us_id"), ["village", "at_us", "id"], unique=False)

    op.create_table(
        "stream_status",
        sa.Column("stream", sa.String(length=50), nullable=False),
        sa.Column("worker", sa.String(length=40), nullable=False, comment="Recorder that has it"),
        sa.Column(
            "state",
            sa.String(length=16),
            nullable=False,
            comment="connecting, recording, waiting, refused, quarantined",
        ),
        sa.Column("engine", sa.String(length=10), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False, comment="Gap cause while not recording"),
        sa.Column("detail", sa.String(length=200), nullable=False),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=False, comment="When this was observed"),
        sa.Column("since", core.database.UtcDateTime(timezone=True), nullable=False, comment="In this state since"),
        sa.Column(
            "last_picture",
            core.database.UtcDateTime(timezone=True),
            nullable=True,
            comment="Arrival of the last complete picture",
        ),
        sa.Column("fps", sa.Double(), nullable=False, comment="Pictures a second since the last observation"),
        sa.Column("bitrate", sa.Double(), nullable=False, comment="Bits a second since the last observation"),
        sa.Column("packets", sa.BigInteger(), nullable=False),
        sa.Column("lost_packets", sa.BigInteger(), nullable=False),
        sa.Column("loss", sa.Double(), nullable=False, comment="Share of packets lost since the last observation"),
        sa.Column("reconnects", sa.Integer(), nullable=False),
        sa.Column("clock_offset", sa.Double(), nullable=True, comment="Camera's clock minus ours, seconds"),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_stream_status")),
        comment="Observed state, written by the recorder every few seconds",
    )
    op.create_table(
        "user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False, comment="Log-in name"),
        sa.Column(
            "display_name", sa.String(length=80), nullable=False, comment="Shown in watermarks and the audit trail"
        ),
        sa.Column("role", sa.String(length=30), nullable=False, comment="core.accounts.permissions.Role"),
        sa.Column("villages", sa.JSON(), nullable=True, comment="Scope: village codes; null: the whole town"),
        sa.Column("password_hash", sa.String(length=200), nullable=False, comment="argon2id"),
        sa.Column("failures", sa.Integer(), nullable=False, comment="Wrong passwords since the last success"),
        sa.Column(
            "locked_until", core.database.UtcDateTime(timezone=True), nullable=True, comment="No sign-in before this"
        ),
        sa.Column("disabled", sa.Boolean(), nullable=False, comment="Kept for the audit trail, may not sign in"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("name", name=op.f("uq_user_name")),
        comment="People who may sign in",
    )
    op.create_table(
        "village",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("boundary", sa.JSON(), nullable=False, comment="Polygon [[lon, lat], …], WGS 84; may be empty"),
        sa.Column("area_km2", sa.Double(), nullable=True, comment="Stated, else computed from the boundary"),
        sa.Column("population", sa.Integer(), nullable=True),
        sa.Column("subnets", sa.JSON(), nullable=False, comment="CIDR blocks in which its cameras live"),
        sa.Column(
            "funding", sa.JSON(), nullable=False, comment="Money raised: source, amount (yuan), received, purpose"
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_village")),
        comment="Villages of the town",
    )
    op.create_table(
        "watch_position",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="Id of the last sighting looked at",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watch_position")),
        comment="How far the matcher has read the sightings",
    )
    op.create_table(
        "worker",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False, comment="recorder, analyst"),
        sa.Column(
            "url", sa.String(length=120), nullable=False, comment="http://host:port of its own bytes; empty: none"
        ),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("seen_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker")),
        comment="Processes of the station and where they answer",
    )
    op.create_table(
        "camera",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("village", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=120), nullable=True, comment="host[:port] of the ONVIF service"),
        sa.Column("credential", sa.String(length=40), nullable=True),
        sa.Column(
            "profile", sa.JSON(), nullable=False, comment="Position, height, azimuth, cost … as in the inventory"
        ),
        sa.Column("retired", sa.Boolean(), nullable=False, comment="No longer in the inventory; footage is kept"),
        sa.Column("device", sa.JSON(), nullable=True, comment="ONVIF identity: maker, model, firmware, serial"),
        sa.Column("clock_offset", sa.Double(), nullable=True, comment="Camera clock minus ours, seconds"),
        sa.Column(
            "refused_at",
            core.database.UtcDateTime(timezone=True),
            nullable=True,
            comment="Credential refused; nobody tries until a person acts",
        ),
        sa.Column("seen_at", core.database.UtcDateTime(timezone=True), nullable=True, comment="Last ONVIF answer"),
        sa.ForeignKeyConstraint(["credential"], ["credential.name"], name=op.f("fk_camera_credential")),
        sa.ForeignKeyConstraint(["village"], ["village.code"], name=op.f("fk_camera_village")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_camera")),
        comment="One file a camera",
    )
    with op.batch_alter_table("camera", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_camera_village"), ["village"], unique=False)

    op.create_table(
        "look",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("camera", sa.String(length=40), nullable=False),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False, comment="Fault family → sentence; empty: nothing found"),
        sa.Column(
            "figures", sa.JSON(), nullable=False, comment="What was measured (health.picture, health.checks.stream)"
        ),
        sa.Column(
            "picture",
            sa.String(length=300),
            nullable=True,
            comment="JPEG kept as evidence or reference, below the data folder",
        ),
        sa.ForeignKeyConstraint(["round"], ["patrol_round.id"], name=op.f("fk_look_round")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_look")),
        comment="One look at one camera: figures and what they say",
    )
    with op.batch_alter_table("look", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_look_camera_id"), ["camera", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_look_round"), ["round"], unique=False)

    op.create_table(
        "sign_in",
        sa.Column("token_hash", sa.String(length=64), nullable=False, comment="SHA-256 of the cookie's token"),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column(
            "seen_at",
            core.database.UtcDateTime(timezone=True),
            nullable=False,
            comment="Last request; idle sessions end",
        ),
        sa.Column("purpose", sa.String(length=400), nullable=False, comment="Purpose or case number of this session"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_sign_in_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in")),
        comment="Open sessions",
    )
    with op.batch_alter_table("sign_in", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_in_user_id"), ["user_id"], unique=False)

    op.create_table(
        "watch_subject",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("cls", sa.String(length=16), nullable=False),
        sa.Column("upper", sa.String(length=10), nullable=True),
        sa.Column("lower", sa.String(length=10), nullable=True),
        sa.Column("villages", sa.JSON(), nullable=True, comment="Where; null: the whole town"),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False, comment="proposed, active, refused, ended"),
        sa.Column("proposed_by", sa.String(length=60), nullable=False),
        sa.Column("proposed_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.String(length=60), nullable=True),
        sa.Column("approved_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column(
            "expires_at",
            core.database.UtcDateTime(timezone=True),
            nullable=False,
            comment="Matches nothing from here on",
        ),
        sa.Column("auto_dispatch", sa.Boolean(), nullable=False, comment="The approver lets alerts go out unconfirmed"),
        sa.CheckConstraint(
            "approved_by IS NULL OR approved_by <> proposed_by", name=op.f("ck_watch_subject_second_person")
        ),
        sa.ForeignKeyConstraint(["case"], ["case_file.id"], name=op.f("fk_watch_subject_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watch_subject")),
        comment="Whom or what to look out for: class and colours, approved by a second person, expiring",
    )
    with op.batch_alter_table("watch_subject", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_watch_subject_case"), ["case"], unique=False)

    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Integer(), nullable=False),
        sa.Column("sighting", sa.BigInteger(), nullable=False),
        sa.Column("camera", sa.String(length=40), nullable=False),
        sa.Column("village", sa.String(length=40), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False, comment="When it was seen, µs UTC"),
        sa.Column("thumbnail", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False, comment="new, dispatched, acked, answered, rejected"),
        sa.Column("raised_at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column(
            "confirmed_by",
            sa.String(length=60),
            nullable=True,
            comment="Who looked and sent it out; 'auto' by the approver's rule",
        ),
        sa.Column("confirmed_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("acked_by", sa.String(length=60), nullable=True),
        sa.Column("acked_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.String(length=20), nullable=True, comment="caught, not_seen, false_alarm"),
        sa.Column("note", sa.String(length=400), nullable=False),
        sa.Column("answered_by", sa.String(length=60), nullable=True),
        sa.Column("answered_at", core.database.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["subject"], ["watch_subject.id"], name=op.f("fk_alert_subject")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        comment="A sighting that fits a subject",
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alert_state_id"), ["state", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_subject_camera_at_us"), ["subject", "camera", "at_us"], unique=False)

    op.create_table(
        "stream",
        sa.Column("id", sa.String(length=50), nullable=False, comment="<camera>/<kind>"),
        sa.Column("camera", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False, comment="main or sub"),
        sa.Column("url", sa.String(length=400), nullable=True, comment="RTSP address without credentials"),
        sa.Column("engine", sa.String(length=10), nullable=True, comment="auto, native, ffmpeg; null: station default"),
        sa.Column("record", sa.Boolean(), nullable=False),
        sa.Column(
            "from_inventory", sa.Boolean(), nullable=False, comment="Address given by hand, ONVIF does not change it"
        ),
        sa.Column("snapshot_url", sa.String(length=400), nullable=True),
        sa.Column("codec", sa.String(length=10), nullable=True, comment="As ONVIF states it: H264, H265"),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("fps", sa.Double(), nullable=True, comment="Frames a second promised"),
        sa.Column("bitrate", sa.Integer(), nullable=True, comment="Bits a second promised"),
        sa.ForeignKeyConstraint(["camera"], ["camera.id"], name=op.f("fk_stream_camera"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream")),
        comment="RTSP streams of a camera: main and, where it has one, sub",
    )
    with op.batch_alter_table("stream", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stream_camera"), ["camera"], unique=False)

    for statement in core.audit.audit_trail.TRIGGER_STATEMENTS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Drop everything, including the audit trail: this returns to a database without a station."""
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_refuse()")


TABLES = (
    "audit",
    "case_file",
    "credential",
    "event",
    "fault",
    "gap",
    "index_position",
    "patrol_round",
    "segment",
    "sighting",
    "stream_status",
    "user",
    "village",
    "watch_position",
    "worker",
    "camera",
    "look",
    "sign_in",
    "watch_subject",
    "alert",
    "stream",
)
