"""The studio as one ASGI app: the page, and what each of its tabs asks."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.routing import APIRouter

from limbeck import __version__
from limbeck.reporting import page_style
from limbeck.studio.answers import Unknown, install_errors
from limbeck.studio.curating import curate_routes
from limbeck.studio.editing_tab import edit_routes
from limbeck.studio.generating import generate_routes
from limbeck.studio.guard import App, Door, Guard
from limbeck.studio.modes_tab import modes_routes
from limbeck.studio.painter import Painter
from limbeck.studio.place import Pen, Place
from limbeck.studio.watching import runs_routes

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def make_app(
    place: Place, pen: Pen, door: Door, *, device: str = "auto", directions: Sequence[Path] = ()
) -> App:
    """The studio of a run or a model, behind its guard.

    Args:
        place: what is shown.
        pen: the right to write there.
        door: where it listens, and the token that it asks for.
        device: to draw on.
        directions: folders of directions to edit with, beside those in the run and its model.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    install_errors(app)
    painter = Painter(place, device)
    tabs = {
        "curate": curate_routes(place, pen, painter),
        "modes": modes_routes(place, pen, painter) if painter.has_modes else None,
        "generate": generate_routes(place, painter) if painter.can_draw else None,
        "edit": edit_routes(place, pen, painter, directions) if painter.can_draw else None,
        "runs": runs_routes(place),
    }
    for name, routes in tabs.items():
        if routes is not None:
            app.include_router(routes, prefix=f"/api/{name}")
    shown = [name for name, routes in tabs.items() if routes is not None]
    app.include_router(_page(), prefix="")
    app.include_router(_state(place, pen, shown), prefix="/api")
    return Guard(app, door)


def _page() -> APIRouter:
    """The page's files, by exact name; they are read once, so no path is ever opened for a name."""
    routes = APIRouter()
    folder = files("limbeck.studio") / "page"
    held = {
        file.name: (file.read_bytes(), _TYPES["." + file.name.rpartition(".")[2]])
        for file in folder.iterdir()
        if "." + file.name.rpartition(".")[2] in _TYPES
    }
    held["report.css"] = (page_style().encode(), _TYPES[".css"])

    @routes.get("/")
    def index() -> Response:
        return _file("index.html")

    @routes.get("/page/{name}")
    def page(name: str) -> Response:
        return _file(name)

    def _file(name: str) -> Response:
        if name not in held:
            raise Unknown("no such page")
        content, kind = held[name]
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    return routes


def _state(place: Place, pen: Pen, tabs: list[str]) -> APIRouter:
    routes = APIRouter()

    @routes.get("/state")
    def state() -> dict[str, Any]:
        why = pen.obstacle()
        return {
            "title": place.title,
            "kind": "model" if place.run is None else "run",
            "tabs": tabs,
            "writable": not why,
            "why": why,
            "limbeck": __version__,
        }

    return routes
