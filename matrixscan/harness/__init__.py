"""Runs INSIDE the environments under test; copied there as a directory named by its digest.

Rules, each held by a test:
- Python 3.8 syntax: torch 1.11 has no newer wheel worth testing first.
- Imports only the standard library, numpy and the packages under test, and of this directory only by relative
  import: nothing of the host is installed in an environment under test.
- The host imports `protocol` alone; everything else is reached through a request file and an event file.
- torch, onnx and the runners are imported inside functions, so that a package that dies at import is a finding.
"""
