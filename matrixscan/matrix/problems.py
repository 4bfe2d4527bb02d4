"""Collecting every problem of a TOML file, each under its path, before anything is refused."""

from __future__ import annotations

import datetime as dt
import functools
import json
import math
import re
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from matrixscan.errors import did_you_mean

#: Reading the annotations of a struct takes longer than checking a table against them.
_fields = functools.cache(msgspec.structs.fields)

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_EXPECTED = {
    int: "a whole number",
    float: "a number",
    str: "a string",
    bool: "true or false",
    dt.date: "a date such as 2027-01-31, unquoted",
}


class Problems:
    """The problems found so far, in the order in which they were found."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __len__(self) -> int:
        return len(self.lines)

    def add(self, path: str, text: str) -> None:
        """Note one problem at a TOML path."""
        self.lines.append(f"{path}: {text}" if path else text)


def join(path: str, key: str) -> str:
    """Return the TOML path of `key` in the table at `path`, quoted where TOML would need it."""
    written = key if _BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)
    return f"{path}.{written}" if path else written


def kind_of(raw: object) -> str:
    """Name the kind of a TOML value as its author would."""
    if isinstance(raw, int | float):
        return _EXPECTED[bool] if isinstance(raw, bool) else f"the number {raw}"
    if isinstance(raw, str):
        return f"the string {raw!r}"
    names = {list: "a list", dict: "a table", dt.datetime: "a date", dt.date: "a date", dt.time: "a time"}
    return names[type(raw)]


def check_keys(raw: Mapping[str, Any], struct: type[msgspec.Struct], path: str, problems: Problems) -> None:
    """Note every key the struct does not have, and every key it needs and the table lacks."""
    fields = _fields(struct)
    known = [field.encode_name for field in fields]
    for key in raw:
        if key not in known:
            problems.add(join(path, key), f"unknown key; {did_you_mean(key, known)}")
    for field in fields:
        if field.required and field.encode_name not in raw:
            problems.add(join(path, field.encode_name), "is required")


def read_table(raw: object, struct: type[msgspec.Struct], path: str, problems: Problems) -> dict[str, Any]:
    """Convert a table key by key, so that one bad key hides no other.

    Returns:
        The values that were given and are of the right type, under the struct's field names.
    """
    if not isinstance(raw, dict):
        problems.add(path, f"expected a table, got {kind_of(raw)}")
        return {}
    check_keys(raw, struct, path, problems)
    values = {}
    for field in _fields(struct):
        if field.encode_name not in raw:
            continue
        before = len(problems)
        value = convert(raw[field.encode_name], field.type, join(path, field.encode_name), problems)
        if len(problems) == before:
            values[field.name] = value
    return values


def convert(raw: object, kind: Any, path: str, problems: Problems) -> Any:
    """Convert a TOML value to a type, noting a problem for every part of it that does not fit."""
    kind = _arm(raw, kind)
    args = typing.get_args(kind)
    origin = typing.get_origin(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(raw, dict):
        before = len(problems)
        values = read_table(raw, kind, path, problems)
        return kind(**values) if len(problems) == before else None
    if origin is tuple and isinstance(raw, list):
        return tuple(convert(item, args[0], f"{path}[{at}]", problems) for at, item in enumerate(raw))
    if origin is dict and isinstance(raw, dict):
        return {key: convert(value, args[1], join(path, key), problems) for key, value in raw.items()}
    if origin is typing.Literal and isinstance(raw, str) and raw not in args:
        problems.add(path, f"unknown value {raw!r}; {did_you_mean(raw, args)}")
        return None
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError:
        problems.add(path, f"expected {_expected(kind)}, got {kind_of(raw)}")
        return None


def _arm(raw: object, kind: Any) -> Any:
    """Return the member of a union that a value of this shape is meant for; TOML has no null."""
    if typing.get_origin(kind) not in {typing.Union, types.UnionType}:
        return kind
    arms = [arm for arm in typing.get_args(kind) if arm is not types.NoneType]
    if len(arms) == 1:
        return arms[0]
    wanted = tuple if isinstance(raw, list) else dict if isinstance(raw, dict) else None
    return next((arm for arm in arms if typing.get_origin(arm) is wanted), kind) if wanted else kind


def _expected(kind: Any) -> str:
    origin = typing.get_origin(kind)
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(_expected(arm) for arm in typing.get_args(kind) if arm is not types.NoneType)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(repr, typing.get_args(kind)))
    if origin is tuple:
        return "a list"
    is_table = origin is dict or (isinstance(kind, type) and issubclass(kind, msgspec.Struct))
    return "a table" if is_table else _EXPECTED.get(kind, "another type")


def check_positive(values: Mapping[str, Any], names: Sequence[str], path: str, problems: Problems) -> None:
    """Note every named number that is not finite and above zero."""
    for name in names:
        value = values.get(name)
        if value is not None and not 0 < value < math.inf:
            problems.add(join(path, name.replace("_", "-")), f"must be a finite number above 0, got {value}")


def check_bounds(values: Mapping[str, float | None], path: str, problems: Problems) -> None:
    """Note tolerances that are negative or not finite, and a pair that allows no difference at all."""
    for name, value in values.items():
        if value is not None and not 0 <= value < math.inf:
            problems.add(join(path, name), f"must be a finite number, 0 or more, got {value}")
    if not any(value is None or value != 0 for value in values.values()):
        problems.add(path, "rtol and atol are both 0; at least one must be above")


def check_list(items: Sequence[object], path: str, problems: Problems) -> None:
    """Note a list that is empty or says one thing twice."""
    if not items:
        problems.add(path, "is an empty list; leave the key out or name at least one")
    for at, item in enumerate(items):
        if item in items[:at]:
            problems.add(f"{path}[{at}]", f"{item!r} is listed twice")
