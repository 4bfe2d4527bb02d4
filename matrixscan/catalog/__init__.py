"""What releases of a package there are and what they say of themselves. Only `index` speaks to a package index."""
