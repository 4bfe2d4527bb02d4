"""A model as the harness sees it: one module, or a chain of modules with the probe's own logic between them.

A lone module is a chain of one stage whose name is empty, so that both take the same path.
"""

import copy

import numpy as np

from . import weights
from .probe import flatten, load_probe


class Chain:
    """Modules by stage name, and what runs them one after the other.

    Attributes:
        stages: module by name, in the order of the probe's block.
        outputs: names of each stage's outputs once eager has run it, where the probe's block leaves them out.
    """

    def __init__(self, spec, built):
        self.spec = spec
        self.single = not isinstance(built, dict)
        self.stages = {"": built} if self.single else dict(built)
        declared = [name for name in spec["stages"] if name]
        given = [name for name in self.stages if name]
        if given != declared or not (given or self.single):
            raise ValueError(
                "build() gives the stages %s, the probe's block names %s"
                % (", ".join(given) or "none", ", ".join(declared) or "none")
            )
        self.outputs = {}

    def whole(self):
        """Return one module that holds every stage, for what concerns all weights at once."""
        import torch

        return self.stages[""] if self.single else torch.nn.ModuleDict(self.stages)

    def dynamic(self, stage):
        """Return {tensor: {axis: name}} of a stage."""
        declared = self.spec["stages"][stage]["dynamic"]
        return {name: {int(axis): label for axis, label in axes.items()} for name, axes in declared.items()}

    def label(self, stage):
        """Return how a stage is called in file names."""
        return stage or "model"

    def run(self, inputs, call, side):
        """Run the chain with `call(stage, feeds) -> list of arrays` in place of its modules.

        Returns:
            The outputs of the whole by name, and what each stage was given and gave: stage -> [(feeds, arrays)].
        """
        trace = {name: [] for name in self.stages}

        def caller(stage):
            def called(**feeds):
                # Copies: a pipeline may work in place on what it gave and was given, and the trace shall not change.
                feeds = feeds if self.single else {name: np.array(value) for name, value in feeds.items()}
                arrays = call(stage, feeds)
                trace[stage].append((feeds, arrays if self.single else copy.deepcopy(arrays)))
                return dict(zip(self.outputs[stage], arrays))

            return called

        callers = {name: caller(name) for name in self.stages}
        if self.single:
            return callers[""](**inputs), trace
        return dict(load_probe(self.spec).pipeline(callers, copy.deepcopy(inputs), side)), trace

    def eager(self, stages=None):
        """Return a `call` that runs the modules themselves, or the given ones in their place."""
        modules = stages or self.stages

        def call(stage, feeds):
            named = forward(modules[stage], feeds)
            declared = self.spec["stages"][stage]["outputs"]
            names = declared or [name for name, _ in named]
            if len(names) != len(named):
                raise Mislabelled(
                    "the probe names %d outputs%s, eager gives %d"
                    % (len(names), " of stage %s" % stage if stage else "", len(named))
                )
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                # Of those with one name only the last would be compared.
                raise Mislabelled("several outputs are called %s; name them under `outputs`" % ", ".join(twice))
            self.outputs[stage] = list(names)
            return [array for _, array in named]

        return call


class StoredChain(Chain):
    """A chain without its modules, as a run side knows it: what the stages are and what their outputs are called."""

    def __init__(self, spec, head):
        self.spec = spec
        self.single = head["single"]
        self.stages = dict.fromkeys(head["stages"])
        self.outputs = head["outputs"]


class Mislabelled(Exception):
    """The probe's block says something else than its model does."""


def forward(module, feeds):
    """Run one module without gradients and return its flattened outputs with their names."""
    import torch

    with torch.no_grad():
        return flatten(module(*tensors(feeds)))


def tensors(feeds):
    """Return arrays as a tuple of tensors that do not share memory with them."""
    import torch

    return tuple(torch.from_numpy(np.array(array)) for array in feeds.values())


def prepare(chain, spec):
    """Give every module its seeded weights, calibrated statistics or the user's own; return the digest of all."""
    model = chain.whole()
    # Gradients stay on, as in a plain call of an exporter: without them some modules of torch take a fused way in eval
    # mode that exporters do not know.
    model.eval()
    if spec["checkpoint"]:
        weights.load(model, spec["checkpoint"])
    else:
        weights.fill(model, spec["name"], spec["weights"])
    return weights.digest(model)
