from __future__ import annotations

import subprocess
import sys

HEAVY = ("xllamacpp", "onnxruntime", "aiohttp", "numpy", "tokenizers")


def test_importing_the_client_loads_no_heavy_library() -> None:
    code = f"import sys, sorbus.llm; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
