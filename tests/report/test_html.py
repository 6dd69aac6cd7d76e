"""The pages: what they say for each kind of outcome, to whom, and how they are built."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise

import msgspec
import pytest

from grader.model.budget import Level
from grader.model.evidence import ServedData, SklearnCall
from grader.model.outcome import Outcome
from grader.model.result import CheckResult, Status
from grader.model.text import LANGUAGES, Language, Message
from grader.report.audience import Audience
from grader.report.html import prose, render_class, render_student, templates_folder

from . import factory

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """A page's elements and its text; raises where tags do not close."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.text += "" if tag in {"a", "b", "span", "strong", "code"} else " "

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def page(outcome: Outcome, language: Language = "es", audience: Audience = "student") -> Page:
    return Page(render_student(outcome, factory.expected(), language, audience=audience))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("audience", ["student", "staff", "self-check"])
@pytest.mark.parametrize("make", factory.CLASS, ids=lambda make: make.__name__)
def test_every_outcome_has_a_sound_page(
    make: Callable[[], Outcome], audience: Audience, language: Language
) -> None:
    """Well formed, in its language, unique ids, links that lead somewhere, headings in order."""
    found = page(make(), language, audience)
    attributes = dict(found.elements)
    assert attributes["html"]["lang"] == language
    ids = [a["id"] for _, a in found.elements if "id" in a]
    assert len(ids) == len(set(ids))
    links = [a["href"] or "" for tag, a in found.elements if tag == "a"]
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    levels = [int(tag[1]) for tag, _ in found.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_the_page_is_self_contained() -> None:
    """No script, no handler, no address of anything outside; a policy that forbids them all the same."""
    for source in (
        render_student(factory.middling(), factory.expected(), "es", audience="staff"),
        render_class(factory.whole_class(), "es"),
    ):
        found = Page(source)
        assert not {tag for tag, _ in found.elements} & {"script", "link", "iframe", "object", "base", "form"}
        names = {name for _, attributes in found.elements for name in attributes}
        assert not {n for n in names if n.startswith("on")} | names & {
            "src",
            "srcset",
            "action",
            "xlink:href",
        }
        assert not re.search(r"url\(|@import|https?:", source)
        policy = next(a["content"] for tag, a in found.elements if tag == "meta" and "http-equiv" in a)
        assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_every_status_is_told_by_word_and_shape() -> None:
    """Each check's status has its word and an icon of its own: colour alone tells nothing."""
    judged = factory.mediocre()
    judged["2.model"] = CheckResult("2.model", Status.UNDECIDED, message=Message("level.not_run"))
    source = render_student(factory.outcome(judged, seen=factory.evidence()), factory.expected(), "en")
    spoken = {
        Status.PASSED: "passed",
        Status.PARTIAL: "partly right",
        Status.FAILED: "not right",
        Status.SKIPPED: "not judged: depends on another part",
        Status.REVIEW: "waiting for a person",
        Status.UNGRADED: "not graded (our problem)",
        Status.UNDECIDED: "not decided at this level",
    }
    shapes = {}
    for status, word in spoken.items():
        pill = re.search(rf'<span class="status {status}">(<svg.*?</svg>){re.escape(word)}</span>', source)
        assert pill, status
        shapes[status] = pill[1]
    assert len(set(shapes.values())) == len(spoken)


def test_earned_pending_and_gradable_are_apart() -> None:
    """Three numbers, never one sum."""
    words = page(factory.middling(), "en").words
    assert "3.42 of 7 gradable points" in words
    assert "waiting for a person: 1" in words
    assert "(the assignment's maximum is 7.5): 0.5" in words


def test_spanish_numbers() -> None:
    """A Spanish page has decimal commas."""
    assert "3,42 de 7 puntos calificables" in page(factory.middling()).words


def test_stand_in_data_are_said_plainly() -> None:
    """And only where they were used."""
    assert "did not use the real data" in page(factory.middling(), "en").words
    assert "stand-in" not in page(factory.passing(), "en").words


def test_expected_and_observed_stand_side_by_side() -> None:
    """With how well it is known, and whether it agrees."""
    words = page(factory.middling(), "en").words
    assert "Layer Conv2D 64 3×3 relu Conv2D 32 3×3 differs observed" in words
    assert "Parameters 93,322 65,546 differs verified" in words
    assert "Epochs 3 10 differs claimed" in words
    assert "Hint. Where you have Conv2D 32 3×3, Conv2D 64 3×3 relu was expected." in words


def test_the_curve_stands_against_the_band_of_its_own_recipe() -> None:
    """The band is drawn for the calibrated network, and left out for another one or other data."""
    assert "Reference band: 0.686 to 0.776" in page(factory.passing(), "en").words
    assert "Reference band" not in page(factory.middling(), "en").words


@pytest.mark.parametrize(
    "change",
    [
        {"data": ServedData("fashion_mnist", "another", "folder")},
        {"level": Level.FULL},
        {"episodes": (msgspec.structs.replace(factory.episode(), batch_size=512),)},
    ],
    ids=["data", "level", "recipe"],
)
def test_no_band_of_other_data_level_or_recipe(change: dict[str, object]) -> None:
    """A band says nothing about a run that it was not measured on."""
    assert (
        "Reference band"
        not in page(factory.outcome(factory.good(), seen=factory.evidence(**change)), "en").words
    )


def test_a_training_judged_by_two_exercises_is_shown_once() -> None:
    """And both link to it, by cell number and variable names."""
    found = page(factory.passing(), "en")
    assert sum("training" in (a.get("class") or "") for _, a in found.elements) == 1
    assert found.words.count("Training judged: code cell 5 (model, modelo_1)") == 7


def test_the_first_cause_is_explained_in_words() -> None:
    """The root error first, what follows from it apart."""
    words = page(factory.middling(), "en").words
    assert "The first error is in code cell 3 of the notebook. Start there: It imports a package" in words
    assert "Code cell 4 fails because code cell 3 never defined something it needs." in words


def test_what_was_shortened_is_said() -> None:
    """The student learns why the accuracies are lower than their own."""
    words = page(factory.passing(), "en").words
    assert "Shortened trainings: 1 of 1." in words
    assert "Calls of evaluate or predict with only a part of the rows: 1." in words


def test_what_an_estimator_was_spared_is_said() -> None:
    """Rows or iterations, once each, in both languages."""
    svm = SklearnCall(3, "SVC", "fit", shapes=((50_000, 512), (50_000,)), rows_used=2_000)
    tsne = SklearnCall(4, "TSNE", "fit_transform", shapes=((10_000, 64),), iterations_used=250)
    seen = msgspec.structs.replace(factory.evidence(), sklearn=(svm, svm, tsne))
    outcome = factory.outcome(factory.mediocre(), seen=seen)
    spanish, english = page(outcome, "es").words, page(outcome, "en").words
    assert spanish.count("SVC se ajustó con 2.000 de 50.000 filas, elegidas por clase") == 1
    assert english.count("SVC was fitted on 2,000 of 50,000 rows, drawn by class") == 1
    assert "TSNE hizo 250 iteraciones" in spanish
    assert "TSNE made 250 iterations" in english


@pytest.mark.parametrize(
    ("loop", "spanish", "english"),
    [
        ("batches", "solo se entrenó con sus primeras", "only its first"),
        ("tape", "terminó antes cada vuelta por los datos", "ended each round through the data early"),
        ("torch", "terminó antes cada vuelta por el DataLoader", "through the DataLoader early"),
    ],
)
def test_a_loop_of_one_s_own_that_was_shortened_is_said(loop: str, spanish: str, english: str) -> None:
    """One plain sentence, with the rows that were really trained on."""
    seen = factory.evidence()
    own = tuple(msgspec.structs.replace(e, loop=loop, calls=9000, rows_trained=240) for e in seen.episodes)
    seen = msgspec.structs.replace(seen, episodes=own)
    outcome = factory.outcome(factory.mediocre(), seen=seen)
    assert spanish in page(outcome, "es").words
    told = page(outcome, "en").words
    assert english in told
    assert "240" in told


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (factory.unreadable, "nothing in the hand-in that can be graded"),
        (factory.absent, "Nothing was handed in."),
        (factory.failed_by_us, "because of a problem of ours. It is not the hand-in's fault"),
        (factory.out_of_time, "Time ran out: 6 of 6 code cells were reached. What came before counts."),
    ],
)
def test_how_it_ended_in_plain_words(make: Callable[[], Outcome], sentence: str) -> None:
    """Each end has its sentence."""
    assert sentence in page(make(), "en").words


