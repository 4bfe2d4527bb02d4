"""TorchScript through pnnx to ncnn, the inference library for phones.

pnnx ends with 0 whatever it left undone, and ncnn says what went wrong in return codes alone, so nothing here is
believed without a look. A tensor of ncnn has no batch axis before the releases of 2026-10; pnnx says in the Python file
it writes beside the model which axis of which tensor it took for the batch, and so what has to be taken away and put
back.
"""

import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from . import Unsupported, Unusable

_PNNX_SECONDS = 1800.0
_WORDS = 1500  # of a tool's last words, kept in an error
_MAGIC = "7767517"  # first line of a .param of this layout
NO_BATCH = 233  # pnnx's own mark of a tensor without a batch axis
_INPUT = re.compile(r'\("in(\d+)", ncnn\.Mat\(in\d+(?:\.squeeze\((\d+)\))?\.numpy\(\)(?:, batch_index=(\d+))?\)')
_OUTPUT = re.compile(
    r"from_numpy\((?:np\.array\(out(\d+)\)|out(\d+)\.numpy\(batch_index=(\d+)\))\)(?:\.unsqueeze\((\d+)\))?"
)
_USED_INPUT = re.compile(r"^pnnx\.Input +pnnx_input_(\d+) ", re.MULTILINE)
#: What ncnn's layers read, as pnnx spells it; indices are made int32 on the way in.
_TYPES = {"float32": "f32", "int32": "i32", "int64": "i64"}


class NcnnError(Exception):
    """A call of ncnn returned an error code."""


class Exporter:
    NAME = "pnnx"
    FORMAT = "ncnn"
    SUFFIX = ".param"
    OPSETS = (0,)
    PRECISIONS = ("fp32", "fp16")

    @staticmethod
    def unsupported(opset, precision):
        """Return why this exporter does not exist here, or None."""
        return None if _binary() else "this combination has no pnnx"

    @staticmethod
    def export(model, inputs, path, outputs, dynamic, opset, precision):
        """Write the .param and beside it the .bin of the weights and a .json of what its tensors are called."""
        import torch

        shape, shape2 = shapes(inputs, dynamic)
        # Of the dozen files pnnx leaves two are the model.
        with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
            source = os.path.join(folder, "model.pt")
            with torch.no_grad():
                torch.jit.trace(model, tuple(inputs.values()), check_trace=False, strict=False).save(source)
            command = [_binary(), "model.pt", "inputshape=" + shape, "fp16=%d" % (precision == "fp16")]
            words = _run_pnnx(command + (["inputshape2=" + shape2] if shape2 != shape else []), folder)
            wanted = "model.ncnn.param", "model.ncnn.bin", "model_ncnn.py", "model.pnnx.param"
            written = [os.path.join(folder, name) for name in wanted]
            missing = [os.path.basename(file) for file in written if not os.path.isfile(file)]
            if missing:
                raise Unusable("pnnx ended with 0 and did not write %s: %s" % (", ".join(missing), words))
            tensors = _tensors(_read(written[2]), _read(written[3]), list(inputs))
            for file, target in zip(written, (path, _beside(path, ".bin"))):
                shutil.move(file, target)
        with open(_beside(path, ".json"), "w") as file:
            json.dump(dict(tensors, names=list(outputs)), file)

    @staticmethod
    def check(path):
        """Return the layers of the model.

        Raises:
            Unusable: the files are not whole, or hold operators that pnnx passed over and ncnn does not have.
        """
        layers, blobs = _layers(path)
        # Of ncnn's own layers none has a dot; aten::pow, torch.eq, Tensor.expand, pnnx.Expression are PyTorch's.
        left = collections.Counter(kind for kind in layers if "." in kind or ":" in kind)
        if left:
            words = ", ".join("%s (%d)" % item if item[1] > 1 else item[0] for item in sorted(left.items()))
            raise Unusable("pnnx ended with 0 and left operators of PyTorch, which ncnn does not have: " + words)
        with open(_beside(path, ".json")) as file:
            tensors = json.load(file)
        wanted = {"out%d" % index for index in range(len(tensors["names"]))}
        if not wanted <= blobs:
            raise Unusable("pnnx ended with 0 and left out " + ", ".join(sorted(wanted - blobs)))
        return {"operators": dict(sorted(collections.Counter(layers).items()))}


