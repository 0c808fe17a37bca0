"""Any OpenAI-compatible endpoint: OpenAI's own, vLLM, Ollama, llama.cpp, and others.

`POST URL/chat/completions` with one user message, temperature 0 and a seed. The key is read from an
environment variable and appears in no file, no message and no log.
"""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ahnpl_cli.errors import ModelError
from ahnpl_cli.records import PartInfo

AT_ONCE = 8  # requests under way: servers batch what comes together
TRIES = 4
PATIENCE = 120.0  # seconds for one answer
FIRST_WAIT = 1.0  # seconds before the second try; doubled for each further one
LONGEST_ANSWER = 1024  # tokens
MOST_BYTES = 1 << 22  # of an answer: more is none
BUSY = (408, 409, 429, 500, 502, 503, 504)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses to be sent elsewhere: the key is for the server that the user named."""

    def redirect_request(self, *args: Any) -> None:
        """Follow nothing; the redirect is then an error."""


class Endpoint:
    """Asks a server.

    Args:
        url: of the API, such as `http://localhost:8000/v1`.
        model: its name there; None takes the first that the server lists.
        key_variable: environment variable that holds the key; unset, no key is sent.
        first_wait: seconds before a second try.

    Raises:
        ModelError: the server cannot be reached, or lists no model.
    """

    def __init__(
        self,
        url: str,
        model: str | None,
        key_variable: str,
        *,
        first_wait: float = FIRST_WAIT,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            hint = "Write it as http://localhost:8000/v1."
            raise ModelError("--llm-url is no address of a server", where=url, hint=hint)
        self.url = url.rstrip("/")
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._first_wait = first_wait
        self._key_variable = key_variable
        self.model = model or self._first_model()
        self.info = PartInfo("llm", self.model)

    def _first_model(self) -> str:
        listed = self._request("models", None)
        try:
            return str(listed["data"][0]["id"])
        except (KeyError, IndexError, TypeError) as error:
            hint = "Name one with --llm."
            raise ModelError("lists no model", where=self.url, hint=hint) from error

    def complete(self, prompts: Sequence[str]) -> list[str]:
        """Return one answer per prompt, asked side by side.

        Raises:
            ModelError: the server refuses, or does not answer after several tries.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self._ask, prompts))

    def _ask(self, prompt: str) -> str:
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "seed": 0,
            "max_tokens": LONGEST_ANSWER,
        }
        answer = self._request("chat/completions", body)
        try:
            return str(answer["choices"][0]["message"]["content"] or "")
        except (KeyError, IndexError, TypeError) as error:
            hint = "Is it an OpenAI-compatible server?"
            raise ModelError("an answer without a message", where=self.url, hint=hint) from error

    def _request(self, path: str, body: dict[str, Any] | None) -> Any:
        """Return what the server answers; a server that is busy is asked again."""
        wait = self._first_wait
        for attempt in range(TRIES):
            try:
                return self._send(path, body)
            except urllib.error.HTTPError as error:
                if error.code not in BUSY or attempt == TRIES - 1:
                    raise self._refused(error) from error
            except (OSError, ValueError) as error:
                if attempt == TRIES - 1:
                    reason = getattr(error, "reason", None) or error
                    hint = "Is the server running, and --llm-url right?"
                    what = f"no answer ({reason})"
                    raise ModelError(what, where=self.url, hint=hint) from error
            time.sleep(wait)
            wait *= 2
        raise AssertionError("unreachable: the last try returns or raises")

    def _send(self, path: str, body: dict[str, Any] | None) -> Any:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(self._key_variable):
            headers["Authorization"] = f"Bearer {key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path}", data=data, headers=headers)
        with self._opener.open(request, timeout=PATIENCE) as response:
            return json.loads(response.read(MOST_BYTES))

    def _refused(self, error: urllib.error.HTTPError) -> ModelError:
        message = error.read(300).decode("utf-8", "replace").strip()
        if key := os.environ.get(self._key_variable):
            message = message.replace(key, "***")  # some servers repeat it
        hint = f"Check --llm, and the key in {self._key_variable}."
        return ModelError(f"refused with {error.code} ({message})", where=self.url, hint=hint)
