"""How the studio answers: errors in the words of limbeck, pictures, and numbers as bytes."""

import io
from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from limbeck.errors import LimbeckError, UsageError
from limbeck.studio.place import Busy, ReadOnly

FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
"""For what never changes under its address."""


class Asked(BaseModel):
    """Base of what a page may send: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Unknown(LimbeckError):
    """An id that names nothing here."""


def jpeg(image: Image.Image, *, keep: bool = True) -> Response:
    """A picture to look at; `keep`: the browser may keep it for good."""
    data = io.BytesIO()
    image.save(data, "JPEG", quality=88)
    return Response(data.getvalue(), media_type="image/jpeg", headers=FOREVER if keep else None)


def numbers(values: NDArray[Any]) -> Response:
    """An array as little-endian bytes in its own dtype; the page knows the dtype."""
    array = np.ascontiguousarray(values)
    return Response(
        array.astype(array.dtype.newbyteorder("<")).tobytes(), media_type="application/octet-stream"
    )


def install_errors(app: FastAPI) -> None:
    """Answer every error as `{"error": what, "do": what to do}`, never with a traceback."""

    @app.exception_handler(LimbeckError)
    async def of_limbeck(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, LimbeckError)
        return _error(_status(error), error.what, error.do)

    @app.exception_handler(RequestValidationError)
    async def of_request(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])[:100]
        return _error(422, f"{place}: {first['msg']}"[:300], "")

    @app.exception_handler(HTTPException)
    async def of_http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return _error(error.status_code, str(error.detail), "")

    @app.exception_handler(OSError)
    async def of_disk(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, OSError)
        what = f"the disk refused: {error.strerror or type(error).__name__}"
        return _error(409, what, "see whether the folder is still there and may be read")

    @app.exception_handler(Exception)
    async def of_anything(_: Request, error: Exception) -> JSONResponse:
        return _error(500, f"the studio failed: {type(error).__name__}", "see its terminal")


def _status(error: LimbeckError) -> int:
    if isinstance(error, Unknown):
        return 404
    if isinstance(error, ReadOnly):
        return 423
    if isinstance(error, Busy):
        return 503
    return 422 if isinstance(error, UsageError) else 409


def _error(status: int, what: str, do: str) -> JSONResponse:
    return JSONResponse({"error": what, "do": do}, status)
