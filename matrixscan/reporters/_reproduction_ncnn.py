"""The parts of a reproduction's script that takes a module through pnnx and ncnn, as far as the stage that fails."""

from __future__ import annotations

from string import Template

from matrixscan.reporters._reproduction_code import VALUES

#: What the functions need of the standard library.
STDLIB = ("re", "shutil", "subprocess", "tempfile")
FROM = ("importlib metadata", "importlib.util find_spec")
VERSIONS = '*("%s %s" % (name, metadata.version(name)) for name in ("torch", "pnnx", "ncnn", "numpy"))'

_CONVERT = '''\
class Unusable(Exception):
    """pnnx ended with 0 and left something that ncnn cannot use."""


def convert(module, inputs, folder):
    with torch.no_grad():
        torch.jit.trace(module, inputs, check_trace=False, strict=False).save(str(folder / "model.pt"))
    program = shutil.which("pnnx", path=find_spec("pnnx").submodule_search_locations[0])
    command = [program, "model.pt", *SHAPES, "fp16=%d" % HALF]
    done = subprocess.run(command, cwd=str(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        print(done.stdout.decode("utf-8", "replace")[-1500:])
        ended = "was killed by signal" if done.returncode < 0 else "ended with"
        raise RuntimeError("pnnx %s %d" % (ended, abs(done.returncode)))
    wanted = "model.ncnn.param", "model.ncnn.bin", "model_ncnn.py", "model.pnnx.param"
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise Unusable("pnnx ended with 0 and did not write " + ", ".join(missing))
'''

_CHECK = '''\
def check(folder):
    """Of ncnn's own layers none has a dot or a colon in its name; of PyTorch's operators all have."""
    lines = (folder / "model.ncnn.param").read_text().splitlines()[2:]
    left = [line for line in lines if re.search("[.:]", line.split()[0])]
    if left:
        print("\\n".join(left))
        raise Unusable("pnnx ended with 0 and left operators of PyTorch, which ncnn does not have")
'''

_OPEN = """\
def opened(folder):
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = $THREADS
    net.opt.use_vulkan_compute = False
    net.opt.use_bf16_storage = False
    for switch in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic"):
        setattr(net.opt, switch, $RUN_HALF)
    for name, file in (("load_param", "model.ncnn.param"), ("load_model", "model.ncnn.bin")):
        code = getattr(net, name)(str(folder / file))
        if code:
            raise NcnnError("%s returned %d" % (name, code))
    return net
"""

_RUN = """\
#: How the script that pnnx writes beside a model hands over inputs and outputs: which axis is the batch stands there.
#: Older releases of ncnn have tensors without it, where it is taken away and put back.
INPUT = r'\\("in(\\d+)", ncnn\\.Mat\\(in\\d+(?:\\.squeeze\\((\\d+)\\))?\\.numpy\\(\\)(?:, batch_index=(\\d+))?\\)'
OUTPUT = r"from_numpy\\((?:np\\.array\\(out(\\d+)\\)|out(\\d+)\\.numpy\\(batch_index=(\\d+)\\))\\)"
OUTPUT += r"(?:\\.unsqueeze\\((\\d+)\\))?"
NO_BATCH = 233


def run(net, inputs, folder):
    import ncnn

    script = (folder / "model_ncnn.py").read_text()
    used = re.findall(r"^pnnx\\.Input +pnnx_input_(\\d+) ", (folder / "model.pnnx.param").read_text(), re.MULTILINE)
    extractor = net.create_extractor()
    for at, squeezed, kept in re.findall(INPUT, script):
        array, axis = inputs[int(used[int(at)])].numpy(), int(squeezed or kept or NO_BATCH)
        array = array.astype(np.int32) if array.dtype == np.int64 else array
        has_batch = axis != NO_BATCH and kept and hasattr(ncnn.Mat, "batch")
        array = np.ascontiguousarray(array if axis == NO_BATCH or has_batch else array.squeeze(axis))
        mat = ncnn.Mat(array, batch_index=axis) if has_batch else ncnn.Mat(array)
        code = extractor.input("in" + at, mat.clone())
        if code:
            raise NcnnError("input in%s returned %d" % (at, code))
    outputs = []
    for old, new, kept, unsqueezed in re.findall(OUTPUT, script):
        code, mat = extractor.extract("out" + (old or new))
        if code or mat.empty():
            raise NcnnError("extract out%s returned %d%s" % (old or new, code, "" if code else " and an empty tensor"))
        axis = int(kept or unsqueezed or NO_BATCH)
        if kept and hasattr(ncnn.Mat, "batch"):
            outputs.append(mat.numpy(batch_index=axis).copy())
        else:
            outputs.append(np.array(mat) if axis == NO_BATCH else np.expand_dims(np.array(mat), axis))
    return outputs
"""

#: Stage -> what it adds to the script, and how `attempt` does it.
_STAGES = {
    "export": (_CONVERT, "    convert(module, inputs, folder)\n"),
    "check": (_CHECK, "    check(folder)\n"),
    "load": (_OPEN, "    net = opened(folder)\n"),
    "run": (_RUN, "    given = ($GIVEN)\n    seen = run(net, given, folder)\n"),
    "compare": ("", "    with torch.no_grad():\n        return module(*given), seen\n"),
}

_ATTEMPT = """\
def attempt():
    module, inputs = module_and_inputs()
    folder = Path(tempfile.mkdtemp())
"""

COMPARE = Template(
    """\
$STDLIB

import numpy as np
$IMPORTS

HERE = Path(__file__).resolve().parent
$CONSTANTS
NAME, AT, RTOL, ATOL = $NAME, $AT, $RTOL, $ATOL


"""
    + VALUES.replace("$", "$$")
    + """

$BODY

def flat(value):
    if isinstance(value, torch.Tensor):
        return [value.numpy()]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else ()
    return [array for item in items for array in flat(item)]


def main():
    print($VERSIONS)
    expected, seen = attempt()
    return judged(flat(expected)[AT], seen[AT])


if __name__ == "__main__":
    sys.exit(main())
"""
)


def way(stage: str, fields: dict[str, str]) -> str:
    """Return the functions that go from a module as far as a stage, and `attempt`, which does."""
    names = list(_STAGES)
    parts = [_STAGES[name] for name in names[: names.index(stage) + 1]]
    functions = [function for function, _ in parts if function]
    text = "\n\n".join([*functions, _ATTEMPT + "".join(call for _, call in parts)])
    return Template(text).safe_substitute(fields)
