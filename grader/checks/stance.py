"""What a student's text says to "is there data leaking?", in Spanish or English, where it says it plainly.

Reading the wrong side costs a student points unjustly, while leaving a text to a person costs a minute:
so a side is taken only from a plain assertion ("hay data leaking", "no creo que exista fuga", "there is
no leak") or a plain answer to the question, and only when nothing else in the text says otherwise.
Definitions, conditions, hedges and talk of the tutorial's own code take no side.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from grader.checks import stance_words as words

LONGEST_TEXT = 200_000
LONGEST_SENTENCE = 2_000
"""Characters that are read: patterns must not take for ever on what a student wrote to that end."""


class Stance(StrEnum):
    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"
    """It speaks of the matter but takes no side that a program can read."""
    SILENT = "silent"


class _Finding(StrEnum):
    YES = "yes"
    NO = "no"
    DOUBT = "doubt"
    """The student is unsure, or contradicts themselves: no other sentence settles that."""
    ASIDE = "aside"
    """A definition, a condition, the tutorial: it speaks of leaking but takes no side."""


_SIDES = frozenset({_Finding.YES, _Finding.NO})
_OPENINGS = ((words.SAYS_YES, _Finding.YES), (words.SAYS_NO, _Finding.NO))


def leak_stance(text: str) -> Stance:
    """The side a text takes on "is there data leaking?".

    SILENT only when nothing in it can be an answer: a bare question is none.
    """
    found = set(_findings(_sentences(text[:LONGEST_TEXT])))
    if not found:
        return Stance.SILENT
    sides = found & _SIDES
    if len(sides) != 1 or _Finding.DOUBT in found:
        return Stance.UNCLEAR
    return Stance(sides.pop().value)


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    opens: bool
    """First of its line: what was said of the tutorial in the line before is over."""

    @property
    def asks(self) -> bool:
        return self.text.endswith("?")


def _sentences(text: str) -> list[_Sentence]:
    # A line that goes on in lower case was only wrapped.
    joined = re.sub(r"(?<![.!?:;\n])\n(?=[ \t]*[a-záéíóúñ])", " ", unicodedata.normalize("NFC", text))
    folded = re.sub(r"(?<!entre )(?<!por )(?<!en )\bsí\b", "yes", joined.casefold())
    folded = "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    folded = re.sub(r"n['’]t\b", " not", re.sub(r"[*_`\"“”¿¡]", " ", folded))
    found = []
    for line in folded.split("\n"):
        parts = (
            re.sub(r"^[\s>\-•\d.)(#]+", "", p).strip()
            for p in re.split(r";|(?<=[.!?])\s+|(?<=\?)(?=[^\W_])", line)
        )
        kept = (re.sub(r"\s+", " ", part[:LONGEST_SENTENCE]) for part in parts if part)
        found += [_Sentence(part, opens=i == 0) for i, part in enumerate(kept)]
    return found


def _findings(sentences: list[_Sentence]) -> Iterator[_Finding]:
    asked = of_others = False
    for sentence in sentences:
        of_others = of_others and not sentence.opens
        if sentence.asks or (asked and words.EXPLAIN.match(sentence.text)):
            topical = bool(words.TOPIC.search(sentence.text))
            asked = topical or (asked and bool(words.EXPLAIN.match(sentence.text)))
            if topical and words.EXPLAIN.match(sentence.text):
                yield _Finding.DOUBT  # "why is there none?" answers while it asks
            continue
        label = words.LABEL.match(sentence.text)
        answer = sentence.text[label.end() :] if label else sentence.text
        direct = _direct(answer) if asked or label else None
        if direct:
            yield direct
        elif words.TOPIC.search(answer):
            side, of_others = _topical(answer, of_others=of_others)
            yield side
        elif (label and answer) or _may_answer(answer, asked=asked):
            yield _Finding.ASIDE
        # "Data leaking:" alone asks as well as a question does.
        asked = bool(label) and not answer


def _direct(answer: str) -> _Finding | None:
    """The side of a sentence that follows the question; None when it does not begin with yes or no."""
    for pattern, side in _OPENINGS:
        match = pattern.match(answer)
        if match:
            return _confirmed(side, answer[match.end() :].strip(" .,:;!"))
    return None


def _confirmed(side: _Finding, rest: str) -> _Finding:
    """A yes or no, unless the rest of its sentence turns it or speaks of something else."""
    of_others = words.OTHERS.search(rest) and not words.OWN.search(rest)
    if rest and (words.TURN.search(rest) or not words.DATA.search(rest) or of_others):
        return _Finding.DOUBT
    if not words.TOPIC.search(rest):
        return side
    # "No, there is no leak" says it twice; "no" and then "hay data leaking" goes on what its opening denied.
    if side is _Finding.NO and _topical(rest, of_others=False)[0] is _Finding.NO:
        return side
    said, _ = _topical(f"no {rest}" if side is _Finding.NO else rest, of_others=False)
    return side if said in {side, _Finding.ASIDE} else _Finding.DOUBT


def _may_answer(sentence: str, *, asked: bool) -> bool:
    """A sentence without the word that may all the same be the answer: for a person to read."""
    if asked and any(pattern.search(sentence) for pattern in (words.HEDGE, words.DATA, words.SIDE)):
        return True
    if not words.DATA.search(sentence):
        return False
    if any(pattern.match(sentence) for pattern, _ in _OPENINGS):
        return True
    of_split = re.search(r"test|prueba", sentence) and (asked or re.search(r"valid|entren|train", sentence))
    return bool(of_split and (words.JUDGED.search(sentence) or words.HYPOTHESIS.search(sentence)))


def _topical(sentence: str, *, of_others: bool) -> tuple[_Finding, bool]:
    """(what a sentence that names the matter says, whether it ends speaking of others' code)."""
    found: set[_Finding] = set()
    own = bool(words.OWN.search(sentence) or words.THIS.search(sentence))
    for clause in (c.strip() for c in words.CLAUSES.split(sentence)):
        of_others = not words.OWN.search(clause) and (of_others or bool(words.OTHERS.search(clause)))
        if not of_others and words.TOPIC.search(clause):
            found.add(_clause(clause, own=own))
    if words.HEDGE.search(sentence):
        return _Finding.DOUBT, of_others
    # "Si, hay..." and "Si hay..., porque" answer; any other "si" is a condition.
    if words.HYPOTHESIS.search(re.sub(rf"^si{words.STOP}(?=,|.*\b(?:porque|ya que|pues)\b)", "", sentence)):
        return _Finding.ASIDE, of_others
    sides = found & _SIDES
    opening = {side for pattern, side in _OPENINGS if pattern.match(sentence)}
    if _Finding.DOUBT in found or len(sides | opening) > 1:
        return _Finding.DOUBT, of_others
    return (sides.pop() if sides else _Finding.ASIDE), of_others


def _clause(clause: str, *, own: bool) -> _Finding:
    """What one clause that names the matter says. `own`: its sentence points at the student's own code."""
    if words.AVOIDED.search(clause):
        return _Finding.DOUBT if words.NEGATION.search(clause) else _Finding.NO
    match = words.ASSERTION.match(clause)
    if match is None:
        present = words.PRESENT.search(clause)
        if present and len(words.NEGATION.findall(clause)) == (1 if present["not"] else 0):
            return _Finding.NO if present["not"] else _Finding.YES
        if words.DENIAL.search(clause):
            return _Finding.NO
        return _Finding.DOUBT if words.NEGATION.search(clause) else _Finding.ASIDE
    if match["caused"] and not own:
        return _Finding.ASIDE  # "using the test set causes leaking" may be said in general
    before = match["before"] if match["before"] is not None else match["before_verb"]
    between = match["between"] or ""
    negations = len(words.NEGATION.findall(before)) + len(words.NEGATION.findall(between))
    if negations == 0:
        # "Dudo que haya fuga": without a "no" the subjunctive doubts or denies.
        return _Finding.DOUBT if match["found"] in {"haya", "exista"} else _Finding.YES
    belongs = words.NEGATED.search(before) or words.NEGATION.search(between)
    return _Finding.NO if negations == 1 and belongs else _Finding.DOUBT
