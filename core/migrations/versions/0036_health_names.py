"""Names of patrol in standard terms: fault families, tables, columns and keys of JSON columns.

Signed registers, supplements and stored reports keep the texts that were signed or printed; so does the audit trail.
"""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035b"

FAMILIES = {
    "veil": "haze",
    "cast": "colour_cast",
    "covered_part": "partial_occlusion",
    "stripes": "banding",
    "mosaic": "blocking",
}
TABLES = {"look": "inspection", "camera_sight": "camera_baseline", "tour_verdict": "review_verdict"}
# By the new name of the table: old name of the column → new name.
COLUMNS: dict[str, dict[str, str]] = {
    "inspection": {"untestable": "unknown"},
    "camera_baseline": {
        "thumb": "thumbnail",
        "patterned": "pattern_pictures",
        "sky_at": "shared_weather_at",
        "next_look_at": "next_inspection_at",
    },
    "reference_scene": {"thumb": "thumbnail"},
    "patrol_round": {"looked": "inspected"},
    "fault": {"looks": "inspections"},
    "camera_day": {"looked": "inspected"},
    "work_order": {"mend_by": "repair_by", "mended_at": "repaired_at"},
}
INDEXES = (
    ("inspection", "ix_look_round", "ix_inspection_round", ("round",)),
    ("inspection", "ix_look_camera_at", "ix_inspection_camera_at", ("camera", "at")),
    (
        "camera_baseline",
        "ix_camera_sight_next_look_at",
        "ix_camera_baseline_next_inspection_at",
        ("next_inspection_at",),
    ),
    ("review_verdict", "ix_tour_verdict_by_at", "ix_review_verdict_by_at", ("by", "at")),
)
# PostgreSQL names constraints and sequences after the table; SQLite keeps no names of them.
CONSTRAINTS = (
    ("inspection", "pk_look", "pk_inspection"),
    ("inspection", "fk_look_round", "fk_inspection_round"),
    ("camera_baseline", "pk_camera_sight", "pk_camera_baseline"),
    ("review_verdict", "pk_tour_verdict", "pk_review_verdict"),
)
SEQUENCES = (("look_id_seq", "inspection_id_seq"), ("tour_verdict_id_seq", "review_verdict_id_seq"))
# By the new names of table and column: texts inside the JSON. A key is followed by a colon, a list's element is not.
KEYS = {f'"{old}":': f'"{new}":' for old, new in FAMILIES.items()}
ELEMENTS = {f'"{old}"': f'"{new}"' for old, new in FAMILIES.items()}
TEXTS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("inspection", "findings", KEYS),
    ("inspection", "unknown", ELEMENTS),
    ("inspection", "figures", {'"sky":': '"shared_weather":'}),
    ("fault", "facts", {'"marks":': '"votes":', '"opened":': '"openings":'}),
    ("daily_figures", "figures", KEYS),
    ("event", "data", {f'"family": "{old}"': f'"family": "{new}"' for old, new in FAMILIES.items()}),
)
# By table and column; the empty column is the table itself.
COMMENTS: dict[str, dict[str, str]] = {
    "inspection": {
        "": "One inspection of one camera: figures and findings",
        "id": "Primary key",
        "round": "Patrol round",
        "camera": "Camera id",
        "at": "When the inspected picture was taken",
        "findings": "Fault family → figures of the evidence; empty: nothing found",
        "unknown": "Families that this inspection could not test",
        "figures": "Measurements (health.picture.measurement, health.checks.stream)",
        "accepted": "Part of the camera's baseline",
        "anchor": "Inspection of the first days of a view; kept for good",
        "features": "Packed measurement (health.picture.measurement), kept for some days",
    },
    "camera_baseline": {
        "": "Baseline of a camera",
        "camera": "Camera id",
        "view": "Number of the view; a person starts a new one",
        "since": "Inspections from here on belong to the present view",
        "at": "Last inspection with a picture",
        "thumbnail": "Luminance of its picture, 90×160",
        "pattern": "View pattern (health.picture.view_pattern): mean fine contrast, 90×160",
        "pattern_pictures": "Pictures in the view pattern",
        "shared_weather_at": "Last inspection with weather shared by its neighbours",
        "fps": "Usual frames per second: median of accepted inspections",
        "bitrate": "Usual bits per second: median of accepted inspections",
        "change": "Usual difference between two rounds, grey levels: lower quartile of accepted inspections",
    },
    "reference_scene": {
        "": "Luminance of one good picture for each hour of the day",
        "camera": "Camera id",
        "hour": "Local hour, 0…23",
        "view": "Number of the view (camera_baseline.view) that it shows",
        "at": "When the picture was taken",
        "thumbnail": "Luminance, 90×160",
    },
    "patrol_round": {
        "": "Patrol rounds, requested by the schedule or a person",
        "id": "Primary key",
        "asked_at": "When it was requested",
        "started_at": "When it began; null: waiting",
        "finished_at": "When it ended; null: running or waiting",
        "cameras": "Cameras to inspect",
        "inspected": "Cameras inspected so far",
    },
    "fault": {
        "id": "Primary key",
        "camera": "Camera id; empty: a fault of a village, a switch or the station",
        "village": "Village of the fault; null: fault of the station",
        "family": "health.vocabulary.FaultFamily",
        "detail": "Name of the up-link, switch or disk; empty for a camera",
        "figures": "Figures of the last evidence",
        "facts": "Memory of the state machine: votes, light, openings",
        "first_seen": "First inspection that showed it",
        "opened_at": "When it was confirmed; null: only suspected",
        "closed_at": "When it ended; null: it lasts",
        "times": "How often it opened; within a day it is the same fault",
        "inspections": "Inspections that could judge it",
        "acknowledged_by": "Account that acknowledged it; does not close it",
        "verdict": "Of a person: real, false, watch; of the system: new_view, retired",
        "order": "Work order for the repair",
        "reference": "A good picture of the same camera for comparison",
    },
    "maintenance": {
        "": "Planned work: no faults are recorded meanwhile",
        "id": "Primary key",
        "camera": "Camera id; null: a whole village",
        "village": "Village code; null: one camera",
        "start": "Begin",
        "until": "End",
        "reason": "Reason, as officers gave it",
        "by": "Account that planned it",
    },
    "work_order": {
        "": "Repair order (工单)",
        "id": "Number of the order",
        "village": "Village code; null: the station",
        "camera": "Camera id; null: several cameras",
        "title": "What is to be repaired",
        "severity": "1 evidence is being lost … 4 cosmetic",
        "vendor": "Company that repairs",
        "assignee": "Person that repairs",
        "created_at": "When the order was made",
        "created_by": "Account that made it",
        "respond_by": "Deadline for the response",
        "repair_by": "Deadline for the repair",
        "repaired_at": "Repair reported; verified from here on",
        "closed_at": "When the order was closed; null: open",
        "reopened": "How often the verification failed",
        "cost": "Cost of the repair, yuan",
        "warranty": "Covered by warranty",
        "merged_into": "Order that replaced this one",
    },
    "work_order_note": {
        "id": "Primary key",
        "order": "Work order",
        "at": "When the step was taken",
        "by": "Account that took it, or 'system'",
        "step": "New state of the order, or created, reopened, reminded",
        "text": "Words of the person",
    },
    "work_order_photo": {
        "": "Photos of repairs; hardware, no footage",
        "id": "Primary key",
        "order": "Work order",
        "at": "When the photo was uploaded",
        "by": "Account that uploaded it",
    },
    "review_verdict": {
        "": "Verdicts of persons in manual reviews",
        "id": "Primary key",
        "at": "When the verdict was given",
        "by": "Account that gave it",
        "camera": "Camera id",
        "blind": "The system had judged it normal",
        "family": "Fault family of the verdict 'faulty'",
    },
    "camera_day": {
        "": "A camera's past local day, in seconds; written once (health.kpi.camera_days)",
        "camera": "Camera id",
        "village": "Its village on that day",
        "vendor": "Its maintenance company on that day; empty: none",
        "sponsor": "Who paid for the camera, on that day; empty: unknown",
        "service": "In use, without planned work",
        "offline": "Part of service in which the camera sent nothing",
        "unknown": "Part of service for which nothing is known",
        "required": "Part of service in which its main stream was to be recorded",
        "recorded": "Part of required that was recorded",
        "inspected": "Patrol inspected it",
        "intact": "No fault of severity 1 or 2 was open at the end; null: not inspected",
        "clock_right": "Clock within 2 s; null: not known",
        "short_hole_seconds": "Length of these holes; it counts as recorded",
        "reconstructed": "Written long after the day, from the facts still there",
    },
    "written_day": {"cameras": "Number of cameras in use on it"},
    "daily_figures": {"": "Figures of each past day, by whom they concern"},
    "daily_register": {
        "figures": "Content, as it was signed",
        "digest": "SHA-256 of the content (health.register.signatures)",
        "signed_by": "Account that signed",
        "signed_at": "When it was signed",
        "remark": "Remark of the person who signed",
    },
    "register_supplement": {
        "": "Facts about a day that became known after its register was signed; signed too",
        "day": "Local day of its register",
        "figures": "Content that no earlier document of the day has",
        "digest": "SHA-256 of the previous digest and the content",
        "signed_by": "Account that signed",
        "signed_at": "When it was signed",
        "remark": "Remark of the person who signed",
    },
}


