"""What the server answers. Everything that takes longer than a photo takes to be decoded is a job."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dp2vl import __version__
from dp2vl.errors import DP2VLError
from dp2vl.protect.config import EFFORTS
from dp2vl.report.cells import plain_text
from dp2vl.surrogates.sets import SETS, is_here, tower_names
from dp2vl.types import STRENGTHS
from dp2vl.ui.jobs import Desk
from dp2vl.ui.pictures import LOOKS, draw_look, write_zip
from dp2vl.ui.requests import check_request, find_folder, read_names
from dp2vl.ui.shelf import MOST_BYTES, Refused, Shelf

PATIENCE_S = 20.0
"""How long a client may send nothing in the middle of a request."""
MOST_JSON_BYTES = 64 << 10
SHELVES = ("photos", "originals", "copies")
REPORT_SUFFIXES = frozenset({".html", ".md", ".csv", ".json", ".png", ".jpg", ".svg", ".css"})
REPORT_POLICY = (
    "sandbox allow-same-origin; default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'"
)
"""A report may show pictures and colours; it runs nothing and loads nothing from elsewhere."""
_NO_UTF8 = re.compile("[\ud800-\udfff]")


class Answer(JSONResponse):
    """JSON in which names that are no UTF-8 have backslash escapes."""

    def render(self, content: Any) -> bytes:
        """Return the bytes of the body."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return _NO_UTF8.sub(lambda found: "\\" + plain_text(found[0]), text).encode()


class App:
    """The routes and what they share.

    Args:
        workspace: folder that is removed when the app ends.
    """

    def __init__(self, workspace: Path) -> None:
        self.shelves = {name: Shelf(workspace / "shelves" / name) for name in SHELVES}
        self.desk = Desk(workspace / "jobs")
        self.reports: dict[str, Path] = {}
        self._drawing = threading.Lock()
        templates = Environment(loader=PackageLoader("dp2vl.ui"), autoescape=select_autoescape(["html"]))
        self._page = templates.get_template("page.html")
        (workspace / "shelves").mkdir(parents=True, exist_ok=True)

    def routes(self) -> list[Route | Mount]:
        """Return all routes; functions that are not `async` run in threads."""
        return [
            Route("/", self.show_page),
            Mount("/static", StaticFiles(packages=[("dp2vl.ui", "static")])),
            Route("/shelves/{shelf}/{name:path}", self.take_photo, methods=["PUT"]),
            Route("/shelves/{shelf}", self.show_shelf),
            Route("/shelves/{shelf}", self.clear_shelf, methods=["DELETE"]),
            Route("/people", self.ask_people, methods=["POST"]),
            Route("/jobs/{kind}", self.start_job, methods=["POST"]),
            Route("/job", self.show_job),
            Route("/job", self.clear_job, methods=["DELETE"]),
            Route("/job/stop", self.stop_job, methods=["POST"]),
            Route("/job/photos/{look}/{rel:path}", self.show_photo),
            Route("/job/zip", self.send_zip),
            Route("/job/report/{name:path}", self.show_job_report),
            Route("/job/faces/{name}.png", self.show_face),
            Route("/reports", self.open_report, methods=["POST"]),
            Route("/reports/{number}/{name:path}", self.show_report),
        ]

    def show_page(self, request: Request) -> Response:
        """The one page."""
        sets = {name: all(map(is_here, tower_names(name))) for name in ("mini", *SETS)}
        text = self._page.render(
            strengths=STRENGTHS, efforts=EFFORTS, sets=sets, most_bytes=MOST_BYTES, version=__version__
        )
        return HTMLResponse(text)

    async def take_photo(self, request: Request) -> Response:
        """Take one dropped photo."""
        self.desk.check_free()
        size = _read_number(request.headers.get("content-length", ""))
        name = request.path_params["name"]
        await self._shelf(request).take(name, size, _receive(request))
        return Answer({"name": name}, 201)

    def show_shelf(self, request: Request) -> Response:
        """Say which dropped photos are here."""
        shelf = self._shelf(request)
        names = [(p.relative_to(shelf.folder).as_posix(), p.stat().st_size) for p in shelf.files()]
        return Answer({"photos": [{"name": name, "size": size} for name, size in names]})

    def clear_shelf(self, request: Request) -> Response:
        """Delete dropped photos."""
        self.desk.check_free()
        self._shelf(request).clear()
        return Response(status_code=204)

    async def ask_people(self, request: Request) -> Response:
        """Say who is in an album, so that the page can ask for consent."""
        album = find_folder("the album", (await _read_json(request)).get("album"))
        return Answer({"names": await run_in_threadpool(read_names, album)})

    async def start_job(self, request: Request) -> Response:
        """Start a job, after everything about it that can be checked was checked."""
        kind = request.path_params["kind"]
        asked = await _read_json(request)
        self.desk.check_free()
        options = await run_in_threadpool(check_request, kind, asked, self.shelves)
        job = await run_in_threadpool(self.desk.start, kind, options)
        return Answer(job.snapshot(), 202)

    def show_job(self, request: Request) -> Response:
        """Say how far the job is."""
        since = _read_number(request.query_params.get("since", "0"))
        if since is None:
            raise Refused(400, "expected the number of an outcome after since=, got something else")
        job = self.desk.job
        return Answer(job.snapshot(since) if job else {"state": "none"})

    def stop_job(self, request: Request) -> Response:
        """Stop the job; what it finished stays."""
        self.desk.stop()
        return self.show_job(request)

    def clear_job(self, request: Request) -> Response:
        """Remove all that was dropped and all that was made of it here; never a folder that the person named."""
        self.desk.clear()
        for shelf in self.shelves.values():
            shelf.clear()
        return Response(status_code=204)

    def show_photo(self, request: Request) -> Response:
        """One picture of one photo of the job."""
        outcomes, out = self._made()
        look, rel = request.path_params["look"], request.path_params["rel"]
        found = [o for o in outcomes if rel in (o["rel"], plain_text(o["rel"])) and o["status"] == "protected"]
        if look not in LOOKS or not found:
            raise Refused(404, "there is no such picture")
        with self._drawing:  # photos are large: one at a time
            data = draw_look(look, Path(found[-1]["path"]), out / found[-1]["rel"])
        return Response(data, media_type="image/png")

    def send_zip(self, request: Request) -> Response:
        """All copies of the job as one archive."""
        outcomes, out = self._made()
        names = sorted(o["rel"] for o in outcomes if o["status"] == "protected")
        if not names:
            raise Refused(404, "there are no protected copies")
        assert self.desk.job is not None
        with self._drawing:
            try:
                path = write_zip(self.desk.job.folder / "copies.zip", out, names)
            except FileNotFoundError as error:
                gone = Path(error.filename).relative_to(out)
                raise Refused(404, f"the copy {gone} is no longer there", "protect the photos again") from None
        return FileResponse(path, filename="protected.zip", media_type="application/zip")

    def show_job_report(self, request: Request) -> Response:
        """A file of the report on the job."""
        if not self.desk.job:
            raise Refused(404, "there is no report")
        return _send_report(self.desk.job.folder / "report", request.path_params["name"])

    def show_face(self, request: Request) -> Response:
        """A photo that the simulation asked about."""
        if not self.desk.job:
            raise Refused(404, "there is no such picture")
        return FileResponse(_inside(self.desk.job.folder / "faces", f"{request.path_params['name']}.png"))

    async def open_report(self, request: Request) -> Response:
        """Make a report folder of this machine readable in the browser."""
        folder = find_folder("the report", (await _read_json(request)).get("folder"))
        if not (folder / "index.html").is_file():
            raise Refused(400, f"there is no report in {folder}", "a report's folder has an index.html")
        number = str(len(self.reports))
        self.reports[number] = folder
        return Answer({"url": f"reports/{number}/index.html"})

    def show_report(self, request: Request) -> Response:
        """A file of a report that was opened."""
        folder = self.reports.get(request.path_params["number"])
        if folder is None:
            raise Refused(404, "there is no report")
        return _send_report(folder, request.path_params["name"])

    def _shelf(self, request: Request) -> Shelf:
        shelf = self.shelves.get(request.path_params["shelf"])
        if shelf is None:
            raise Refused(404, "there is no such place for photos")
        return shelf

    def _made(self) -> tuple[list[dict[str, Any]], Path]:
        """Return what the job protected, and where copies lie."""
        job = self.desk.job
        if job is None or job.kind != "protect":
            raise Refused(404, "no photos were protected")
        out = Path(job.options["out"]) if job.options["out"] else job.folder / "copies"
        return (job.found["outcomes"] if job.found else list(job.outcomes)), out


