"""Every result that a test of a check brings about can be said in every language."""

from __future__ import annotations

import pytest

from grader.checks import base
from grader.messages import render
from grader.model.result import CheckResult
from grader.model.text import LANGUAGES


@pytest.fixture(autouse=True)
def _sayable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence whose placeholder no check fills would be met by a student first."""

    def said(*args: object) -> CheckResult:
        result = CheckResult(*args)  # type: ignore[arg-type]
        messages = [result.message, *(row.what for row in result.comparisons)]
        messages += [result.hint] if result.hint else []
        for message in messages:
            if "." in message.key:  # tests of the base class use keys of their own
                for language in LANGUAGES:
                    assert render(message, language)
        return result

    monkeypatch.setattr(base, "CheckResult", said)
