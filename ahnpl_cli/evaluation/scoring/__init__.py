"""From similarities to numbers: items, judges, metrics, averages, statistics."""
