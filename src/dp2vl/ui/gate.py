"""Who may speak to the app: only pages of this very server, that know its token, under the name it listens on.

Other web pages can make a browser send requests to a loopback port. They do not know the token, their `Origin` is
another, and if they point a name of their own at 127.0.0.1 the `Host` is another.
"""

import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""A page of ours loads nothing from elsewhere, and runs no script but the one that came with the package."""
HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Gate:
    """ASGI middleware that refuses strangers and puts `HEADERS` on every answer.

    The token is the first part of every path and is not seen by `app`. It is no cookie: all ports of 127.0.0.1 share
    those.

    Args:
        app: what to guard. token: the secret part of the URL. port: that the server listens on.
    """

    def __init__(self, app: ASGIApp, *, token: str, port: int) -> None:
        self.app, self.token = app, token
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass; answer everything else with one line."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # nothing here speaks through web sockets

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if problem := self._find_problem(scope):
            status, words = problem
            await JSONResponse({"error": words, "hint": ""}, status)(scope, receive, send_guarded)
            return
        await self.app(self._without_token(scope), receive, send_guarded)

    def _find_problem(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        if headers.getlist("host") not in [[host] for host in self.hosts]:
            return 421, "this app answers only under the address that it printed"
        own = f"http://{headers['host']}"
        safe = scope["method"] in ("GET", "HEAD")
        if headers.get("origin", own if safe else "") != own:
            return 403, "requests from other pages are refused"
        token = scope["path"].split("/")[1] if scope["path"].startswith("/") else ""
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return 403, "the address lacks the token; open the address that `dp2vl ui` printed"
        return None

    def _without_token(self, scope: Scope) -> Scope:
        path = scope["path"].removeprefix(f"/{self.token}")
        return {**scope, "path": path or "/", "raw_path": None, "root_path": ""}
