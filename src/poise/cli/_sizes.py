"""Sizes of pictures as people write them on the command line."""

from __future__ import annotations

import re

_PAIR = re.compile(r"[\[(]?\s*([0-9]+)\s*[,xX]\s*([0-9]+)\s*[\])]?")


def sizes(words: list[str]) -> list[str]:
    """Turn ``--imgsz 320,192`` into what commands take: export height and width, all others the longer side.

    Example:
        >>> sizes(["predict", "a.jpg", "--imgsz", "320,192"]), sizes(["export", "a.pt", "--imgsz=[320, 192]"])
        (['predict', 'a.jpg', '--imgsz', '320'], ['export', 'a.pt', '--imgsz', '320', '192'])
    """
    out: list[str] = []
    for i, word in enumerate(words):
        option, equals, value = word.partition("=")
        if equals and option == "--imgsz" and _PAIR.fullmatch(value):
            out.append(option)
            word = value
        elif not (i and words[i - 1] == "--imgsz"):
            out.append(word)
            continue
        pair = _PAIR.fullmatch(word)
        if pair is None:
            out.append(word)
        elif words[0] == "export":
            out += [pair[1], pair[2]]
        else:
            out.append(str(max(int(pair[1]), int(pair[2]))))
    return out
