"""What simulators with a small web server have in common: it can fail."""

import asyncio
import ssl
from typing import Any, ClassVar

from aiohttp import web


class Server:
    """Listens on 127.0.0.1.

    Faults: `silence` (takes the question and never answers), `hang_up` (closes the connection
    instead), `http_5xx`, `garbage` (a web page with HTTP 200), `half` (half of the JSON),
    `list` (a JSON list where an object belongs).
    """

    FAULTS: ClassVar[frozenset[str]] = frozenset(
        {"silence", "hang_up", "http_5xx", "garbage", "half", "list"}
    )

    def __init__(self) -> None:
        """Listen to nobody yet."""
        self.faults: dict[str, int | None] = {}
        """Faults that are on, and for how many more questions; `None`: until they are cleared."""
        self.asked: list[str] = []
        """Methods and paths of all questions."""
        self.tls: ssl.SSLContext | None = None
        """Set before `start`: it speaks HTTPS and nothing else."""
        self.orders: list[dict[str, Any]] = []
        """All orders, refused ones too."""
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()

    def routes(self, app: web.Application) -> None:
        """Add what it answers."""
        raise NotImplementedError

    async def _gate(self, request: web.Request) -> web.Response | None:
        """Return a refusal, or `None` to go on."""
        return None

    async def start(self, port: int = 0) -> int:
        """Listen and return the port."""
        app = web.Application(middlewares=[self._fail])
        self.routes(app)
        self._stopping = asyncio.Event()
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=self.tls).start()
        bound: int = self._runner.addresses[0][1]
        return bound

    async def stop(self) -> None:
        """Close everything."""
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def inject(self, fault: str, times: int | None = None) -> None:
        """Switch a fault on, for so many questions where it counts. Raises ValueError."""
        if fault not in self.FAULTS:
            raise ValueError(fault)
        self.faults[fault] = times

    def clear(self, fault: str | None = None) -> None:
        """Switch a fault off, or all; who waits in silence is hung up on."""
        if fault is None:
            self.faults.clear()
        else:
            self.faults.pop(fault, None)
        self._stopping.set()
        self._stopping = asyncio.Event()

    def struck(self, fault: str) -> bool:
        """Tell whether a fault is on, and count."""
        if fault not in self.faults:
            return False
        left = self.faults[fault]
        if left is not None:
            if left <= 1:
                del self.faults[fault]
            else:
                self.faults[fault] = left - 1
        return True

    @web.middleware
    async def _fail(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if self.struck("silence"):
            await self._stopping.wait()
            return _hang_up(request)
        if self.struck("hang_up"):
            return _hang_up(request)
        if self.struck("http_5xx"):
            return web.Response(status=503, text="busy")
        if self.struck("garbage"):
            return web.Response(text="<html>Welcome</html>", content_type="text/html")
        if self.struck("list"):
            return web.json_response([[1, 2], None])
        refusal = await self._gate(request)
        answer: web.StreamResponse = await handler(request) if refusal is None else refusal
        if self.struck("half") and isinstance(answer, web.Response) and answer.text:
            return web.Response(text=answer.text[: len(answer.text) // 2])
        return answer


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
