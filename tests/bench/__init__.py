"""Benchmarks: each prints its figure as a ratio to a ceiling measured in the same run on the same machine."""
