"""An index of the audit trail by time: an auditor asks for days, also years back."""

from alembic import op

revision = "0044"
down_revision = "0043"


def upgrade() -> None:
    op.create_index(op.f("ix_audit_at"), "audit", ["at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_audit_at"), table_name="audit")
