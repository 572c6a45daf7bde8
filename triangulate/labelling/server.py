"""The local server of the labelling page: loopback only, standard library only."""

import json
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from triangulate.labelling.session import LabellingSession

page_files = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/drawing.js": ("drawing.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}


class LabellingServer:
    """Serves one session to browsers on this machine.

    Parameters
    ----------
    session : LabellingSession
    port : int
        0 takes a free one.

    Raises
    ------
    OSError
        If the port is taken.

    Notes
    -----
    Bound to 127.0.0.1. Requests of another Host (a page elsewhere whose name was pointed here) and posts
    that are not JSON (a form elsewhere) are refused.
    """

    def __init__(self, session: LabellingSession, port: int = 0) -> None:
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", port), type("SessionHandler", (Handler,), {"session": session})
        )
        self._server.daemon_threads = True
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def run(self) -> None:
        """Serve until interrupted."""
        try:
            self._server.serve_forever()
        finally:
            self._server.server_close()

    def __enter__(self) -> Self:
        """Serve in a thread."""
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        if self._thread is not None:
            self._thread.join()


class Handler(BaseHTTPRequestHandler):
    """Answers the page's requests."""

    session: LabellingSession

    def do_GET(self) -> None:
        """Send the page, the state, an image or guides."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Set or clear a point."""
        self._answer(self._post)

    def _answer(self, respond: Callable[[], None]) -> None:
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in {"127.0.0.1", "localhost"}:
            self.send_error(HTTPStatus.FORBIDDEN, "only for this machine")
            return
        try:
            respond()
        except (KeyError, ValueError, IndexError, TypeError) as error:
            self._json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
        except OSError as error:
            self._json({"error": str(error)}, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _get(self) -> None:
        url = urlsplit(self.path)
        query = {key: int(values[0]) for key, values in parse_qs(url.query).items()}
        if url.path in page_files:
            name, kind = page_files[url.path]
            self._send(files("triangulate.labelling").joinpath(name).read_bytes(), kind)
        elif url.path == "/state":
            self._json(self.session.state())
        elif url.path == "/image":
            path = self.session.image(self.session.instants[query["instant"]], query["view"])
            self._send(path.read_bytes(), "image/png")
        elif url.path == "/guides":
            self._json(self.session.guides(query["instant"], query["individual"]))
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _post(self) -> None:
        if self.headers.get("Content-Type") != "application/json" or self.path != "/point":
            self.send_error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        where = (body["instant"], body["view"], body["individual"])
        self.session.place(*where, keypoint=body["keypoint"], xy=body["xy"])
        self._json(self.session.guides(body["instant"], body["individual"]))

    def _json(self, value: Any, status: int = HTTPStatus.OK) -> None:
        self._send(json.dumps(value).encode(), status=status)

    def _send(self, body: bytes, kind: str = "application/json", status: int = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent: the library never prints."""
