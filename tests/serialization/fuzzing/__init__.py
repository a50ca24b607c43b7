"""Damaged and hostile archives in any number, loaded in processes that may die.

    python -m tests.serialization.fuzzing --mutants 100000 --workers 2

A mutant is a pure function of a seed and a number, so that every finding can be made again.
"""