def upgrade() -> None:
    for old, new in TABLES.items():
        op.rename_table(old, new)
    for table, columns in COLUMNS.items():
        _rename_columns(table, columns.items())
    for table, old, new, columns_of in INDEXES:
        _rename_index(table, old, new, columns_of)
    if _postgresql():
        for table, old, new in CONSTRAINTS:
            op.execute(f'ALTER TABLE "{table}" RENAME CONSTRAINT {old} TO {new}')
        for old, new in SEQUENCES:
            op.execute(f"ALTER SEQUENCE {old} RENAME TO {new}")
    for table in ("fault", "review_verdict"):
        _rename_families(table, FAMILIES)
    for table, column, texts in TEXTS:
        _replace(table, column, texts)
    _write_comments()


def downgrade() -> None:
    for table, column, texts in TEXTS:
        _replace(table, column, {new: old for old, new in texts.items()})
    for table in ("fault", "review_verdict"):
        _rename_families(table, {new: old for old, new in FAMILIES.items()})
    if _postgresql():
        for table, old, new in CONSTRAINTS:
            op.execute(f'ALTER TABLE "{table}" RENAME CONSTRAINT {new} TO {old}')
        for old, new in SEQUENCES:
            op.execute(f"ALTER SEQUENCE {new} RENAME TO {old}")
    for table, columns in COLUMNS.items():
        _rename_columns(table, [(new, old) for old, new in columns.items()])
    for table, old, new, columns_of in INDEXES:
        renamed = {new_name: old_name for old_name, new_name in COLUMNS.get(table, {}).items()}
        _rename_index(table, new, old, [renamed.get(c, c) for c in columns_of])
    for old, new in TABLES.items():
        op.rename_table(new, old)


