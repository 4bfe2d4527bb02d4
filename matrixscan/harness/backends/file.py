"""A model that was there before, under `[artifact]`: nothing is exported, the file is taken as it is (adopt.py)."""


class Exporter:
    NAME = "file"
    FORMAT = "onnx"
    SUFFIX = ".onnx"
    OPSETS = (0,)
    PRECISIONS = ("fp32",)

    @staticmethod
    def unsupported(opset, precision):
        """Return why a probe cannot be exported with it."""
        return "the exporter `file` stands for a model without a source; name that under [artifact]"