@pytest.mark.parametrize("make", [factory.absent, factory.failed_by_us], ids=lambda make: make.__name__)
def test_no_grade_is_not_a_zero(make: Callable[[], Outcome]) -> None:
    """No points at all are printed."""
    assert "gradable points" not in page(make(), "en").words


def test_students_do_not_see_what_is_for_staff() -> None:
    """A staff check keeps its points and loses its name, sentence and place; tampering is not shown."""
    source = render_student(factory.middling(), factory.expected(), "en")
    assert "Check reserved for staff" in source
    for hidden in ("Internal control of labels", "3.honest", "reach fit with their own label", "bubblewrap"):
        assert hidden not in source
    assert "evaluate was replaced" not in render_student(factory.tampered(), None, "en")
    staff = render_student(factory.tampered(), None, "en", audience="staff")
    for shown in ("Internal control of labels", "evaluate was replaced", "bubblewrap"):
        assert shown in staff


def test_a_self_check_tells_nothing_of_hidden_checks() -> None:
    """Not even their number, points or end."""
    source = render_student(factory.middling(), factory.expected(), "en", audience="self-check")
    assert "reserved for staff" not in source
    assert "The improvement claimed" not in source
    assert "2.92" in source


def test_the_class_page_names_who_and_what() -> None:
    """Everybody has a line; flags, pass rates and the hardest exercise are there."""
    found = Page(
        render_class(factory.whole_class(), "en", links=lambda o: ("staff/x.html", "reports/x.html"))
    )
    for name in ("Ana Núñez Peña", "Eva Sanz", "Fran Mora"):
        assert name in found.words
    assert "graded on a stand-in, not on the real data: 1." in found.words
    assert "signs of tampering: 1" in found.words
    assert "Least earned: exercise 1" in found.words
    assert "1 The tutorial's network 1 2 / 5 (40%) 67%" in found.words.replace("\xa0", " ")
    assert "Points a person decides 11%" in found.words.replace("\xa0", " ")