class Runner:
    NAME = "ncnn"
    READS = "ncnn"
    PRECISIONS = ("fp32", "fp16", "fp16-run")
    WITNESS = False
    PACKAGES = ("ncnn",)

    @staticmethod
    def unsupported(precision):
        """Return why this runner does not exist here, or None."""
        import importlib.util

        return None if importlib.util.find_spec("ncnn") else "this combination has no ncnn"

    @staticmethod
    def load(path, threads, precision):
        """Return the network and what its tensors are called.

        ncnn computes in half by default wherever the processor can, so every one of its switches is set.
        """
        import ncnn

        net = ncnn.Net()
        net.opt.num_threads = threads
        net.opt.use_vulkan_compute = False
        net.opt.use_bf16_storage = False
        # On x86-64 they reach few layers: of the tried ones, fully connected layers on single vectors.
        for switch in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic"):
            setattr(net.opt, switch, precision == "fp16-run")
        _load("load_param", net.load_param, path)
        _load("load_model", net.load_model, _beside(path, ".bin"))
        with open(_beside(path, ".json")) as file:
            return net, json.load(file)

    @staticmethod
    def input_names(handle):
        """Return the names of the inputs the artifact kept."""
        return [entry["name"] for entry in handle[1]["inputs"]]

    @staticmethod
    def run(handle, feeds):
        """Return the outputs in the order of the model's."""
        net, tensors = handle
        extractor = net.create_extractor()
        feed(extractor, tensors, feeds)
        return [_extracted(extractor, entry) for entry in tensors["outputs"]]


def feed(extractor, tensors, feeds):
    """Give an extractor its inputs."""
    mats = [_mat(entry, feeds[entry["name"]]) for entry in tensors["inputs"]]
    for entry, mat in zip(tensors["inputs"], mats):
        _refuse("input " + entry["blob"], extractor.input(entry["blob"], mat))


def _binary():
    """Return the program inside the installed package, or None; importing the package would import torch."""
    import importlib.util

    found = importlib.util.find_spec("pnnx")
    for folder in (found.submodule_search_locations or []) if found else []:
        for name in ("pnnx", "pnnx.exe"):
            if os.path.isfile(os.path.join(folder, name)):
                return os.path.join(folder, name)
    return None


def shapes(inputs, dynamic):
    """Return the shapes of the inputs as pnnx reads them, and those with every dynamic axis doubled.

    pnnx runs the model at both and keeps dynamic what differs.
    """
    texts, texts2 = [], []
    for name, tensor in inputs.items():
        kind = str(tensor.dtype).replace("torch.", "")
        if kind not in _TYPES or not tensor.dim():
            raise Unsupported("ncnn takes no input like %s (%s, %d axes)" % (name, kind, tensor.dim()))
        axes = dynamic.get(name, {})
        texts.append(_text(tensor.shape, kind))
        texts2.append(_text([2 * size if axis in axes else size for axis, size in enumerate(tensor.shape)], kind))
    return ",".join(texts), ",".join(texts2)


def _text(shape, kind):
    return "[%s]%s" % (",".join(map(str, shape)), _TYPES[kind])


def _run_pnnx(command, folder):
    """Run pnnx and return its last words; what it says goes to the harness's log."""
    try:
        done = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_PNNX_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError("pnnx did not end within %d s" % _PNNX_SECONDS) from None
    text = done.stdout.decode("utf-8", "replace")
    sys.stderr.write(text)
    words = text.strip()[-_WORDS:]
    if done.returncode:
        end = "was killed by signal %d" % -done.returncode if done.returncode < 0 else "ended with %d" % done.returncode
        raise RuntimeError("pnnx %s: %s" % (end, words))
    return words


