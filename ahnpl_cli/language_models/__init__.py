"""Language models that answer prompts: behind an endpoint, or a folder of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ahnpl_cli.records import PartInfo


class LanguageModel(Protocol):
    """Answers prompts.

    Attributes:
        info: what it is, for reports.
    """

    info: PartInfo

    def complete(self, prompts: Sequence[str]) -> list[str]:
        """Return one answer per prompt."""
        ...


def load_language_model(
    *,
    name: str | None,
    url: str | None,
    key_variable: str,
    device: str = "cpu",
    batch_size: int = 8,
    answers: Path | None = None,
) -> LanguageModel:
    """Return the model that options name.

    Args:
        name: of the endpoint's model, or a folder or Hub name of transformers without `url`.
        url: of an OpenAI-compatible endpoint, such as `http://localhost:8000/v1`.
        key_variable: environment variable that holds the endpoint's key.
        device: where a model of transformers computes.
        batch_size: prompts that it answers at once.
        answers: file that keeps answers, so that a prompt is asked once; None keeps none.

    Raises:
        ModelError: the model cannot be had.
    """
    model: LanguageModel
    if url is not None:
        from ahnpl_cli.language_models.endpoint import Endpoint

        model = Endpoint(url, name, key_variable)
    else:
        from ahnpl_cli.language_models.local import LocalModel

        model = LocalModel(str(name), device, batch_size)
    if answers is None:
        return model
    from ahnpl_cli.language_models.answers import Remembering

    return Remembering(model, answers)
