"""Names of search in standard terms: camera_number, model_pack, index_state.crashes; comments of its tables."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"

TABLES = (("seen_by", "camera_number"), ("search_pack", "model_pack"))
# PostgreSQL renames everything in place; renaming the index of a constraint renames the constraint.
POSTGRESQL = (
    ("TABLE", "seen_by", "camera_number"),
    ("INDEX", "pk_seen_by", "pk_camera_number"),
    ("INDEX", "uq_seen_by_camera_village", "uq_camera_number_camera_village"),
    ("INDEX", "ix_seen_by_village", "ix_camera_number_village"),
    ("TABLE", "search_pack", "model_pack"),
    ("INDEX", "pk_search_pack", "pk_model_pack"),
    ("INDEX", "uq_search_pack_name", "uq_model_pack_name"),
    ("SEQUENCE", "search_pack_number_seq", "model_pack_number_seq"),
)
# By the new names of table and column (none: the table itself): previous comment, new comment.
COMMENTS: dict[tuple[str, str], tuple[str | None, str]] = {
    ("camera_number", "camera"): (None, "Camera id"),
    ("camera_number", "village"): (None, "Village code of the camera while it has this number"),
    ("index_state", ""): (
        "What each stream's reader last did; where it is stands beside the sightings",
        "Counters of each stream's reader; its position is in the sighting store",
    ),
    ("index_state", "stream"): (None, "<camera>/<kind>"),
    ("index_state", "position_us"): (
        "Keyframes up to here were done, µs UTC; for people to read",
        "Time of the last indexed keyframe, µs UTC; for display",
    ),
    ("index_state", "crashes"): (
        "Crashes of the worker on this stream in a row; 2: quarantine",
        "Consecutive crashes of the worker on this stream; 2: quarantine",
    ),
    ("index_state", "keyframes"): ("Keyframes passed so far", "Keyframes read so far"),
    ("index_state", "decoded"): (
        "Of them decoded: the others were quiet by their sizes",
        "Of them decoded; the GOP-size gate skipped the others",
    ),
    ("index_state", "undecodable"): ("Of them broken", "Of them that cannot be decoded"),
    ("index_state", "skipped"): ("Seconds passed over unseen, for lack of time", "Seconds skipped for lack of time"),
    ("judgement", ""): (
        "Candidate or rejected: what an officer thought of a sighting in a case",
        "An officer's verdict on a sighting in a case",
    ),
    ("judgement", "sighting"): (None, "Id of the sighting in the sighting store"),
    ("judgement", "camera"): (None, "Camera id of the sighting"),
    ("judgement", "village"): (None, "Village code of the camera"),
    ("judgement", "by"): (None, "Account that judged"),
    ("judgement", "at"): (None, "When it was judged (UTC)"),
    ("judgement", "thumbnail"): (
        "A candidate's picture of its own: it outlives its day",
        "File of a candidate's picture; it outlives the sighting's day",
    ),
}


def upgrade() -> None:
    if _postgresql():
        for kind, old, new in POSTGRESQL:
            op.execute(f"ALTER {kind} {old} RENAME TO {new}")
    else:
        for old, new in TABLES:
            _copy_table(old, new)
    op.execute("ALTER TABLE index_state RENAME COLUMN strikes TO crashes")
    _write_comments(1)


def downgrade() -> None:
    _write_comments(0)
    op.execute("ALTER TABLE index_state RENAME COLUMN crashes TO strikes")
    if _postgresql():
        for kind, old, new in POSTGRESQL:
            op.execute(f"ALTER {kind} {new} RENAME TO {old}")
    else:
        for old, new in TABLES:
            _copy_table(new, old)


def _postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _copy_table(old: str, new: str) -> None:
    """Copy a table to one with another name and drop it: SQLite renames neither constraints nor indexes."""
    if "pack" in new:
        columns = "number, name"
        op.create_table(
            new,
            sa.Column("number", sa.Integer(), nullable=False),
            sa.Column("name", sa.String(80), nullable=False),
            sa.PrimaryKeyConstraint("number", name=op.f(f"pk_{new}")),
            sa.UniqueConstraint("name", name=op.f(f"uq_{new}_name")),
        )
    else:
        columns = "number, camera, village"
        op.create_table(
            new,
            sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
            sa.Column("camera", sa.String(40), nullable=False),
            sa.Column("village", sa.String(40), nullable=False),
            sa.PrimaryKeyConstraint("number", name=op.f(f"pk_{new}")),
            sa.UniqueConstraint("camera", "village", name=op.f(f"uq_{new}_camera_village")),
        )
        op.create_index(op.f(f"ix_{new}_village"), new, ["village"])
    op.execute(f"INSERT INTO {new} ({columns}) SELECT {columns} FROM {old}")
    op.drop_table(old)


def _write_comments(which: int) -> None:
    """Write the previous (0) or the new (1) comments; SQLite stores none."""
    if not _postgresql():
        return
    for (table, column), comments in COMMENTS.items():
        text = comments[which]
        literal = "NULL" if text is None else "'" + text.replace("'", "''") + "'"
        where = f'COLUMN "{table}"."{column}"' if column else f'TABLE "{table}"'
        op.execute(sa.text(f"COMMENT ON {where} IS {literal}".replace(":", r"\:")))
