"""Turns a row of an operator table into a probe: a module made from the row's expressions, and its inputs.

The host reads the TOML, for Python 3.8 has no reader of it, and hands over a row as a dict of its keys. Checking a row
needs neither torch nor numpy, so a slip shows before anything is installed.
"""

import ast
import keyword
import linecache
import sys
import textwrap
import types

#: What a row may say beyond the settings that every probe has; all of it is text or a table of text, `script` apart.
KEYS = ("inputs", "expression", "variants", "code", "modules", "buffers", "post", "script")
_TABLES = ("inputs", "variants", "modules", "buffers", "post")
#: What expressions may name; inputs, modules and buffers may not be called so.
NAMESPACE = ("torch", "F", "nn", "math", "np")
DEFAULT_VARIANT = "default"


class RowError(Exception):
    """A row of an operator table is wrong, or something it names does not exist in this environment."""


class RowProbe:
    """A row as a probe: `build`, `inputs` and, where the row has it, `post` as a probe file would define them."""

    def __init__(self, name, row):
        wrong = problems(row)
        if wrong:
            raise RowError("; ".join("%s.%s" % (name, text) for text in wrong))
        self.name, self.row = name, row
        self.variants = list(row.get("variants", (DEFAULT_VARIANT,)))
        if "post" in row:
            self.post = self._post  # the harness asks whether a probe has one

    def build(self, variant):
        """Return the module of a variant: scripted if the row asks for it, with the modules and buffers it names."""
        if variant not in self.variants:
            raise RowError("%s.variants: no %r; there are %s" % (self.name, variant, ", ".join(self.variants)))
        module = self._compiled(variant).Row()
        _, named = self._text(variant)
        for key in _named("modules", self.row, named):
            setattr(module, key, self._value("modules", key, _torch_names()))
        for key in _named("buffers", self.row, named):
            module.register_buffer(key, self._value("buffers", key, _torch_names()))
        if not self.row.get("script"):
            return module
        import torch

        return torch.jit.script(module.eval())

    def inputs(self, size, random, variant=None):  # noqa: ARG002, a probe's inputs may depend on the variant
        """Return the inputs at `size`, in the order of the row; a later one may name an earlier one."""
        import numpy as np

        names = dict(generators(random), np=np, **size)
        made = {}
        for key in self.row["inputs"]:
            value = np.array(self._value("inputs", key, names), order="C")
            names[key] = made[key] = value.astype(np.float32) if value.dtype == np.float64 else value
        return made

    def _post(self, outputs, inputs):
        """Return what is compared instead of the outputs."""
        import numpy as np

        names = dict(inputs, **outputs)
        names.update(np=np, inputs=inputs, outputs=outputs)
        return {key: np.asarray(self._value("post", key, names)) for key in self.row["post"]}

    def source(self, variant):
        """Return the source of a variant's module, as tracebacks and TorchScript read it."""
        body, named = self._text(variant)
        # Aliases, so that an expression says `rnn(x)` and not `self.rnn(x)`; TorchScript follows them.
        aliases = [
            "%s = self.%s\n" % (key, key) for table in ("modules", "buffers") for key in _named(table, self.row, named)
        ]
        head = "class Row(nn.Module):\n    def forward(self, %s):\n" % ", ".join(self.row["inputs"])
        return head + textwrap.indent("".join(aliases) + body + "\n", " " * 8)

    def _text(self, variant):
        """Return the body of a variant's forward, and the names in it."""
        parts = [(self.row["code"], False)] if "code" in self.row else []
        if "variants" in self.row:
            parts.append((self.row["variants"][variant], True))
        elif "expression" in self.row:
            parts.append((self.row["expression"], True))
        body = "\n".join(_statements(text) if returns else _clean(text) for text, returns in parts)
        return body, {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}

    def _compiled(self, variant):
        """Return a new Python module with the class of a variant, as if it had been imported from a file."""
        source = self.source(variant)
        place = "<%s/%s>" % (self.name, variant)
        # TorchScript reads the source here, and dynamo looks a class up in the module it names.
        linecache.cache[place] = (len(source), None, source.splitlines(True), place)
        module = types.ModuleType("matrixscan_row_%s_%s" % (self.name, variant))
        vars(module).update(_torch_names())
        sys.modules[module.__name__] = module
        exec(compile(source, place, "exec"), vars(module))  # noqa: S102, probes are code
        return module

    def _value(self, table, key, names):
        try:
            return eval(_expression(self.row[table][key]), dict(names))  # noqa: S307, probes are code
        except Exception as error:
            text = "%s.%s.%s: %s: %s" % (self.name, table, key, type(error).__name__, error)
            raise RowError(text) from error


