"""Bodies that come in chunks, without a Content-Length, as .NET's HttpClient sends its JSON."""

from __future__ import annotations

import os
from typing import Any

from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin


class ChunkedBodies(MiddlewareMixin):
    """Tells the length of a chunked body: REST framework takes one without for empty, Django's limit for harmless."""

    def process_request(self, request: HttpRequest) -> None:
        """The server has received the whole body into a file by now; only its end is looked up."""
        body: Any = request._stream  # Django has no public name for it
        if request.META.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked" and body.seekable():
            request.META["CONTENT_LENGTH"] = str(body.seek(0, os.SEEK_END))
            body.seek(0)
