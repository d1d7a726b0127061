"""Subjects of the watch list have the words of search, up to ten example pictures, and cameras that are muted."""

import sqlalchemy as sa
from alembic import op

from core.database import UtcDateTime

revision = "0050"
down_revision = "0049"

EXAMPLE = "Path of the example picture below the data folder; empty: none"
CLASS, FIRST_CLASS = "Object class (search.vocabulary)", "First object class (search.vocabulary), for lists"
LIKENESS, LIKENESS_OF_ONE = "Least cosine to the vector", "Least cosine to one of its examples"
BEFORE = "Whom or what to look out for: class and colours, approved by a second person, expiring"
AFTER = "Whom or what to look out for: words and examples, approved by a second person, expiring"


def upgrade() -> None:
    _create_example()
    _create_muting()
    op.execute(
        "INSERT INTO watch_example (subject, source, cls, vector, embedder, picture, added_by, added_at)"
        " SELECT id, 'sighting', cls, vector, embedder, picture, proposed_by, proposed_at FROM watch_subject"
        " WHERE vector IS NOT NULL ORDER BY id"
    )
    with op.batch_alter_table("watch_subject") as batch:
        batch.add_column(sa.Column(
            "words", sa.JSON(), nullable=False, server_default="{}",
            comment="Whom, where and at what hours, in words of search (SubjectWords); empty: class and colours here",
        ))  # fmt: skip
        batch.add_column(
            sa.Column("threshold_at", UtcDateTime(), comment="When that was last changed (UTC); null: never")
        )
        for name in ("vector", "embedder", "picture"):
            batch.drop_column(name)
    _comment(
        (BEFORE, AFTER),
        cls=(sa.String(16), False, CLASS, FIRST_CLASS),
        upper=(sa.String(10), True, "Colour of the upper part; null: any", "First colour of the upper part; null: any"),
        lower=(sa.String(10), True, "Colour of the lower part; null: any", "First colour of the lower part; null: any"),
        likeness=(sa.Float(), False, LIKENESS, LIKENESS_OF_ONE),
    )


def downgrade() -> None:
    with op.batch_alter_table("watch_subject") as batch:
        batch.add_column(
            sa.Column("vector", sa.LargeBinary(), comment="How it looks: 256 signed bytes of the pack's vector")
        )
        batch.add_column(
            sa.Column("embedder", sa.String(80), nullable=False, server_default="", comment="Pack of the vector")
        )
        batch.add_column(sa.Column("picture", sa.String(200), nullable=False, server_default="", comment=EXAMPLE))
    # The previous release knows one example: the first.
    first = "(SELECT {0} FROM watch_example e WHERE e.subject = watch_subject.id ORDER BY e.id LIMIT 1)"
    columns = ", ".join(f"{name} = {first.format(name)}" for name in ("vector", "embedder", "picture"))
    op.execute(f"UPDATE watch_subject SET {columns} WHERE id IN (SELECT subject FROM watch_example)")
    with op.batch_alter_table("watch_subject") as batch:
        batch.drop_column("threshold_at")
        batch.drop_column("words")
    _comment(
        (AFTER, BEFORE),
        cls=(sa.String(16), False, FIRST_CLASS, CLASS),
        upper=(sa.String(10), True, "First colour of the upper part; null: any", "Colour of the upper part; null: any"),
        lower=(sa.String(10), True, "First colour of the lower part; null: any", "Colour of the lower part; null: any"),
        likeness=(sa.Float(), False, LIKENESS_OF_ONE, LIKENESS),
    )
    op.drop_table("watch_muting")
    op.drop_table("watch_example")


def _create_example() -> None:
    op.create_table(
        "watch_example",
        sa.Column("id", sa.Integer(), primary_key=True, comment="Primary key"),
        sa.Column(
            "subject", sa.Integer(), sa.ForeignKey("watch_subject.id"), comment="Subject; null: not proposed yet"
        ),
        sa.Column("source", sa.String(10), nullable=False, comment="sighting, frame, upload"),
        sa.Column("cls", sa.String(16), nullable=False, comment="Object class that was seen in it"),
        sa.Column(
            "vector", sa.LargeBinary(), nullable=False, comment="How it looks: 256 signed bytes of the pack's vector"
        ),
        sa.Column("embedder", sa.String(80), nullable=False, comment="Pack of the vector"),
        sa.Column("picture", sa.String(200), nullable=False, comment="Path below the data folder; empty: not kept"),
        sa.Column("added_by", sa.String(60), nullable=False, comment="Account that chose it"),
        sa.Column("added_at", UtcDateTime(), nullable=False, comment="When it was chosen (UTC)"),
        comment="Example pictures of subjects; those of no subject wait for a proposal",
    )
    op.create_index(op.f("ix_watch_example_subject"), "watch_example", ["subject"])


def _create_muting() -> None:
    op.create_table(
        "watch_muting",
        sa.Column("id", sa.Integer(), primary_key=True, comment="Primary key"),
        sa.Column(
            "subject", sa.Integer(), sa.ForeignKey("watch_subject.id"), nullable=False,
            comment="Subject that gave false alarms",
        ),
        sa.Column("camera", sa.String(40), nullable=False, comment="Camera id"),
        sa.Column("village", sa.String(40), nullable=False, comment="Village code of the camera"),
        sa.Column("day", sa.Date(), nullable=False, comment="Local day of the false alarms"),
        sa.Column("false_alarms", sa.Integer(), nullable=False, comment="How many there were when it was proposed"),
        sa.Column("state", sa.String(10), nullable=False, comment="proposed, accepted, dismissed"),
        sa.Column("proposed_at", UtcDateTime(), nullable=False, comment="When the station proposed it (UTC)"),
        sa.Column("decided_by", sa.String(60), comment="Officer who decided; null: nobody yet"),
        sa.Column("decided_at", UtcDateTime(), comment="When that was (UTC)"),
        sa.Column(
            "ends_at", UtcDateTime(), nullable=False, comment="End of the local day, or the subject's expiry (UTC)"
        ),
        sa.UniqueConstraint("subject", "camera", "day"),
        comment="Cameras on which a subject gave false alarms only, proposed for silence until the day ends",
    )  # fmt: skip
    op.create_index(op.f("ix_watch_muting_state_ends_at"), "watch_muting", ["state", "ends_at"])


def _comment(table: tuple[str, str], **columns: tuple[sa.String | sa.Float[float], bool, str, str]) -> None:
    if op.get_bind().dialect.supports_comments:
        op.create_table_comment("watch_subject", table[1], existing_comment=table[0])
    with op.batch_alter_table("watch_subject") as batch:
        for name, (type_, nullable, before, after) in columns.items():
            batch.alter_column(
                name, existing_type=type_, existing_nullable=nullable, comment=after, existing_comment=before
            )
