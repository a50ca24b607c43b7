"""Marks of tests that need what not every machine has; where it is missing they are skipped, with the reason."""

from __future__ import annotations

import pytest
import torch

from flambeau import generated

requires_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and PyTorch finds none")

tables_are_of_this_pytorch = pytest.mark.skipif(
    torch.__version__.partition("+")[0] != generated.pytorch_version(), reason="the table describes another PyTorch"
)
