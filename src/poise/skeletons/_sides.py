"""Left and right in the names of keypoints, in the writings that labelling tools and their users have.

A side is sure where it is a word of its own (``left_eye``, ``L_Eye``, ``eyeLeft``). Any other writing (``leftear``,
``lhip``, ``FL``, ``topleft``, ``左耳``) counts where the name of the other side is there too: ``rhip`` beside ``lhip``
are a pair, a ``lip`` without a ``rip`` is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

# A side is a word of its own: left_eye, eye_left, L_Eye, leftEye and eyeLeft, but not upright or Lip.
_SIDE = re.compile(
    r"(?<![A-Za-z])(?:left|right|Left|Right|LEFT|RIGHT|[lrLR])(?![a-z])|(?<=[a-z0-9])(?:Left|Right|[LR])(?![a-z])"
)
_OTHER = {"left": "right", "Left": "Right", "LEFT": "RIGHT", "l": "r", "L": "R"}
_OTHER |= {right: left for left, right in _OTHER.items()}

# Left and right, or the stems of these words, in the languages that label files were seen in or are likely in. They
# may stand anywhere in a name, as its counterpart must be there.
_WORDS = (
    ("left", "right"), ("west", "east"), ("nw", "ne"), ("sw", "se"), ("lft", "rgt"), ("lt", "rt"), ("lhs", "rhs"),
    ("port", "starboard"),
    ("左", "右"), ("hidari", "migi"), ("zuo", "you"), ("왼", "오른"), ("좌", "우"),
    ("link", "recht"), ("gauche", "droite"), ("gauche", "droit"), ("izquierd", "derech"), ("izq", "der"),
    ("sinistr", "destr"), ("sinistr", "dextr"), ("sx", "dx"), ("sin", "dex"), ("esquerd", "direit"), ("esq", "dir"),
    ("esquerr", "dret"), ("vänster", "höger"), ("vanster", "hoger"), ("venstre", "højre"), ("venstre", "høyre"),
    ("vasen", "oikea"), ("vasemma", "oikea"), ("лев", "прав"), ("лів", "прав"), ("ляв", "десн"), ("lew", "praw"),
    ("lev", "prav"), ("lijev", "desn"), ("bal", "jobb"), ("stâng", "drept"), ("stang", "drept"), ("sol", "sağ"),
    ("sol", "sag"), ("kiri", "kanan"), ("trái", "phải"), ("αριστερ", "δεξι"), ("שמאל", "ימין"), ("يسر", "يمن"),
    ("أيسر", "أيمن"), ("يسار", "يمين"), ("چپ", "راست"), ("बा", "दा"), ("ซ้าย", "ขวา"),
)  # fmt: skip
# Of these a single name tells that sides are meant, also without its counterpart.
_TELLING = re.compile(
    "左|右|왼|오른|links|rechts|gauche|droite|izquierd|derech|sinistr|esquerd|direit|vänster|höger|venstre|лев[аоы]|прав[аоы]"
)
_LEFTS = ("左", "왼", "links", "gauche", "izquierd", "sinistr", "esquerd", "vänster", "venstre", "лев")
_ENGLISH = re.compile(r"^(left|right)|(left|right)$")
_NO_SIDE = frozenset({"upright", "bright", "cleft", "fright", "outright", "wright", "leftover", "copyright", "aright"})
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_SHORT = 3  # letters of a token, such as FL or TL1, in which the side may be anywhere
_LONGEST = 100  # characters of a name that are searched for sides within words


def mirror_name(name: str) -> str:
    """Exchange the words ``left`` and ``right`` (also ``l`` / ``r``) in a keypoint name.

    Example:
        >>> mirror_name("left_eye"), mirror_name("R_F_Paw"), mirror_name("eyeLeft"), mirror_name("upright")
        ('right_eye', 'L_F_Paw', 'eyeRight', 'upright')
    """
    return _SIDE.sub(lambda word: _OTHER[word[0]], name)


def derive_flip(keypoints: Sequence[str]) -> tuple[int, ...]:
    """Pair keypoints whose names differ only in their side; the others map to themselves.

    Example:
        >>> derive_flip(["nose", "left_eye", "right_eye"]), derive_flip(["FL", "FR", "tail", "rhip", "lhip"])
        ((0, 2, 1), (1, 0, 2, 4, 3))
    """
    flip = list(range(len(keypoints)))
    for a, b in pairs(tuple(keypoints)):
        flip[a], flip[b] = b, a
    return tuple(flip)


def sides_of(keypoints: Sequence[str]) -> list[int]:
    """Return -1 for each left keypoint, 1 for a right one, 0 for neither.

    A lone letter is a side only where the other letter's keypoint is there too: ``L_Eye`` beside ``R_Eye``.
    """
    sides = [_alone(name) for name in keypoints]
    for left, right in pairs(tuple(keypoints)):
        sides[left], sides[right] = -1, 1
    return sides


def lone_sides(keypoints: Sequence[str]) -> tuple[str, ...]:
    """Return the names that seem to have a side and whose other side is not there.

    Example:
        >>> lone_sides(["left_eye", "nose", "leftear", "rightear", "upright"])
        ('left_eye',)
    """
    paired = {i for pair in pairs(tuple(keypoints)) for i in pair}
    return tuple(name for i, name in enumerate(keypoints) if i not in paired and (_alone(name) or _lettered(name)))


@lru_cache(maxsize=256)
def pairs(keypoints: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Return the pairs of keypoints, left and right, that the names tell; each name is in one pair at most.

    The surest writing pairs first. Where several names could be the other side, none is taken.
    """
    index = {name: i for i, name in enumerate(keypoints)}
    partner: dict[int, int] = {}
    for i, name in enumerate(keypoints):
        other = index.get(mirror_name(name), i)
        if other != i and i not in partner:
            partner[i], partner[other] = other, i
    lefts = [i for i, name in enumerate(keypoints) if i in partner and _alone(name, letters=True) < 0]
    found = [(i, partner[i]) for i in lefts]
    for level in (_words, _stems, _letters, _inner_letters):
        open_ = [i for i in range(len(keypoints)) if i not in partner]
        for left, right in _match(open_, keypoints, level):
            partner[left], partner[right] = right, left
            found.append((left, right))
    return tuple(found)


