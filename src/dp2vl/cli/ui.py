"""`dp2vl ui`: the web app, on this machine alone."""

from importlib.util import find_spec
from typing import Annotated

import typer


def ui(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address only.")] = False,
) -> None:
    """Protect, compare, verify and simulate in a browser; nothing leaves this machine.

    Prints an address with a secret part: only who has it may use the app. Ctrl-C ends it and removes what was dropped.
    """
    from dp2vl.errors import DP2VLError

    if not (find_spec("starlette") and find_spec("uvicorn")):
        raise DP2VLError("the web app is not installed", "pip install 'dp2vl[ui]'")
    from dp2vl.ui.serve import serve

    serve(port=port, browser=not no_browser)
