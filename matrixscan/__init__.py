"""Measure which PyTorch, ONNX and ONNX Runtime combinations export and run a model correctly."""

__version__ = "0.1.0"
