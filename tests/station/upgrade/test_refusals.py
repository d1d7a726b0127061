"""What an upgrade refuses."""

from __future__ import annotations

import pytest

from core.errors import MinwangError, StorageError
from station.install.layout import Layout
from station.install.upgrade import state as states
from tests.station.upgrade.releases import current, install, make_release, upgrade


@pytest.mark.long
def test_what_is_refused_changes_nothing(layout: Layout) -> None:
    with pytest.raises(MinwangError, match="no station is installed here"):
        upgrade(layout, str(layout.releases))
    a, b = make_release(layout, "a"), make_release(layout, "b")
    install(layout, b)
    with pytest.raises(MinwangError, match="is older than"):
        upgrade(layout, str(layout.releases / a.name))
    with pytest.raises(MinwangError, match="no release from before"):
        upgrade(layout, "--rollback")
    with pytest.raises(MinwangError, match="give one of"):
        upgrade(layout)
    assert upgrade(layout, "--resume") == 0
    c = make_release(layout, "c")
    layout.settings.write_text(layout.settings.read_text() + "[web2]\n")  # a key that the new release does not know
    with pytest.raises(StorageError, match="unknown key 'web2'"):
        upgrade(layout, str(layout.releases / c.name))
    assert current(layout) == b.name and not layout.state.exists()


@pytest.mark.long
def test_a_database_newer_than_the_release_is_refused(layout: Layout) -> None:
    a, b = make_release(layout, "a", migration=True), make_release(layout, "b")
    install(layout, a)
    with pytest.raises(MinwangError, match="the database has version 9000"):
        upgrade(layout, str(layout.releases / b.name))


def test_a_damaged_state_is_said(layout: Layout) -> None:
    for text in ("", "{}", '{"stage": "dancing"}'):
        layout.state.write_text(text)
        with pytest.raises(StorageError, match=r"upgrade\.json"):
            states.load(layout.state)
