"""Start of the harness: `ENV/bin/python -I DIGEST_DIR request.json OUT_DIR`.

The directory is not a package when Python starts it, so it is imported as one by its own name, whatever that is.
"""

import importlib
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
sys.path[0] = os.path.dirname(_here)
_main = importlib.import_module(os.path.basename(_here) + ".main")
# Only the harness itself may be found next to the harness; the tested packages never see that folder.
del sys.path[0]
_main.main(sys.argv[1], sys.argv[2])
