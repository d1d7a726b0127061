"""Whether an alert was right: the one definition, for figures, for a subject's rate of false alarms, and for muting.

The last word of a person counts: of whoever closed the alert; of whoever rejected it or took it back; of the officer
who answered that he caught the subject, or that it was a false alarm; of whoever looked at its picture and sent it out.
That nobody was seen there says nothing about the picture. A duplicate repeats another alert, and what went out by the
approver's rule was judged by nobody yet: both are unknown.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, case, false, null, true

from cases.tables import Alert, AlertAnswer, AlertOutcome, AlertState

AUTOMATIC = "auto"  # `confirmed_by` of an alert that went out by the approver's rule


def is_true_alarm() -> ColumnElement[bool | None]:
    """Expression over the columns of Alert: true, false, or null where nobody has judged it."""
    return case(
        (Alert.outcome == AlertOutcome.TRUE_ALARM, true()),
        (Alert.outcome == AlertOutcome.FALSE_ALARM, false()),
        (Alert.outcome == AlertOutcome.DUPLICATE, null()),
        (Alert.state.in_((AlertState.REJECTED, AlertState.RECALLED)), false()),
        (Alert.answer == AlertAnswer.CAUGHT, true()),
        (Alert.answer == AlertAnswer.FALSE_ALARM, false()),
        (Alert.confirmed_by != AUTOMATIC, true()),
        else_=null(),
    )
