"""The description of the interface (OpenAPI) in the form in which the page `/docs` shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Field:
    """A parameter, or a field of a body or an answer."""

    name: str
    type: str
    note: str


@dataclass(frozen=True)
class Operation:
    """A request that the interface answers.

    Attributes:
        method, path: such as `GET` and `/api/health`.
        summary: what it does.
        subject: the heading under which it is listed.
        parameters, body, answer: what it takes and returns; `many` answers are a list.
    """

    method: str
    path: str
    summary: str
    subject: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answer: tuple[Field, ...]
    many: bool


def operations_of(schema: Mapping[str, Any]) -> list[Operation]:
    """Return the operations of a description, in its order.

    Args:
        schema: as FastAPI makes it.
    """
    models = schema.get("components", {}).get("schemas", {})
    found = []
    for path, methods in schema["paths"].items():
        for method, content in methods.items():
            parameters = tuple(_parameter(each, models) for each in content.get("parameters", ()))
            answers = (value for code, value in content["responses"].items() if code.startswith("2"))
            answer = _json_schema(next(answers, {}))
            many = answer.get("type") == "array"
            found.append(
                Operation(
                    method.upper(),
                    path,
                    content.get("description", content.get("summary", "")).replace("`", ""),
                    next(iter(content.get("tags", ())), "other"),
                    parameters,
                    _fields(_json_schema(content.get("requestBody", {})), models),
                    _fields(answer["items"] if many else answer, models),
                    many,
                )
            )
    return found


def _json_schema(part: Mapping[str, Any]) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = part.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def _parameter(parameter: Mapping[str, Any], models: Mapping[str, Any]) -> Field:
    schema = parameter["schema"]
    note = parameter.get("description", "")
    if "default" in schema and schema["default"] not in ("", None):
        note = f"{note} (default: {schema['default']})".strip()
    return Field(f"{parameter['name']} ({parameter['in']})", _type(schema, models), note)


def _fields(schema: Mapping[str, Any], models: Mapping[str, Any]) -> tuple[Field, ...]:
    if "$ref" in schema:
        schema = models[schema["$ref"].rpartition("/")[2]]
    return tuple(
        Field(name, _type(each, models), each.get("description", ""))
        for name, each in schema.get("properties", {}).items()
    )


def _type(schema: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    """Return the type of a value in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        inner = ", ".join(models[name].get("properties", ()))
        return f"{{{inner}}}"
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        return " or ".join(_type(each, models) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'], models)}"
    return str(schema.get("type", "any"))
