"""MiniLM sentence embeddings inside this process: 384 numbers for a text, no network."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from sorbus.errors.llm import LocalModelFailed
from sorbus.llm.providers.base import Embedding
from sorbus.llm.records import Usage

DIMENSIONS = 384
_LONGEST = 256
_BATCH = 16


class MiniLm:
    """Mean-pooled, unit-length vectors; texts are cut at 256 tokens. Loads on first use, works on its own
    thread.
    """

    def __init__(self, *, threads: int = 2) -> None:
        self._threads = threads
        self._executor: ThreadPoolExecutor | None = None
        self._session: Any = None
        self._tokenizer: Any = None

    async def embed(self, file: Path, texts: Sequence[str]) -> Embedding:
        """One vector of 384 numbers for each text.

        Args:
            file: the ONNX model.
            texts: any number of texts.

        Raises:
            LocalModelFailed: the model cannot be loaded.
        """
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sorbus-embed")
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, self._embed, file, list(texts)
        )

    async def close(self) -> None:
        """Unload the model and end the thread."""
        executor, self._executor = self._executor, None
        self._session = self._tokenizer = None
        if executor is not None:
            executor.shutdown(wait=True)

    def _embed(self, file: Path, texts: list[str]) -> Embedding:
        import numpy as np

        self._load(file)
        began = time.monotonic()
        rows: list[list[float]] = [[]] * len(texts)
        tokens = 0
        # Texts of one length together: padding a short one to the longest of its batch is most of the work.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            encoded = self._tokenizer.encode_batch([texts[index] for index in chosen])
            ids = np.array([each.ids for each in encoded], dtype=np.int64)
            mask = np.array([each.attention_mask for each in encoded], dtype=np.int64)
            inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            hidden: Any = self._session.run(None, inputs)[0]
            pooled: Any = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1)[:, None]
            length: Any = np.maximum(np.sqrt((pooled * pooled).sum(axis=1, keepdims=True)), 1e-9)
            unit: list[list[float]] = np.asarray(pooled / length).tolist()
            for index, row in zip(chosen, unit, strict=True):
                rows[index] = row
            tokens += int(mask.sum())
        return Embedding(vectors=rows, usage=Usage(tokens_in=tokens), seconds=time.monotonic() - began)

    def _load(self, file: Path) -> None:
        if self._session is not None:
            return
        try:
            onnxruntime: Any = importlib.import_module("onnxruntime")
            tokenizers: Any = importlib.import_module("tokenizers")

            with as_file(files("sorbus.llm").joinpath("data/minilm/tokenizer.json")) as tokenizer:
                self._tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer))
            self._tokenizer.enable_truncation(_LONGEST)
            self._tokenizer.enable_padding()
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = self._threads
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise LocalModelFailed("local:minilm", reason=str(error) or type(error).__name__) from error
