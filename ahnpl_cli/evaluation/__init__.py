"""Benchmarks of compositional understanding: one short file each, one way of scoring for all."""
