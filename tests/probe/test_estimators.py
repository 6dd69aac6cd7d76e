"""scikit-learn under a budget, in a real kernel."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from driver import NO_CAPS, QUICK, Run, run_cells

from grader.evidence import wire
from grader.probe.estimators import stratified

BUDGET = {**QUICK, "estimator_rows": 100, "tsne_steps": 100_000}
SETUP = """
import numpy as np
from sklearn.svm import SVC, LinearSVC
from sklearn.neighbors import KNeighborsClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
draw = np.random.default_rng(0)
y = np.arange(1200) % 3
x = draw.normal(size=(1200, 5)) + y[:, None]
names = np.array(["a", "b", "c"])[y]
"""
CELLS = {
    "setup": SETUP,
    "svc": """
m = SVC(kernel="linear").fit(x, names)
print((m.shape_fit_[0], m.predict(x).shape, m.classes_.tolist(), bool(m.score(x, names) > 0.5)))
""",
    "keywords": "m = SVC(); m.fit(y=names, X=x, sample_weight=np.ones(1200)); print(m.shape_fit_[0])",
    "linear": "LinearSVC().fit(x[:400], y[:400]); LinearSVC().fit(x, y)",
    "neighbours": "m = KNeighborsClassifier().fit(x, y); print((m.n_samples_fit_, m.predict(x).shape))",
    "forest": "m = RandomForestClassifier(5).fit(list(map(list, x)), list(y)); print(m.predict(x).shape)",
    "search": """
m = GridSearchCV(SVC(), {"C": [1, 10]}, cv=3).fit(x, y)
print((m.best_estimator_.shape_fit_[0], m.best_params_["C"] in (1, 10)))
""",
    "own folds": "GridSearchCV(SVC(), {'C': [1]}, cv=[(np.arange(50), np.arange(1100, 1200))]).fit(x, y)",
    "pipeline": """
m = make_pipeline(StandardScaler(), SVC()).fit(x, y)
print((int(m[0].n_samples_seen_), m[1].shape_fit_[0], m.predict(x).shape))
""",
    "tsne": """
t = TSNE(max_iter=400, random_state=0)
print((t.fit_transform(x[:300]).shape, bool(t.n_iter_ < 350), t.max_iter))
few = TSNE(max_iter=300, perplexity=5, random_state=0); _ = few.fit_transform(x[:50])
""",
    "pca": "print((PCA(2).fit_transform(x).shape, PCA(2).fit(x).n_samples_))",
}


@pytest.fixture(scope="module")
def run() -> Run:
    return run_cells(list(CELLS.values()), BUDGET)


def printed(run: Run, name: str):
    cell = run.cells[list(CELLS).index(name)]
    assert cell.ok, cell.error
    return ast.literal_eval(cell.text.strip())


def calls(run: Run, name: str, method: str = "fit") -> list[wire.Sklearn]:
    cell = list(CELLS).index(name)
    assert run.cells[cell].ok, run.cells[cell].error
    return [call for call in run.all(wire.Sklearn) if call.cell == cell and call.method == method]


def test_the_probe_itself_had_no_trouble(run):
    """No fault of ours was swallowed on the way."""
    assert run.trouble == ""
    assert not run.all(wire.Tamper)


def test_an_svm_is_fitted_on_a_part_and_predicts_everything(run):
    """A hundred rows of all classes; the shapes as the student gave them are told beside."""
    assert printed(run, "svc") == (100, (1200,), ["a", "b", "c"], True)
    [call] = calls(run, "svc")
    assert (call.rows_used, call.shapes, call.params["kernel"]) == (100, ((1200, 5), (1200,)), "linear")
    assert {c.rows_used for c in calls(run, "svc", "predict")} == {0}
    assert printed(run, "keywords") == 100


def test_what_costs_less_gets_more_rows(run):
    """Five times as many; fewer than that stay as they are."""
    assert [call.rows_used for call in calls(run, "linear")] == [0, 500]
    assert printed(run, "neighbours") == (500, (1200,))
    assert printed(run, "forest") == (1200,)
    assert [call.rows_used for call in calls(run, "forest")] == [500]


def test_a_search_is_cut_as_a_whole(run):
    """Its folds are made of the rows that are left; folds by position leave them all."""
    assert printed(run, "search") == (100, True)
    assert [call.rows_used for call in calls(run, "search")] == [100]
    assert [call.estimator for call in calls(run, "own folds")] == ["GridSearchCV"]


def test_a_step_of_a_pipeline_is_cut(run):
    """The scaler sees all rows; the pipeline's call says what its last step got."""
    assert printed(run, "pipeline") == (1200, 100, (1200,))
    assert [(c.estimator, c.rows_used) for c in calls(run, "pipeline")] == [("Pipeline", 100)]


def test_tsne_makes_fewer_iterations_and_keeps_every_row(run):
    """The object holds the number that the student wrote; few rows keep it."""
    assert printed(run, "tsne") == ((300, 2), True, 400)
    first, second = calls(run, "tsne", "fit_transform")
    assert (first.iterations_used, first.params["max_iter"], second.iterations_used) == (333, 400, 0)


def test_pca_sees_everything(run):
    """It costs little."""
    assert printed(run, "pca") == ((1200, 2), 1200)


def test_full_fits_on_every_row():
    """Nothing is cut."""
    run = run_cells([SETUP, CELLS["svc"]], NO_CAPS)
    assert ast.literal_eval(run.cells[1].text.strip())[0] == 1200
    assert {c.rows_used for c in run.all(wire.Sklearn)} == {0}


def test_the_rows_are_drawn_by_class():
    """In proportion, the rarest included, the same for the same seed, none twice."""
    y = np.array([0] * 900 + [1] * 99 + [2])
    index = stratified(y, 1000, 100, seed=1)
    assert len(set(index.tolist())) == 100
    assert abs(np.bincount(y[index]) - [90, 9, 1]).max() <= 1
    assert np.array_equal(index, stratified(y, 1000, 100, seed=1))
    assert not np.array_equal(index, stratified(y, 1000, 100, seed=2))


@pytest.mark.parametrize("y", [np.random.default_rng(0).random(1000), np.eye(10)[np.arange(1000) % 10]])
def test_what_has_no_classes_is_drawn_at_random(y):
    """Numbers to be predicted, and one-hot labels."""
    assert len(set(stratified(y, 1000, 100, seed=1).tolist())) == 100
