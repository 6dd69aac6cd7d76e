"""What the student's page shows, ready to be laid out: templates decide nothing."""

from __future__ import annotations

from dataclasses import dataclass

from grader.model.text import Language
from grader.report.audience import Audience
from grader.report.curve import Curve
from grader.report.failures import Failure


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a list of facts: a label and what it says."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Callout:
    """Something the reader must not miss. `tone` is note, warning or problem; `word` says it too."""

    tone: str
    word: str
    text: str


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of the bar of points. Shares are percentages of the maximum."""

    kind: str
    label: str
    points: str
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Total:
    earned: str
    gradable: str
    pending: str
    ungraded: str
    undecided: str
    maximum: str
    has_pending: bool
    has_ungraded: bool
    has_undecided: bool
    segments: tuple[Segment, ...]
    sentence: str
    """The whole bar in words, for who cannot see it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison."""

    what: str
    expected: str
    observed: str
    provenance: str
    provenance_word: str
    agrees: bool
    agrees_word: str


@dataclass(frozen=True, slots=True)
class LayerRow:
    position: int
    kind: str
    shape: str
    params: str
    details: str


@dataclass(frozen=True, slots=True)
class CurveWords:
    """All that is written in and around the curve."""

    title: str
    description: str
    train: str
    validation: str
    test: str
    band: str
    band_note: str
    x_labels: tuple[str, ...]
    y_labels: tuple[str, ...]
    epochs: tuple[tuple[str, str, str], ...]
    """The same as a table: epoch, training, validation."""


@dataclass(frozen=True, slots=True)
class Training:
    """The training that checks of one exercise judged."""

    anchor: str
    label: str
    facts: tuple[Fact, ...]
    notes: tuple[str, ...]
    curve: Curve | None
    curve_words: CurveWords | None
    layers: tuple[LayerRow, ...]
    layers_caption: str


@dataclass(frozen=True, slots=True)
class CheckView:
    id: str
    title: str
    status: str
    status_word: str
    earned: str
    points: str
    worth: bool
    """False for a check without points: it informs."""
    message: str
    hint: str
    rows: tuple[Row, ...]
    training: tuple[str, str] | None
    """(anchor, label) of the training it judged."""
    staff_note: str
    """Who may see it, when not everybody; only on the staff's page."""


@dataclass(frozen=True, slots=True)
class ExerciseView:
    id: str
    anchor: str
    title: str
    earned: str
    """With a word where something is pending."""
    points_so_far: str
    """The number alone, where what is pending stands beside it."""
    points: str
    share: float
    """Earned points in percent of the exercise's."""
    pending: str
    """"" when nothing is pending."""
    summary: tuple[tuple[str, str], ...]
    """(status, its word with the number of checks that ended so), best first."""
    checks: tuple[CheckView, ...]
    trainings: tuple[Training, ...]


@dataclass(frozen=True, slots=True)
class StudentPage:
    language: Language
    audience: Audience
    title: str
    """Of the browser's tab."""
    assignment: str
    student: str
    facts: tuple[Fact, ...]
    staff_facts: tuple[Fact, ...]
    callouts: tuple[Callout, ...]
    state_sentence: str
    total: Total | None
    exercises: tuple[ExerciseView, ...]
    causes: tuple[Failure, ...]
    """Failed cells that nothing else explains."""
    consequences: tuple[Failure, ...]
    budget: tuple[str, ...]
    """What was shortened, and what that means."""
