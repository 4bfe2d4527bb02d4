import os

from hypothesis import settings

# A run in continuous integration is repeatable; a run at a desk looks for new examples.
settings.register_profile("matrixscan", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("matrixscan")
