"""The end of the demo."""

from __future__ import annotations

import pytest

from tests.demo import Demo, kept_its_promises

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_the_demo_is_complete_and_cleans_up(running_demo: Demo) -> None:
    """The whole main task, with the demo's own exit status; the last test, because it ends the demo."""
    kept_its_promises(running_demo.stop(), running_demo.run)
