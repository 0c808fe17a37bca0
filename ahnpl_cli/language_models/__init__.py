"""Language models that answer prompts: behind an endpoint, or a folder of transformers.

What a model says is a stranger's text. Whoever asks checks it: `json_answer` takes no more than
JSON of a sensible size out of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ahnpl_cli.records import PartInfo

LONGEST_TEXT = 20_000  # characters of an answer: more is none of those that we ask for


class LanguageModel(Protocol):
    """Answers prompts.

    Attributes:
        info: what it is, for reports.
        seed: of its draws, as far as it draws.
    """

    info: PartInfo
    seed: int

    def complete(
        self, prompts: Sequence[str], schema: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Return one answer per prompt.

        Args:
            prompts: what is asked.
            schema: JSON schema that answers shall follow, where the model can be held to one. What
                comes back has to be checked all the same.
        """
        ...


def load_language_model(
    *,
    name: str | None,
    url: str | None,
    key_variable: str,
    device: str = "cpu",
    batch_size: int = 8,
    seed: int = 0,
    answers: Path | None = None,
) -> LanguageModel:
    """Return the model that options name.

    Args:
        name: of the endpoint's model, or a folder or Hub name of transformers without `url`.
        url: of an OpenAI-compatible endpoint, such as `http://localhost:8000/v1`.
        key_variable: environment variable that holds the endpoint's key.
        device: where a model of transformers computes.
        batch_size: prompts that it answers at once.
        seed: sent to an endpoint; a model of transformers answers greedily, and draws nothing.
        answers: file that keeps answers, so that a prompt is asked once; None keeps none.

    Raises:
        ModelError: the model is unavailable.
    """
    model: LanguageModel
    if url is not None:
        from ahnpl_cli.language_models.endpoint import Endpoint

        model = Endpoint(url, name, key_variable, seed=seed)
    else:
        from ahnpl_cli.backbones.transformers.language_model import LocalModel

        model = LocalModel(str(name), device, batch_size, seed=seed)
    if answers is None:
        return model
    from ahnpl_cli.language_models.answers import Remembering

    return Remembering(model, answers)


def json_answer(answer: str, kind: type[list[Any]] | type[dict[str, Any]]) -> Any:
    """Return the JSON list or object in an answer, or None.

    Text around it is passed over: models like to explain themselves.
    """
    if len(answer) > LONGEST_TEXT:
        return None
    opening, closing = "[]" if kind is list else "{}"
    start, end = answer.find(opening), answer.rfind(closing)
    if start < 0:
        return None
    try:
        content = json.loads(answer[start : end + 1])
    # Nested a thousand deep, or a number of thousands of digits.
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, kind) else None
