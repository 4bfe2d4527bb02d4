"""Takes a cell from nothing to its record; `run_task` is the one path, whoever calls it."""