class _Generators:
    """What an expression for an input may call; every draw comes from one RandomState, in the order of the calls.

    None of it depends on how a NumPy release rounds: where inputs of two releases differ, nothing can be compared.
    """

    def __init__(self, random):
        self._random = random

    def normal(self, *shape):
        """Return standard normal numbers."""
        return self._random.standard_normal(shape).astype("float32")

    def uniform(self, low, high, *shape):
        """Return numbers between `low` and `high`."""
        return self._random.uniform(low, high, shape).astype("float32")

    def integers(self, low, high, *shape):
        """Return whole numbers from `low` to below `high`, as int64."""
        return self._random.randint(low, high, shape).astype("int64")

    def booleans(self, *shape):
        """Return truth values; the first is true and the second is not, so that neither none nor all are set."""
        drawn = self._random.randint(0, 2, shape).astype(bool)
        drawn.reshape(-1)[:2] = [True, False][: drawn.size]
        return drawn

    def multiples(self, step, low, high, *shape):
        """Return multiples of `step` from `low` to `high`: halves, boundaries and ties are met exactly."""
        return (self._random.randint(round(low / step), round(high / step) + 1, shape) * step).astype("float32")

    def choice(self, values, *shape):
        """Return entries of `values`, which keep their type."""
        return _array(values)[self._random.randint(0, len(values), shape)]

    def distinct(self, *shape):
        """Return shuffled multiples of 1/4 around 0, no two alike: no order among equals can decide."""
        count = _count(shape)
        return ((self._random.permutation(count) - count // 2) / 4.0).astype("float32").reshape(shape)

    def permutation(self, count):
        """Return 0 .. count - 1 in another order, as int64."""
        return self._random.permutation(count).astype("int64")

    def ramp(self, *shape):
        """Return 0, 1, 2, ... in this shape, as float32."""
        return _array(range(_count(shape))).astype("float32").reshape(shape)

    def lengths(self, count, longest, less):
        """Return lengths that fall from `longest` by `less` a row, at least 1, as int64."""
        return _array([max(1, longest - less * row) for row in range(count)]).astype("int64")


def generators(random):
    """Return the functions an expression for an input may call, by name."""
    made = _Generators(random)
    return {name: getattr(made, name) for name in vars(_Generators) if not name.startswith("_")}


def _array(values):
    import numpy as np

    return np.asarray(values)


def _count(shape):
    total = 1
    for length in shape:
        total *= length
    return total


def problems(row):
    """Return what is wrong with the keys of a row that make a probe of it, each as "key: what".

    Other keys are the settings of a probe, which whoever reads the table checks.
    """
    found = [
        "%s: expected %s" % (key, _expected_type(key)) for key in KEYS if key in row and not _right_type(key, row[key])
    ]
    if not row.get("inputs"):
        found.append('inputs: name at least one, for example { x = "normal(n, t)" }')
    returned = [key for key in ("expression", "variants") if key in row]
    if len(returned) == 2 or not (returned or "code" in row):  # noqa: PLR2004, both of them
        found.append("expression: a row has an expression, or variants, or code that returns")
    if found:
        return found
    for key, text, kind in _texts(row):
        found.extend("%s: %s" % (key, what) for what in _wrong_text(text, kind))
    names = [name for table in ("inputs", "modules", "buffers") for name in row.get(table, ())]
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name) or name == "self" or name in NAMESPACE:
            found.append("%s: cannot be the name of an input, a module or a buffer" % name)
        elif names.count(name) > 1:
            found.append("%s: two things have this name" % name)
    return found


def _texts(row):
    """Yield (key, text, kind) of every piece of code: it returns a value, it may not return, or it is an expression."""
    if "code" in row:
        last = "expression" not in row and "variants" not in row
        yield "code", row["code"], "returning" if last else "plain"
    if "expression" in row:
        yield "expression", row["expression"], "returning"
    for table in _TABLES:
        kind = "returning" if table == "variants" else "expression"
        for key, text in row.get(table, {}).items():
            yield "%s.%s" % (table, key), text, kind


def _wrong_text(text, kind):
    try:
        if kind == "expression":
            ast.parse(_clean(text), mode="eval", feature_version=(3, 8))
            return
        tree = ast.parse(_statements(text) if kind == "returning" else _clean(text), feature_version=(3, 8))
    except SyntaxError as error:
        yield "is not valid Python 3.8: %s" % error.msg
        return
    if any(isinstance(node, ast.Return) for node in ast.walk(tree)) != (kind == "returning"):
        yield "returns nothing" if kind == "returning" else "may not return; the expression after it does"


def _statements(text):
    """Return statements that return: the text itself, or an expression after `return`."""
    text = _clean(text)
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return text
    return "return (%s)" % text if "\n" in text else "return " + text


def _expression(text):
    return compile(_clean(text), "<row>", "eval")


def _clean(text):
    return textwrap.dedent(text).strip()


def _right_type(key, value):
    if key in _TABLES:
        return isinstance(value, dict) and bool(value) and all(isinstance(text, str) for text in value.values())
    return isinstance(value, bool if key == "script" else str)


def _expected_type(key):
    if key in _TABLES:
        return "a table of texts, with at least one"
    return "true or false" if key == "script" else "a text"


def _named(table, row, names):
    return [key for key in row.get(table, ()) if key in names]


def _torch_names():
    import math

    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional

    return {"torch": torch, "F": functional, "nn": nn, "math": math, "np": np}