def _postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _rename_columns(table: str, names: Iterable[tuple[str, str]]) -> None:
    for old, new in names:
        op.execute(f'ALTER TABLE "{table}" RENAME COLUMN "{old}" TO "{new}"')


def _rename_index(table: str, old: str, new: str, columns: Iterable[str]) -> None:
    """Rename an index; SQLite cannot, so there it is made anew."""
    if _postgresql():
        op.execute(f"ALTER INDEX {old} RENAME TO {new}")
        return
    op.drop_index(old, table_name=table)
    op.create_index(new, table, list(columns))


def _rename_families(table: str, names: Mapping[str, str]) -> None:
    family = sa.column("family", sa.String(20))
    rows = sa.table(table, family)
    for old, new in names.items():
        op.execute(rows.update().where(family == old).values(family=new))


def _replace(table: str, column: str, texts: Mapping[str, str]) -> None:
    """Replace parts of a JSON column's text, in the rows that contain them only."""
    for old, new in texts.items():
        text, stored = f'CAST("{column}" AS TEXT)', "json" if _postgresql() else "TEXT"
        op.execute(
            sa.text(
                f'UPDATE "{table}" SET "{column}" = CAST(replace({text}, :old, :new) AS {stored}) '
                f"WHERE {text} LIKE :part ESCAPE '!'"
            ).bindparams(old=old, new=new, part=f"%{old.replace('_', '!_')}%")
        )


def _write_comments() -> None:
    if _postgresql():  # SQLite keeps no comments
        for table, columns in COMMENTS.items():
            for column, comment in columns.items():
                text = comment.replace("'", "''")
                where = f'COLUMN "{table}"."{column}"' if column else f'TABLE "{table}"'
                op.execute(sa.text(f"COMMENT ON {where} IS '{text}'".replace(":", "\\:")))
