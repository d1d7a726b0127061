"""Search: sightings move from the database to one file per day; short numbers of cameras and models; judgements."""

import sqlalchemy as sa
from alembic import op

import core.database

revision = "0008"
down_revision = "0007"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # Indexed footage is indexed again from the recordings: they are the source.
    op.drop_table("sighting")
    op.drop_table("index_position")
    op.drop_table("watch_position")
    op.create_table(
        "seen_by",
        sa.Column(
            "number", sa.Integer(), autoincrement=False, nullable=False, comment="0…4095, part of a sighting's id"
        ),
        sa.Column("camera", sa.String(length=40), nullable=False),
        sa.Column("village", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_seen_by")),
        sa.UniqueConstraint("camera", "village", name=op.f("uq_seen_by_camera_village")),
        comment=(
            "Short numbers of cameras: a camera that moves to another village gets a new one, its past stays where it "
            "was"
        ),
    )
    op.create_index(op.f("ix_seen_by_village"), "seen_by", ["village"], unique=False)
    op.create_table(
        "search_pack",
        sa.Column("number", sa.Integer(), nullable=False, comment="Kept in sightings and names of vector shards"),
        sa.Column("name", sa.String(length=80), nullable=False, comment="id@version"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_search_pack")),
        sa.UniqueConstraint("name", name=op.f("uq_search_pack_name")),
        comment="Short numbers of model packs by id and version",
    )
    op.create_table(
        "index_state",
        sa.Column("stream", sa.String(length=50), nullable=False),
        sa.Column(
            "position_us",
            sa.BigInteger(),
            nullable=False,
            comment="Keyframes up to here were done, µs UTC; for people to read",
        ),
        sa.Column(
            "strikes",
            sa.Integer(),
            nullable=False,
            comment="Crashes of the worker on this stream in a row; 2: quarantine",
        ),
        sa.Column("keyframes", sa.BigInteger(), nullable=False, comment="Keyframes passed so far"),
        sa.Column(
            "decoded", sa.BigInteger(), nullable=False, comment="Of them decoded: the others were quiet by their sizes"
        ),
        sa.Column("detected", sa.BigInteger(), nullable=False, comment="Of them given to the detector"),
        sa.Column("undecodable", sa.BigInteger(), nullable=False, comment="Of them broken"),
        sa.Column("skipped", sa.BigInteger(), nullable=False, comment="Seconds passed over unseen, for lack of time"),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_index_state")),
        comment="What each stream's reader last did; where it is stands beside the sightings",
    )
    op.create_table(
        "judgement",
        sa.Column("id", _KEY, nullable=False),
        sa.Column(
            "reason", sa.String(length=200), nullable=False, comment="Case, help request or other ground, as stated"
        ),
        sa.Column("sighting", sa.BigInteger(), nullable=False),
        sa.Column("camera", sa.String(length=40), nullable=False),
        sa.Column("village", sa.String(length=40), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False, comment="candidate, rejected"),
        sa.Column("by", sa.String(length=60), nullable=False),
        sa.Column("at", core.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column(
            "thumbnail",
            sa.String(length=200),
            nullable=False,
            comment="A candidate's picture of its own: it outlives its day",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_judgement")),
        sa.UniqueConstraint("reason", "sighting", name=op.f("uq_judgement_reason_sighting")),
        comment="Candidate or rejected: what an officer thought of a sighting in a case",
    )
    op.create_index(op.f("ix_judgement_reason_id"), "judgement", ["reason", "id"], unique=False)
    with op.batch_alter_table("watch_subject") as batch:
        batch.add_column(
            sa.Column(
                "vector", sa.LargeBinary(), nullable=True, comment="How it looks: 256 signed bytes of the pack's vector"
            )
        )
        batch.add_column(
            sa.Column("embedder", sa.String(length=80), nullable=False, server_default="", comment="Pack of the vector")
        )
        batch.add_column(
            sa.Column("likeness", sa.Double(), nullable=False, server_default="0", comment="Least cosine to the vector")
        )
    subjects = sa.table("watch_subject", sa.column("cls", sa.String))
    for old, new in (("bike", "two_wheeler"), ("moving", "unknown")):
        op.execute(subjects.update().where(subjects.c.cls == old).values(cls=new))


def downgrade() -> None:
    """Create the tables of sightings and positions empty: that version reads the recordings again."""
    subjects = sa.table("watch_subject", sa.column("cls", sa.String))
    for old, new in (("two_wheeler", "bike"), ("unknown", "moving")):
        op.execute(subjects.update().where(subjects.c.cls == old).values(cls=new))
    for column in ("likeness", "embedder", "vector"):
        op.drop_column("watch_subject", column)
    for table in ("judgement", "index_state", "search_pack", "seen_by"):
        op.drop_table(table)
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