def _read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _tensors(script, graph, names):
    """Return what ncnn calls the inputs and outputs, and which axis of each is the batch.

    Args:
        script: the Python file that pnnx writes beside the model.
        graph: pnnx's own .param, before the inputs that nothing uses were left out and the others counted anew.
        names: of the inputs, in the order of forward's parameters.
    """
    used = [names[int(at)] for at in _USED_INPUT.findall(graph)]
    inputs, outputs = [], []
    for at, squeezed, kept in _INPUT.findall(script):
        batch = int(squeezed or kept or NO_BATCH)
        inputs.append({"blob": "in" + at, "name": used[int(at)], "batch": batch, "kept": bool(kept)})
    for old, new, kept, unsqueezed in _OUTPUT.findall(script):
        batch = int(kept or unsqueezed or NO_BATCH)
        outputs.append({"blob": "out" + (old or new), "batch": batch, "kept": bool(kept)})
    if len(inputs) != len(used) or not outputs:
        raise Unusable("pnnx wrote a model_ncnn.py of %d inputs and %d outputs" % (len(inputs), len(outputs)))
    return {"inputs": inputs, "outputs": outputs}


def _layers(path):
    """Return the type of every layer and the names of all tensors in a .param."""
    lines = [line.split() for line in _read(path).splitlines() if line.strip()]
    if lines[:1] != [[_MAGIC]] or [line[:1] for line in lines[1:2]] != [[str(len(lines[2:]))]]:
        raise Unusable("pnnx ended with 0 and left a .param that is not whole")
    layers, blobs = [], set()
    for kind, _, bottoms, tops, *rest in lines[2:]:
        layers.append(kind)
        blobs.update(rest[int(bottoms) : int(bottoms) + int(tops)])
    return layers, blobs


def _beside(path, suffix):
    return os.path.splitext(path)[0] + suffix


def _mat(entry, array):
    """Return an input as ncnn's, without a batch axis where it has none."""
    import ncnn
    import numpy as np

    if array.dtype == np.int64:
        array = array.astype(np.int32)
    axis = entry["batch"]
    if axis != NO_BATCH:
        if entry["kept"] and hasattr(ncnn.Mat, "batch"):
            return ncnn.Mat(np.ascontiguousarray(array), batch_index=axis).clone()
        if array.shape[axis] != 1:
            who = "this release of ncnn" if entry["kept"] else "a model of this release of pnnx"
            raise Unsupported("%s has no batch axis, and %s has %d" % (who, entry["name"], array.shape[axis]))
        array = array.squeeze(axis)
    return ncnn.Mat(np.ascontiguousarray(array)).clone()


def _extracted(extractor, entry):
    """Return an output as an array, with the batch axis where the model had it."""
    import ncnn
    import numpy as np

    code, mat = extractor.extract(entry["blob"])
    _refuse("extract " + entry["blob"], code)
    axis = entry["batch"]
    if mat.empty():
        raise NcnnError("extract %s returned 0 and an empty tensor" % entry["blob"])
    if entry["kept"] and hasattr(ncnn.Mat, "batch"):
        return mat.numpy(batch_index=axis).copy()
    array = np.array(mat)
    return array if axis == NO_BATCH else np.expand_dims(array, axis)


def _refuse(what, code, words="its words are in the log"):
    if code:
        raise NcnnError("%s returned %d: %s" % (what, code, words))


def _load(what, call, path):
    """Make a call whose reason for failing is written to standard error by native code."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            code = call(path)
        finally:
            os.dup2(before, 2)
            os.close(before)
        file.seek(0)
        words = file.read().decode("utf-8", "replace").strip()
    sys.stderr.write(words and words + "\n")
    _refuse(what, code, words[-_WORDS:] or "no words")
