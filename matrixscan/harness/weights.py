"""Fills a model with the same numbers under every torch release.

Torch's own initialisation differs between releases, so it is never relied on. Every tensor is drawn from
`numpy.random.RandomState`, whose stream NumPy guarantees never to change (NEP 19), seeded by probe and tensor name.
"""

import hashlib
import json

import numpy as np

_SAFETENSORS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


def generator(*names):
    """Return a RandomState seeded by the given names."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.RandomState(int.from_bytes(digest[:4], "little"))


def fill(model, probe, calibration=None):
    """Overwrite every floating parameter and normalisation statistic of `model` in place.

    Args:
        model: torch module.
        probe: probe name; the variants of a probe share their weights.
        calibration: path of a .npz with arrays by tensor name that win over the seeded ones, or None.

    Raises:
        KeyError: the calibration names a tensor the model does not have.
        ValueError: the calibration has another shape for a tensor than the model.
    """
    import torch

    state = model.state_dict()
    parameters = {name for name, _ in model.named_parameters()}
    owners = {name: type(module).__name__ for name, module in model.named_modules()}
    with torch.no_grad():
        for name, tensor in state.items():
            values = _values(name, tensor, owners.get(name.rpartition(".")[0], ""), name in parameters, probe)
            if values is not None:
                tensor.copy_(torch.from_numpy(np.array(values)).to(tensor.dtype))
        if calibration:
            with np.load(calibration, allow_pickle=False) as stored:
                for name in stored.files:
                    # copy_ alone would stretch a smaller array over the tensor.
                    if stored[name].shape != tuple(state[name].shape):
                        raise ValueError("%s of the calibration has another shape: %s" % (name, stored[name].shape))
                    state[name].copy_(torch.from_numpy(stored[name].astype(np.float32)))


def load(model, path):
    """Fill every parameter and buffer of `model` in place from the user's own .safetensors or .npz file.

    Raises:
        ValueError: the file lacks a tensor, has one too many or one of another shape, or is of another kind.
    """
    import torch

    stored, state = _read(path), model.state_dict()
    counters = {name for name in state if name.endswith("num_batches_tracked")}
    missing, unknown = sorted(set(state) - set(stored) - counters), sorted(set(stored) - set(state))
    if missing or unknown:
        words = ["%d tensors missing (%s)" % (len(missing), ", ".join(missing[:3]))] if missing else []
        words += ["%d tensors the model does not have (%s)" % (len(unknown), ", ".join(unknown[:3]))] if unknown else []
        raise ValueError("the checkpoint does not fit the model: " + "; ".join(words))
    with torch.no_grad():
        for name, array in stored.items():
            if array.shape != tuple(state[name].shape):
                raise ValueError(
                    "%s of the checkpoint has shape %s, the model's has %s"
                    % (name, array.shape, tuple(state[name].shape))
                )
            state[name].copy_(torch.from_numpy(np.array(array)).to(state[name].dtype))


def _read(path):
    """Return the arrays of a file by name. Pickles are never read: they run code."""
    if path.endswith(".npz"):
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    if not path.endswith(".safetensors"):
        raise ValueError("a checkpoint is a .safetensors or .npz file; save the state_dict as one")
    # The format (safetensors 0.x): eight bytes of header length, a JSON header, then raw little-endian data.
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")).decode("utf-8"))
        data = file.read()
    header.pop("__metadata__", None)
    return {name: _tensor(entry, data) for name, entry in header.items()}


def _tensor(entry, data):
    begin, end = entry["data_offsets"]
    raw = data[begin:end]
    if entry["dtype"] == "BF16":
        values = (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
    elif entry["dtype"] in _SAFETENSORS:
        values = np.frombuffer(raw, _SAFETENSORS[entry["dtype"]])
    else:
        raise ValueError("tensors of type %s cannot be read; store the checkpoint in another" % entry["dtype"])
    return values.reshape(entry["shape"])


def _values(name, tensor, owner, is_parameter, probe):
    leaf = name.rpartition(".")[2]
    shape = tuple(tensor.shape)
    if not tensor.is_floating_point():
        return None
    random = generator(probe, name)
    if leaf == "running_var":
        return random.uniform(0.5, 1.5, shape)
    if leaf == "running_mean":
        return 0.1 * random.standard_normal(shape)
    if not is_parameter:
        return None  # positions, windows and other constants belong to the model
    if tensor.dim() > 1:
        # He et al. 2015, fan-in form: keeps the variance of activations through ReLU layers.
        fan_in = max(1, int(np.prod(shape[1:])))
        return np.sqrt(2.0 / fan_in) * random.standard_normal(shape)
    centre = {"weight": 1.0}.get(leaf, 0.0) if "Norm" in owner else {"PReLU": 0.25}.get(owner, 0.0)
    return centre + 0.1 * random.standard_normal(shape)


def digest(model):
    """Return a sha256 over name, type, shape and bytes of every parameter and buffer."""
    total = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        array = tensor.detach().cpu().numpy()
        total.update(("%s %s %s\n" % (name, array.dtype.str, array.shape)).encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def inputs_digest(inputs):
    """Return a sha256 over name, type, shape and bytes of every input."""
    total = hashlib.sha256()
    for name, array in inputs.items():
        total.update(("%s %s %s\n" % (name, array.dtype.str, array.shape)).encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()
