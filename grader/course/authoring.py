"""Everything an `assignment.py` needs, in one import."""

from __future__ import annotations

from decimal import Decimal

from grader.checks.accuracy import InBand
from grader.checks.configuration import Experiments, ValidationSplit
from grader.checks.data import LeakAnswered, Shown, TrainedOn
from grader.checks.epochs import Epochs, SomeEpochs, VariesEpochs
from grader.checks.evaluated import Evaluated
from grader.checks.figures import MapsShown, SomeLayerShown
from grader.checks.loss import LossFits
from grader.checks.predictions import NamedClass, Predicted
from grader.checks.select import Where
from grader.checks.structure import Architecture, Different, EveryLayerExposed, SeveralInputs
from grader.checks.written import Invariant, Written
from grader.model.assignment import Assignment, Exercise, Visibility
from grader.model.text import Text

__all__ = [
    "Architecture",
    "Assignment",
    "Decimal",
    "Different",
    "Epochs",
    "Evaluated",
    "EveryLayerExposed",
    "Exercise",
    "Experiments",
    "InBand",
    "Invariant",
    "LeakAnswered",
    "LossFits",
    "MapsShown",
    "NamedClass",
    "Predicted",
    "SeveralInputs",
    "Shown",
    "SomeEpochs",
    "SomeLayerShown",
    "Text",
    "TrainedOn",
    "ValidationSplit",
    "VariesEpochs",
    "Visibility",
    "Where",
    "Written",
]
