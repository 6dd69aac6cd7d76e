"""What no check of a training passes: nothing run, nothing trained."""

from __future__ import annotations

import pytest

from grader.checks.base import Rule
from grader.model.result import Status

from . import test_configuration, test_epochs, test_loss
from .factory import evidence, notebook

KNOWN = test_epochs.KNOWN
ALL = [*test_configuration.ALL, *test_epochs.ALL, *test_loss.ALL]


@pytest.mark.parametrize("check", ALL)
def test_what_was_not_run_is_ungraded(check: Rule) -> None:
    """Level static judges no behaviour."""
    assert check(evidence(cells=notebook("texto")), KNOWN).status is Status.UNGRADED


@pytest.mark.parametrize("check", ALL)
def test_without_a_training_there_is_nothing_to_pass(check: Rule) -> None:
    """Nothing trained, nothing earned."""
    assert check(evidence(), KNOWN).status is Status.FAILED
