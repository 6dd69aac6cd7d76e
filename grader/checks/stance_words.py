"""The vocabulary that `grader.checks.stance` reads: Spanish and English, as regular expressions.

They meet texts in lower case, without accents and with "n't" as " not"; "sí" has become "yes", for "si"
is "if" as well.
"""

from __future__ import annotations

import re


def _any(alternatives: str) -> str:
    """A group of alternatives, written with " | " between them and over as many lines as they need."""
    return "(?:" + " ".join(alternatives.split()).replace(" | ", "|") + ")"


NOUN = _any(
    r"""(?:(?:data|information)\W?\s*)?(?:le[ae]c?k(?:ing|age|eo|s)?|filtracion(?:es)?) | contaminacion |
    fugas?(?: de (?:datos|informacion))? | filtrado de datos"""
)
LEAKS = r"se (?:esta |estan )?filtra(?:n|ndo)?|estan? filtrando|contamina"
TOPIC = re.compile(rf"\b(?:{NOUN}|{LEAKS})\b")

_BETWEEN = _any(
    """un | una | a | any | some | the | el | la | ningun | ninguna | tipo | nada | algo | un poco | caso |
    claro | clara | cierto | cierta | evidente | grave | problemas? | de | of | clear | kind | also | indeed |
    here | no | not | yes | haya | exista | hay | en | problem | with | certain"""
)
"""Words that may stand between "there is" and "a leak" without changing what is said."""
_FOUND = _any(
    """hay | haya | existe | exista | hubo | habia | tenemos | tengo | hemos tenido | he tenido | tiene |
    hemos cometido | cometemos | cometo | (?:estamos|estoy) (?:haciendo|cometiendo|teniendo) | ocurre |
    se (?:esta )?(?:produce|produciendo|da|dando|comete|cometiendo|genera|generando) | se ha producido |
    he detectado | detecto |
    detectamos | observo | observamos | veo | vemos | aprecio | presenta | considero |
    (?:esto|eso|ello|lo cual|lo que) es | there(?: is|'s| was| are) | is there | we have | i have | have |
    has | (?:this|that|it|which) is | suffers from"""
)
_CAUSED = _any(
    """provoca | causa | supone | implica | constituye | genera | produce | introduce | causes | leads to |
    introduces"""
)
ASSERTION = re.compile(
    rf"(?P<before>.*?)\b(?:(?P<found>{_FOUND})|(?P<caused>{_CAUSED}))\s+(?P<between>(?:{_BETWEEN}\s+){{0,5}}?){NOUN}\b"
    rf"|(?P<before_verb>.*?)\b(?:{LEAKS})\b"
)
DENIAL = re.compile(
    rf"^(?:(?:no|none|nada de)\s+{NOUN}|.*\b(?:sin|without)\s+(?:{_BETWEEN}\s+){{0,3}}{NOUN})\b"
)
PRESENT = re.compile(
    rf"\b{NOUN}\s+(?P<not>(?:no|not|ya no|does not|is not)\s+)?"
    r"(?:esta presente|existe|aparece|ocurre|se produce|se da|present|exists?|occurs?|happens?)\b"
)
"""The noun first: "el data leaking esta presente"."""
NEGATION = re.compile(r"\b(?:no|ni|tampoco|nunca|jamas|sin|not|never|without|nor|cannot|none)\b")
_WITH_VERB = _any(
    """se | me | nos | he | hemos | creo | considero | pienso | opino | diria | parece | veo | observo |
    think | believe | that | que | there | we | i | have | actually | really | is"""
)
NEGATED = re.compile(rf"\b(?:no|tampoco|nunca|not|never)\s+(?:{_WITH_VERB}\s+)*$")
"""A "no" that belongs to the verb which follows."""
AVOIDED = re.compile(
    r"\b(?:evito|evitamos|(?:he|hemos|se ha) evitado|(?:i|we) (?:have )?avoid(?:ed)?)\b"
    r"|(?:para|to) (?:evitar|avoid)\b.*\b"
    + _any(
        """he | hemos | uso | usamos | utilizo | utilizamos | separo | separamos |
        (?:i|we) (?:use|used|have|split|took|take|keep|kept)"""
    )
    + r"\b"
)
HEDGE = re.compile(
    r"\b"
    + _any(
        r"""no (?:lo )?se(?: si| que| como| muy| bien| seguro|$|[,.]) | no estoy segur | no tengo claro |
        no entiendo | puede (?:que|haber) | podri | quiza | tal vez | a lo mejor | depende | discutible |
        posible | algunos | explica | es cierto | es verdad | falso | false | no solo | riesgo | risk | dud |
        (?:podemos|puede|puedo) (?:decir|afirmar|asegurar|descartar|pensar|hablar) | might | maybe | may be |
        perhaps | not sure | unsure | not know | whether | depends | could | possibl | not only | arguabl |
        probabl | apenas | hardly | doubt | niego | deny | nadie | nobody | quien dice | profesor |
        tampoco es | (?:pero|but) not?\b"""
    )
)
HYPOTHESIS = re.compile(
    r"\b"
    + _any(
        r"""si\b | if\b | hubier | hubies | habria | seria\b | tendria | deberi | hay que | cuando\b |
        para que\b | when\b | would\b | should\b | must\b | important |
        (?:quit|correg|corrij|elimin|solucion|arregl|remov|fix)"""
    )
)
OTHERS = re.compile(r"tutorial|original|enunciado|ejemplo|example")
OWN = re.compile(
    r"\b"
    + _any(
        r"""mi | mio | mia | mis | nuestr\w+ | yo | he | hemos | uso | usamos | implementa\w+ | adapta\w+ |
        aqui | igual | respeta\w+ | my | mine | our | ours | we | i | here | same | en cambio |
        al contrario | a diferencia | unlike | contrary"""
    )
    + r"\b"
)
THIS = re.compile(r"\b(?:esto|eso|ello|lo cual|lo que|this|that|which)\b")
CLAUSES = re.compile(
    r"[,:()]|\s[-–—]+\s|\b"
    + _any(
        """porque | ya que | pues | puesto que | dado que | debido a | pero | aunque | sin embargo |
        asi que | por lo que | por tanto | por lo tanto | luego | because | since | so | but | although |
        though | however | therefore"""
    )
    + r"\b"
)
_ABOUT = r"(?:con )?respecto al?|en cuanto al?|sobre (?:el|la|si)|acerca de(?:l| la)?|regarding|about|as for"
LABEL = re.compile(
    rf"^(?:(?:{_ABOUT}) (?:si hay |la |el |the )?{NOUN}\s*[,:]|{NOUN}\s*(?::|=+>?|-+>|→|[-–—]+\s|$))\s*"
)
_LEAD = (
    r"^(?:(?:pues|bueno|yo|en mi opinion|en mi caso|claramente|evidentemente|obviamente|clearly|well|r|"
    r"respuesta|answer)[,.:]?\s+)*"
)
STOP = (
    r"(?=\s*(?:[,.:;!]|$|porque|ya que|pues|puesto|dado|debido|because|since|as\b|que (?:hay|existe)|"
    rf"hay\s*(?:[,.:;!]|$|porque|ya que|pues)|(?:hay|existe)\s+(?:{_BETWEEN}\s+){{0,3}}{NOUN}))"
)
"""What follows a "no" or an unaccented "si" that answers, unlike "no he separado..." and "si usamos..."."""
_BELIEVE = r"(?:creo|diria|pienso|considero|opino|parece) que "
SAYS_YES = re.compile(
    rf"{_LEAD}(?:(?:{_BELIEVE}|claro que )?(?:yes\b|si{STOP})|efectivamente|desde luego|i think so|of course|"
    r"(?:hay|existe|there is)(?=\s*(?:[,.:;!]|$|porque|ya que|pues|because|since)))"
)
SAYS_NO = re.compile(
    rf"{_LEAD}(?:(?:{_BELIEVE})?no{STOP}|no (?:lo hay|existe\b(?! {NOUN}))|ya no\s*[,.:;]|"
    r"en absoluto|para nada|ningun[oa]|none|nope|not at all|"
    r"i do not think so)"
)
EXPLAIN = re.compile(
    r"(?:y |and )?(?:por que|why)\b|(?:justifica|razona|explica|argumenta|justify|explain)\b"
)
"""How a question goes on: "Is there data leaking? Why? Explain your answer."."""
TURN = re.compile(r"\b(?:pero|aunque|sin embargo|salvo|excepto|but|although|though|however|except)\b")
DATA = re.compile(
    _any(
        r"""test | prueba | valid | train | entren | dato | conjunto | split | imagen | image | data |
        \bset\b | \bhay\b | existe | there | particion"""
    )
)
JUDGED = re.compile(
    _any(
        r"""optimis | sesg | trampa | independ | solo | nunca | \bno (?:se )?(?:us|toc|v) | dos veces |
        \bonly | never | not (?:used|seen) | bias | cheat | unseen | twice"""
    )
)
SIDE = re.compile(r"\b(?:yes|no|not|none)\b")