def make_app(workspace: Path) -> tuple[Starlette, App]:
    """Return the application, without its gate, and what it is made of."""
    app = App(workspace)
    handlers = {DP2VLError: _say_error, 404: _say_missing, 405: _say_missing, Exception: _say_failed}
    made = Starlette(routes=app.routes(), exception_handlers=handlers)  # type: ignore[arg-type]
    made.router.redirect_slashes = False  # to an address that would lack the token
    return made, app


def _say_error(request: Request, error: DP2VLError) -> Response:
    status = error.status if isinstance(error, Refused) else 400
    return Answer({"error": error.message, "hint": error.hint}, status)


def _say_missing(request: Request, error: Exception) -> Response:
    return Answer({"error": "there is no such page", "hint": ""}, 404)


def _say_failed(request: Request, error: Exception) -> Response:
    return Answer({"error": "the app failed at this request", "hint": "the terminal where dp2vl ui runs says why"}, 500)


def _send_report(folder: Path, name: str) -> Response:
    path = _inside(folder, name)
    if path.suffix.lower() not in REPORT_SUFFIXES:
        raise Refused(404, "that file is no part of a report")
    return FileResponse(path, headers={"content-security-policy": REPORT_POLICY})


def _inside(folder: Path, name: str) -> Path:
    """Return the file `name` of `folder`; links and dots that lead out of it are refused like files that are absent."""
    missing = Refused(404, "there is no such file")
    try:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            raise missing
    except (OSError, ValueError):
        raise missing from None
    return path


async def _receive(request: Request) -> AsyncIterator[bytes]:
    """Yield the body as it arrives; a client that falls silent is given up."""
    stream = aiter(request.stream())
    while True:
        try:
            chunk = await asyncio.wait_for(anext(stream), PATIENCE_S)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Refused(408, "the rest of the request did not come", "send it again") from None
        yield chunk


def _read_number(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,15}", text) else None


async def _read_json(request: Request) -> dict[str, Any]:
    data = b""
    async for chunk in _receive(request):
        data += chunk
        if len(data) > MOST_JSON_BYTES:
            raise Refused(413, "the request is too large")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise Refused(400, "expected JSON, got something else") from None
    if not isinstance(value, dict):
        raise Refused(400, "expected a JSON object, got something else")
    return value
