"""A network whose middle says by itself what it becomes when TorchScript traces it: `body` is its code."""

SOURCE = """\
import numpy as np
import torch

TRACED = torch.jit.is_tracing


def inputs(size, random):
    return {{"x": random.standard_normal((size["n"], 4, 9)).astype(np.float32)}}


def build(variant):
    return Net()


class Inner(torch.nn.Module):
    def forward(self, x):
        {body}


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv1d(4, 5, 3, padding=1)
        self.inner = Inner()
        self.last = torch.nn.Conv1d(5, 4, 1)

    def forward(self, x):
        return torch.tanh(self.last(self.inner(torch.relu(self.first(x)))))
"""
