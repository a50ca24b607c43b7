"""Whatever of flambeau a process uses first: it works without anything that came before."""

from __future__ import annotations

import subprocess
import sys

import pytest

FIRST = {
    "source with a manager of PyTorch's": (
        "source = 'def f(x):\\n    with torch.no_grad():\\n        return torch.nn.functional.relu(x)\\n'\n"
        "flambeau.CompilationUnit(source).f(torch.ones(2))"
    ),
    "a method of an empty module": (
        "module = flambeau.ScriptModule()\n"
        "module.define('def more(self, x):\\n    return torch.nn.functional.relu(x)\\n')\n"
        "module.more(torch.ones(2))"
    ),
    "trace": "flambeau.trace(lambda x: x + 1, torch.ones(2))(torch.ones(2))",
    "fork": "flambeau.fork(lambda x: x + 1, torch.ones(2)).wait()",
    "threads": (
        "import threading\n"
        "done = []\n"
        "source = 'def f(x):\\n    return torch.nn.functional.relu(x)\\n'\n"
        "calls = [lambda: flambeau.CompilationUnit(source).f, lambda: flambeau.script(torch.nn.Linear(1, 1))] * 3\n"
        "threads = [threading.Thread(target=lambda call=call: done.append(call())) for call in calls]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "assert len(done) == 6"
    ),
}


@pytest.mark.parametrize("name", FIRST)
def test_first_use(name: str) -> None:
    program = f"import torch\nimport flambeau\n{FIRST[name]}\n"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