def test_an_empty_class_has_a_page() -> None:
    """Nothing was handed in by nobody."""
    assert "Results of the class" in Page(render_class([], "en")).words


def test_code_in_sentences_is_marked_and_escaped() -> None:
    """Grave accents in pairs make code; a single one is a character."""
    assert str(prose("use `a<b` & `c`")) == "use <code>a&lt;b</code> &amp; <code>c</code>"
    assert str(prose("a ` <b>")) == "a ` &lt;b&gt;"


def test_templates_are_found() -> None:
    """In a checkout and in an installed package alike."""
    assert (templates_folder() / "student.html.j2").is_file()


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _contrast(a: str, b: str) -> float:
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_contrast_is_enough(scheme: int) -> None:
    """WCAG 2 AA: 4.5 to 1 for every text colour on every ground it stands on."""
    style = (templates_folder() / "_style.css").read_text()
    block = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    pairs = [(t, g) for t in ("ink", "soft", "link") for g in ("paper", "card", "sunk")]
    pairs += [(s, f"{s}-bg") for s in map(str, Status)]
    pairs += [("ink", f"{s}-bg") for s in ("failed", "partial", "skipped")]
    pairs += [(s, "card") for s in ("passed", "failed", "partial", "train", "validation")]
    weak = {pair: round(_contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


def test_missing_evidence_is_no_obstacle() -> None:
    """A grade whose evidence is gone still has its page."""
    outcome = factory.outcome(factory.good())
    assert "6.5 of 7.5 gradable points" in page(outcome, "en").words


def test_an_episode_that_is_not_there_is_not_linked() -> None:
    """A result may name a training that the evidence does not hold."""
    outcome = factory.outcome(factory.good(), seen=msgspec.structs.replace(factory.evidence(), episodes=()))
    assert "Training judged" not in page(outcome, "en").words
