"""Any OpenAI-compatible endpoint: OpenAI's own, vLLM, Ollama, llama.cpp, and others.

`POST URL/chat/completions` with one user message, temperature 0, a seed and, where an answer shall
have a form, its JSON schema. The key is read from an environment variable and appears in no file,
no message and no log. A server may be anybody's: what it sends is bounded in size and time, and
read as JSON.
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ahnpl_cli.errors import ModelError
from ahnpl_cli.records import PartInfo
from ahnpl_cli.reporting.visible import visible_line

logger = logging.getLogger(__name__)
AT_ONCE = 8  # requests under way: servers batch what comes together
TRIES = 4
PATIENCE = 120.0  # seconds for one answer
SLOWEST = 600.0  # seconds for one that comes in drops
FIRST_WAIT = 1.0  # seconds before the second try; doubled for each further one
LONGEST_ANSWER = 1024  # tokens
MOST_BYTES = 1 << 22  # of an answer: more is none
PIECE = 1 << 16  # bytes read at once
LONGEST_NAME = 200  # characters of a model's name
NO_SCHEMA = (400, 404, 415, 422, 501)  # what servers say that cannot be held to a schema
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
        seed: sent along; some servers heed it.
        first_wait: seconds before a second try.
        slowest: seconds for an answer that comes in drops.

    Raises:
        ModelError: the server cannot be reached, or lists no model.
    """

    def __init__(
        self,
        url: str,
        model: str | None,
        key_variable: str,
        *,
        seed: int = 0,
        first_wait: float = FIRST_WAIT,
        slowest: float = SLOWEST,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            hint = "Write it as http://localhost:8000/v1."
            raise ModelError("--llm-url is no address of a server", where=url, hint=hint)
        self.url = url.rstrip("/")
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._first_wait, self._slowest = first_wait, slowest
        self._key_variable = key_variable
        self._key = _read_key(key_variable)
        self._takes_schema = True
        self.seed = seed
        self.model = model or self._first_model()
        self.info = PartInfo("llm", self.model)

    def _first_model(self) -> str:
        listed = self._request("models", None)
        try:
            return visible_line(str(listed["data"][0]["id"])[:LONGEST_NAME])
        except (KeyError, IndexError, TypeError) as error:
            hint = "Name one with --llm."
            raise ModelError("lists no model", where=self.url, hint=hint) from error

    def complete(
        self, prompts: Sequence[str], schema: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Return one answer per prompt, asked side by side.

        Raises:
            ModelError: the server refuses, or does not answer after several tries.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda prompt: self._ask(prompt, schema), prompts))

    def _ask(self, prompt: str, schema: Mapping[str, Any] | None) -> str:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "seed": self.seed,
            "max_tokens": LONGEST_ANSWER,
        }
        form = {"name": "answer", "strict": True, "schema": schema}
        held = {"response_format": {"type": "json_schema", "json_schema": form}}
        if schema is not None and self._takes_schema:
            body |= held
        try:
            answer = self._request("chat/completions", body)
        except _RefusedError as error:
            if "response_format" not in body or error.code not in NO_SCHEMA:
                raise
            # An older server; the answer is checked anyway.
            logger.info("%s takes no JSON schema: asking without.", self.url)
            self._takes_schema = False
            body.pop("response_format")
            answer = self._request("chat/completions", body)
        try:
            content = answer["choices"][0]["message"]["content"] or ""
        except (KeyError, IndexError, TypeError) as error:
            hint = "Is it an OpenAI-compatible server?"
            raise ModelError("an answer without a message", where=self.url, hint=hint) from error
        return content if isinstance(content, str) else ""

    def _request(self, path: str, body: dict[str, Any] | None) -> Any:
        """Return what the server answers; a server that is busy is asked again."""
        wait = self._first_wait
        for attempt in range(TRIES):
            try:
                return self._send(path, body)
            except urllib.error.HTTPError as error:
                if error.code not in BUSY or attempt == TRIES - 1:
                    raise self._refused(error) from error
            except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
                if attempt == TRIES - 1:
                    reason = self._shown(str(getattr(error, "reason", None) or error))
                    hint = "Is the server running, and --llm-url right?"
                    what = f"no answer ({reason})"
                    raise ModelError(what, where=self.url, hint=hint) from error
            time.sleep(wait)
            wait *= 2
        raise AssertionError("unreachable: the last try returns or raises")

    def _send(self, path: str, body: dict[str, Any] | None) -> Any:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path}", data=data, headers=headers)
        with self._opener.open(request, timeout=PATIENCE) as response:
            return json.loads(self._read(response))

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        """Return an answer that ends in time and is of a sensible size.

        Raises:
            ModelError: it does not, or is not.
        """
        end = time.monotonic() + self._slowest
        content = bytearray()
        # One piece of the stream at a time: `read` waits for all of it, however slowly it drips.
        while piece := response.read1(PIECE):
            content += piece
            if len(content) > MOST_BYTES:
                what = f"an answer of more than {MOST_BYTES:,} bytes"
                raise ModelError(what, where=self.url, hint="Is it a language model's server?")
            if time.monotonic() > end:
                what = f"an answer that took more than {self._slowest:g} seconds"
                raise ModelError(what, where=self.url, hint="Name a faster model with --llm.")
        return bytes(content)

    def _shown(self, message: str) -> str:
        """A message of the server or about it, as one short line, without the key."""
        if self._key:
            message = message.replace(self._key, "***")  # some servers repeat it
        return visible_line(" ".join(message.split())[:300])

    def _refused(self, error: urllib.error.HTTPError) -> ModelError:
        try:
            message = error.read(4096).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            message = "no reason given"
        hint = f"Check --llm, and the key in {self._key_variable}."
        what = f"refused with {error.code} ({self._shown(message)})"
        return _RefusedError(what, where=self.url, hint=hint, code=error.code)


class _RefusedError(ModelError):
    """A server refused a request.

    Attributes:
        code: of HTTP.
    """

    def __init__(self, what: str, *, where: str, hint: str, code: int) -> None:
        super().__init__(what, where=where, hint=hint)
        self.code = code


def _read_key(variable: str) -> str:
    """Return the key in an environment variable; empty without.

    Raises:
        ModelError: no header can hold it; the message does not either.
    """
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        what = f"the key in {variable} holds a character that no key has"
        raise ModelError(what, hint="Set it again, without line ends and quotes.")
    return key
