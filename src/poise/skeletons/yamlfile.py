"""The YAML files of strangers: bounded, and every failure a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from poise import files
from poise.errors import FormatError, require, suggest

# Ten times the names of the largest data set; the reader takes about three seconds for as much.
_MAX_BYTES = 2**20
# Longest number: YAML's old base-60 form has no limit, and takes hours for a megabyte.
_LONGEST_NUMBER = 100
# Keys, values, lists and tables as they stand in the file: ten thousand class names are 20,000.
_MAX_NODES = 50_000
# Values of the whole file, each counted as often as an alias repeats it: a few lines of aliases can stand for billions.
_MAX_VALUES = 1_000_000


def yaml_table(path: Path, *, feature: str) -> dict[Any, Any]:
    """Read a YAML file of ``key: value`` lines; tags that make objects are refused.

    Args:
        path: The file.
        feature: What the user wanted, for the message when the YAML reader is missing.

    Raises:
        FormatError: It cannot be read, is not such a file, or stands for too much.
        MissingExtra: The YAML reader is not installed.
    """
    yaml = require("yaml", extra="data", feature=feature)
    try:
        text = files.read_text(path, most=_MAX_BYTES, encoding="utf-8-sig")
        table = yaml.load(text, Loader=_loader(yaml))
        if not isinstance(table, dict):
            raise FormatError(f"{path}: expected 'key: value' lines, got {type(table).__name__}")
        if _count(table, {}) > _MAX_VALUES:
            raise FormatError(f"{path}: its aliases (*name) stand for more than {_MAX_VALUES:,} values")
    except yaml.YAMLError as error:
        raise FormatError(f"{_where(path, error)}: not a readable YAML file: {_problem(error)}") from error
    except RecursionError:
        raise FormatError(f"{path}: not a readable YAML file: nested too deeply, or an alias inside itself") from None
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: not a readable YAML file: {error}") from error
    return table


# What a data set's description may say. Source: the YAML files of this field, and docs/datasets.md.
_KEYS = (
    "path", "train", "val", "test", "names", "nc", "kpt_shape", "flip_idx", "kpt_names", "skeleton", "kpt_oks_sigmas",
    "format",
)  # fmt: skip
_ALSO = {"validation": "val", "valid": "val", "keypoint_names": "kpt_names"}
# Written by other tools, and nothing that is read here.
_OTHERS = frozenset({
    "download", "roboflow", "channels", "yaml_file", "license", "licence", "author", "description", "version", "date",
    "url", "info", "minival", "colors", "contributor", "year", "task", "augment", "stuff_names",
})  # fmt: skip


def described(table: dict[Any, Any]) -> tuple[dict[Any, Any], tuple[str, ...]]:
    """Return a data set's description with keys that are only spelled differently under their names, and what to tell.

    Returns:
        The table, and a sentence for each key that was read as another or is not known.
    """
    told, found = [], dict(table)
    for key in table:
        word = str(key).strip()
        meant = _ALSO.get(word.lower().replace("-", "_"), word.lower().replace("-", "_"))
        if word in _KEYS or word.lower() in _OTHERS:
            continue
        if meant in _KEYS and meant not in table:
            found[meant] = found.pop(key)
            told.append(f"the key {word[:40]!r} is read as {meant!r}")
        else:
            told.append(f"the key {word[:40]!r} is not known and not read{suggest(word, _KEYS)}")
    return found, tuple(told)


def _loader(yaml: Any) -> Any:
    """Return the safe loader without merge keys (``<<``), which multiply as aliases do, but while they are read."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def flatten_mapping(self, node: Any) -> None:
            for key, _ in node.value:
                if key.tag == "tag:yaml.org,2002:merge":
                    raise yaml.constructor.ConstructorError(None, None, "merge keys (<<) are not read", key.start_mark)

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.nodes = getattr(self, "nodes", 0) + 1
            if self.nodes > _MAX_NODES:
                raise yaml.composer.ComposerError(
                    None, None, f"more than {_MAX_NODES:,} values", self.peek_event().start_mark
                )
            return super().compose_node(parent, index)

        def _bounded(self, node: Any, read: Any) -> Any:
            value = read(self, node) if len(node.value) <= _LONGEST_NUMBER else None
            # Whole numbers of more than 61 bits may all have the same place in a table.
            if value is None or (isinstance(value, int) and abs(value) >= 1 << 60):
                problem = "a number of too many digits"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
            return value

        def construct_yaml_int(self, node: Any) -> Any:
            return self._bounded(node, yaml.SafeLoader.construct_yaml_int)

        def construct_yaml_float(self, node: Any) -> Any:
            return self._bounded(node, yaml.SafeLoader.construct_yaml_float)

    for kind in ("int", "float"):
        Loader.add_constructor(f"tag:yaml.org,2002:{kind}", getattr(Loader, f"construct_yaml_{kind}"))
    return Loader


def _count(value: Any, known: dict[int, int]) -> int:
    """Return how many values there are with aliases written out; each container is looked at once."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in known:
        parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_count(part, known) for part in parts)
    return known[id(value)]


def _where(path: Path, error: Any) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"{path}:{mark.line + 1}" if mark is not None else str(path)


def _problem(error: Any) -> str:
    return str(getattr(error, "problem", None) or error)
