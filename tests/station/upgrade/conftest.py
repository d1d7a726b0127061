"""A place to install to, and a console that answers there."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.install.layout import Layout
from tests.ports import free_port


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(
        prefix=tmp_path / "opt",
        settings=tmp_path / "etc/minwang.toml",
        data=tmp_path / "data",
        wrapper=tmp_path / "bin/minwang",
        units=tmp_path / "units",
        user="",
    )
    for folder in (made.releases, made.database_copies, made.settings.parent, made.data, made.units):
        folder.mkdir(parents=True)
    made.settings.write_text(
        f'inventory = "{tmp_path / "none.yaml"}"\n[data]\ndir = "{made.data}"\n[web]\nport = '
        f"{free_port()}\n[patrol]\nworkers = 1\n"
    )
    return made


class Console(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def console(layout: Layout) -> Iterator[None]:
    text = layout.settings.read_text()
    port = int(text.partition("port = ")[2].split()[0])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Console)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()
