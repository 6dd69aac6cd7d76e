"""What is committed as measured was measured on what is committed: nothing of it is stale."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from grader.calibration.sources import inputs_digest
from grader.calibration.validate import Soundness
from grader.course import Loaded, find_course
from grader.model.budget import Level

ROOT = Path(__file__).parents[2]
PRACTICALS = ("fashion-dense", "fashion-convnet")
COURSES = [(ROOT, id) for id in PRACTICALS] + [(ROOT / "grader" / "demo" / "course", "digits-dense")]
REMEDY = "run `grade calibrate {0}` and `grade validate {0} --write`, and look at what changed"


def loaded(root: Path, id: str) -> Loaded:
    return find_course(root).load(id)


def proofs(practical: Loaded) -> list[Soundness]:
    files = sorted(practical.reference.glob("validation.*.json"))
    return [msgspec.json.decode(file.read_bytes(), type=Soundness) for file in files]


@pytest.mark.parametrize(("root", "id"), COURSES, ids=[id for _, id in COURSES])
def test_expected_values_are_those_of_the_references(root: Path, id: str) -> None:
    """A changed reference, mutant or definition asks for a new calibration."""
    practical = loaded(root, id)
    assert practical.expected.inputs == inputs_digest(practical), REMEDY.format(id)


@pytest.mark.parametrize("id", PRACTICALS)
def test_the_proof_of_soundness_is_current(id: str) -> None:
    """At least 60 accepted runs without a false reject, 10 mutants as declared, no deviation."""
    practical = loaded(ROOT, id)
    found = proofs(practical)
    assert found, REMEDY.format(id)
    for proof in found:
        assert proof.inputs == inputs_digest(practical), REMEDY.format(id)
        assert proof.sound, proof.deviations
        assert proof.accepted_runs >= 60
        assert proof.false_rejects == 0
        assert proof.mutants >= 10
        assert proof.generic > len(proof.generic_survivors)


@pytest.mark.parametrize("id", PRACTICALS)
def test_bands_exist_where_they_are_promised(id: str) -> None:
    """`quick` on the real data and on the stand-in; `full`, where it was measured, on the real data."""
    bands = loaded(ROOT, id).expected.bands
    quick = {band.data for band in bands if band.level is Level.QUICK}
    full = {band.data for band in bands if band.level is Level.FULL}
    assert len(quick) == 2
    assert len(full) == (id in PRACTICALS)
    assert full < quick