# A name without its side, and which side it had.
_Reading = tuple[str, int]


def _match(
    rows: Sequence[int], keypoints: Sequence[str], level: Callable[[str], Iterator[_Reading]]
) -> list[tuple[int, int]]:
    """Pair names of which one way to read them differs in the side alone, where it is the only such pair of both."""
    known: dict[_Reading, set[int]] = {}
    for i in rows:
        if len(keypoints[i]) <= _LONGEST:
            for reading in level(keypoints[i]):
                known.setdefault(reading, set()).add(i)
    partners: dict[int, set[int]] = {}
    for (base, side), lefts in known.items():
        for i in lefts if side < 0 else ():
            for j in known.get((base, 1), ()):
                if i != j:
                    partners.setdefault(i, set()).add(j)
                    partners.setdefault(j, set()).add(-1 - i)
    pairs = []
    for i, others in partners.items():
        if len(others) == 1 and (j := next(iter(others))) >= 0 and partners[j] == {-1 - i}:
            pairs.append((i, j))
    return pairs


def _words(name: str) -> Iterator[_Reading]:
    """Read a side that is a word of its own, however the name is divided and capitalised."""
    word = _SIDE.search(name)
    if word is not None:
        yield _plain(_SIDE.sub("*", name)), -1 if word[0][0] in "lL" else 1


def _stems(name: str) -> Iterator[_Reading]:
    """Read left and right of any language anywhere in the name."""
    folded = name.casefold()
    for number, (left, right) in enumerate(_WORDS):
        for side, word in ((-1, left), (1, right)):
            if word in folded:
                # Only words of one language are each other's other side.
                yield f"{number} {_plain(folded.replace(word, '*'))}", side


def _letters(name: str) -> Iterator[_Reading]:
    """Read an l or r at the begin or end of a word, and anywhere in a short one: lhip, earR, FL, TL1."""
    for start, word in ((m.start(), m[0]) for m in _TOKEN.finditer(name)):
        places = range(len(word)) if len(word) <= _SHORT else (0, len(word) - 1)
        yield from _spelled(name, start, places)


def _inner_letters(name: str) -> Iterator[_Reading]:
    """Read an l or r beside the first or last letter of a word, where that says front, hind, top …: flpaw, pawlf."""
    for start, word in ((m.start(), m[0]) for m in _TOKEN.finditer(name)):
        if len(word) > _SHORT:
            beside = ((1, word[0]), (len(word) - 2, word[-1]))
            yield from _spelled(name, start, [place for place, letter in beside if letter.lower() in "fbhmtur"])


def _spelled(name: str, start: int, places: Iterable[int]) -> Iterator[_Reading]:
    for place in places:
        letter = name[start + place]
        if letter in "lLrR":
            base = f"{name[: start + place]}*{name[start + place + 1 :]}"
            yield _plain(base), -1 if letter in "lL" else 1


def _plain(name: str) -> str:
    return re.sub(r"[^\w*]|_", "", name.casefold())


def _alone(name: str, *, letters: bool = False) -> int:
    """Return the side that a name tells by itself: -1, 1, or 0 for none."""
    word = _SIDE.search(name)
    if word is not None and (letters or len(word[0]) > 1):
        return -1 if word[0][0] in "lL" else 1
    if letters or len(name) > _LONGEST:
        return 0
    folded = name.casefold()
    for token in re.findall(r"[a-z]+", folded):
        english = _ENGLISH.search(token)
        if english is not None and token not in _NO_SIDE:
            return -1 if english[0] == "left" else 1
    told = set(_TELLING.findall(folded))
    sides = {-1 if word.startswith(_LEFTS) else 1 for word in told}
    return sides.pop() if len(sides) == 1 else 0


def _lettered(name: str) -> bool:
    """Return whether a lone l or r stands beside a word, as in L_Eye; L1 may be a vertebra."""
    word = _SIDE.search(name)
    return word is not None and len(word[0]) == 1 and re.search(r"[^\W\d_]{3}", name) is not None
