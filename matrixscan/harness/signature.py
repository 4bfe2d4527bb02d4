"""What an ONNX file takes and gives, read from its bytes: the onnx package is in no environment that only runs.

A message of Protocol Buffers is a row of fields, each a number, a kind and a value; fields of no interest are skipped,
so that weights are never read (https://protobuf.dev/programming-guides/encoding/). The numbers are those of onnx.proto.
"""

import os

_OPSETS, _GRAPH = 8, 7  # of a ModelProto
_INITIALIZERS, _INPUTS, _OUTPUTS, _SPARSE_INITIALIZERS = 5, 11, 12, 15  # of a GraphProto
_NAME, _TENSOR_NAME, _SPARSE_VALUES = 1, 8, 1
_DOMAIN, _VERSION = 1, 2
_MORE = 0x80  # of a byte of a number: another one follows
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class NotOnnx(Exception):
    """The file is not an ONNX model."""


def signature(path):
    """Return the names of the inputs that have to be given, those of the outputs in order, and the opsets.

    Raises:
        NotOnnx: the file is something else, or was cut short.
    """
    with open(path, "rb") as file:
        try:
            return _read(file, os.path.getsize(path))
        except (ValueError, IndexError, KeyError) as error:
            raise NotOnnx("%s is not an ONNX model: %s" % (os.path.basename(path), error)) from None


def _read(file, size):
    inputs, outputs, constants, opsets = [], [], set(), {}
    for number, end in _messages(file, size):
        if number == _OPSETS:
            fields = _fields(file, end)
            opsets[fields.get(_DOMAIN, b"").decode() or "ai.onnx"] = fields.get(_VERSION, 0)
        elif number == _GRAPH:
            for kind, inner in _messages(file, end):
                if kind in (_INPUTS, _OUTPUTS):
                    (inputs if kind == _INPUTS else outputs).append(_fields(file, inner)[_NAME].decode())
                elif kind == _INITIALIZERS:
                    constants.add(_fields(file, inner, _TENSOR_NAME).get(_TENSOR_NAME, b"").decode())
                elif kind == _SPARSE_INITIALIZERS:
                    constants.add(_sparse_name(file, inner))
    if not outputs or not opsets:
        raise ValueError("it has no graph with outputs")
    return {"inputs": [name for name in inputs if name not in constants], "outputs": outputs, "opsets": opsets}


def _sparse_name(file, end):
    for number, inner in _messages(file, end):
        if number == _SPARSE_VALUES:
            return _fields(file, inner, _TENSOR_NAME).get(_TENSOR_NAME, b"").decode()
    return ""


def _messages(file, end):
    """Yield number and end of each field that may be a message; the file stands at its start, and then behind it."""
    while file.tell() < end:
        number, kind, value = _field(file, end)
        if kind == _BYTES:
            yield number, value
            file.seek(value)


def _fields(file, end, only=None):
    """Return texts and whole numbers of a small message by field number; with `only`, that field alone."""
    found = {}
    while file.tell() < end:
        number, kind, value = _field(file, end)
        if kind == _BYTES and only in (None, number):
            found[number] = file.read(value - file.tell())
        elif kind == _BYTES:
            file.seek(value)
        else:
            found[number] = value
    return found


def _field(file, end):
    """Return number, kind and value of the next field; of a row of bytes, where it ends."""
    key = _varint(file)
    number, kind = key >> 3, key & 7
    if kind == _VARINT:
        return number, kind, _varint(file)
    if kind not in (_FIXED64, _BYTES, _FIXED32) or not number:
        raise ValueError("a field of it is of no known kind")
    length = _varint(file) if kind == _BYTES else 8 if kind == _FIXED64 else 4
    if file.tell() + length > end:
        raise ValueError("it ends within a field")
    if kind != _BYTES:
        return number, kind, file.read(length)
    return number, kind, file.tell() + length


def _varint(file):
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)[0]
        value |= (byte & ~_MORE) << shift
        if not byte & _MORE:
            return value
    raise ValueError("a number in it has no end")
