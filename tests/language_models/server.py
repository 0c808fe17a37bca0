"""A server that speaks as OpenAI's does, in a thread of the test."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str], str]


class Served:
    """What a server was asked, and how often it shall fail first.

    Attributes:
        requests: (path, key, body) in order.
        failures: HTTP codes to answer with before anything else.
        failure: what is said then.
        raw: sent after the headers instead of an answer, if set; piece by piece.
        length: stated for it; None for its own.
        pause: seconds before each piece.
        takes_schema: whether an answer can be held to a JSON schema.
        url: of the API.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[tuple[str, str | None, Any]] = []
        self.failures: list[int] = []
        self.failure = "not now"
        self.raw: list[bytes] | None = None
        self.length: int | None = None
        self.pause = 0.0
        self.takes_schema = True
        self.url = ""

    def prompts(self) -> list[str]:
        """Return the prompts asked."""
        bodies = [body for _, _, body in self.requests if body]
        return [body["messages"][0]["content"] for body in bodies]


@contextmanager
def serving(answer: Answer) -> Iterator[Served]:
    """Serve `/v1/models` and `/v1/chat/completions` while the block runs."""
    served = Served(answer)

    class Handler(BaseHTTPRequestHandler):
        def _reply(self, code: int, content: Any) -> None:
            data = json.dumps(content).encode()
            self.send_response(code)
            if code in (301, 302):
                self.send_header("Location", "http://localhost:1/elsewhere")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _send_raw(self, pieces: list[bytes]) -> None:
            self.send_response(200)
            length = served.length or sum(map(len, pieces))
            self.send_header("Content-Length", str(length))
            self.end_headers()
            # A client that has seen enough hangs up.
            with suppress(OSError):
                for piece in pieces:
                    time.sleep(served.pause)
                    self.wfile.write(piece)

        def _handle(self, body: Any) -> None:
            served.requests.append((self.path, self.headers.get("Authorization"), body))
            if served.failures:
                self._reply(served.failures.pop(0), {"error": served.failure})
            elif served.raw is not None:
                self._send_raw(served.raw)
            elif body and "response_format" in body and not served.takes_schema:
                self._reply(400, {"error": "unknown field response_format"})
            elif self.path == "/v1/models":
                self._reply(200, {"data": [{"id": "tiny-llm"}]})
            else:
                text = served.answer(body["messages"][0]["content"])
                self._reply(200, {"choices": [{"message": {"content": text}}]})

        def do_GET(self) -> None:
            self._handle(None)

        def do_POST(self) -> None:
            self._handle(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
