"""Write the page of the server's paths from its OpenAPI description: ``python docs/site/api.py``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "api.md"
_HEAD = """# What the server answers

Written from the server's own description, `GET /openapi.json`, by `python docs/site/api.py`. How to run and protect it:
[A server](serve.md).

Every error is `{"error": "one sentence"}`. These may come from any path: 400 (the request is broken), 401 (a token is
needed, or it is wrong), 403 (a page of another site may not ask), 421 (the server is not asked for under this name).
"""
_FLAT = re.compile(r"\[\s+([^\[\]{}]*?)\s+\]")
_ANYWHERE = {"400", "401", "403", "421"}


def page() -> str:
    """Return the page's text."""
    from poise.server import create_app

    about = create_app().openapi()
    parts = [_HEAD]
    for path, methods in about["paths"].items():
        parts += [_path(path, method, told) for method, told in methods.items()]
    parts.append(about["info"]["description"].strip() + "\n")
    return "\n".join(parts)


def _path(path: str, method: str, told: dict[str, Any]) -> str:
    lines = [f"## `{method.upper()} {path}`", "", f"{told['summary']}.", ""]
    if body := told.get("requestBody", {}).get("content"):
        lines += [f"Body: {', '.join(f'`{kind}`' for kind in body)}.", ""]
        fields = body.get("multipart/form-data", {}).get("schema", {}).get("properties", {})
        if fields:
            asked = {one["name"] for one in told.get("parameters", [])}
            both = "Fields of the form; those that are no files may stand in the query as well" if asked else "Fields"
            lines += [f"{both}:", "", "| field | is | default | |", "|---|---|---|---|"]
            lines += [_row(name, schema) for name, schema in fields.items()]
            lines += [""]
    lines += ["| answer | is | as |", "|---|---|---|"]
    for code, answer in told["responses"].items():
        # FastAPI describes an answer of its own to wrong paths, which this server does not give.
        if code not in _ANYWHERE and answer["description"] != "Validation Error":
            kinds = ", ".join(f"`{kind}`" for kind in answer.get("content", {}))
            words = {"Successful Response": "Done."}.get(answer["description"], answer["description"])
            lines.append(f"| {code} | {words} | {kinds} |")
    example = next(iter(_examples(told)), None)
    if example is not None:
        lines += ["", "For example:", "", "```json", example, "```"]
    return "\n".join([*lines, ""])


def _row(name: str, schema: dict[str, Any]) -> str:
    default = f"`{json.dumps(schema['default'])}`" if "default" in schema else ""
    return f"| `{name}` | {_kind(schema)} | {default} | {schema.get('description', '')} |"


def _kind(schema: dict[str, Any]) -> str:
    """Say in words what a value may be."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        most = f", at most {schema['maxItems']}" if "maxItems" in schema else ""
        return f"one or several: {_kind(schema['items'])}{most}"
    kind = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
    words = "file" if schema.get("format") == "binary" else kind.get(schema.get("type", ""), "as in a stream")
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None and most is None:
        return words
    return f"{words} from {least}" + ("" if most is None else f" to {most}")


def _examples(told: dict[str, Any]) -> list[str]:
    """Return the examples of the first good answer, as JSON that fits a line of the page or is wrapped."""
    found = []
    for code, answer in told["responses"].items():
        for kind in answer.get("content", {}).values():
            if code.startswith("2") and "example" in kind:
                text = json.dumps(kind["example"], ensure_ascii=False)
                found.append(text if len(text) <= 110 else _wrapped(kind["example"]))
    return found


def _wrapped(value: Any) -> str:
    """Return JSON with a line for each key, and lists of numbers in one line."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return _FLAT.sub(lambda found: f"[{', '.join(part.strip() for part in found[1].split(','))}]", text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
