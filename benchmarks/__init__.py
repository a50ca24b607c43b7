"""Speed, measured as ratios: `python -m benchmarks [NAME...]` runs all benchmarks, or the named ones.

Absolute times depend on the machine and its load, so each figure stands beside a peer's (eager PyTorch, `torch.jit`,
the same work ten times smaller) taken in turns within the same run.
"""
