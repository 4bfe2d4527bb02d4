"""Creates, fills and uses isolated environments. Only `process` starts processes."""
