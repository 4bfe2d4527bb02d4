"""What records mean: pure functions, records in, values out."""
