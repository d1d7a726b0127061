"""Opens the console's ports: plain HTTP, or HTTPS whose certificate is renewed and replaced while it serves.

With HTTPS, an additional plain HTTP port redirects to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re

from aiohttp import web

from core.clock import Clock
from core.errors import CertificateError, MinwangError, NotFoundError
from core.network import ports
from core.settings import Settings, TlsMode
from web.http import connection_limits, security_headers
from web.http.exposure import exposure, exposure_sentence
from web.http.tls_site import TlsSite
from web.tls import install_page
from web.tls.authority import Authority
from web.tls.certificate import EXPIRES_SOON_DAYS, check_dates
from web.tls.context import TlsContext

log = logging.getLogger(__name__)
_HOST = re.compile(r"([\w.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(:\d{1,5})?")


class Listener:
    """The ports of one controller. Call `load`, `start`, `maintain` once a minute, and `close`."""

    def __init__(self, settings: Settings, clock: Clock):
        self._settings = settings
        self._clock = clock
        self._tls: TlsContext | None = None
        self._redirect: web.AppRunner | None = None
        self._said = self._failed = ""

    async def load(self) -> None:
        """Load what serving needs before any port opens. Raises CertificateError if the certificate cannot serve."""
        if self._settings.web.tls is TlsMode.OWN:
            self._tls = await asyncio.to_thread(self._load)

    async def start(self, runner: web.AppRunner) -> None:
        """Open the ports; call `load` first. Raises StorageError if a port cannot be used."""
        where = self._settings.web
        context = self._tls.listener if self._tls is not None else None
        await _listen(TlsSite(runner, where.host, where.port, context), where.host, where.port, "web.port")
        if context is not None and where.redirect_port:
            self._redirect = connection_limits.Runner(redirecting(self._settings), where, shutdown_timeout=1)
            await self._redirect.setup()
            site = TlsSite(self._redirect, where.host, where.redirect_port)
            await _listen(site, where.host, where.redirect_port, "web.redirect_port")
        log.info("console at %s", address(self._settings))
        if exposed := exposure(where):
            log.warning("%s", exposure_sentence(where, exposed))
        self._say_dates()

    async def maintain(self) -> None:
        """Renew a certificate of the station's own authority, load a changed one, and log when it expires soon."""
        if self._tls is None:
            return
        failed = ""
        try:
            await asyncio.to_thread(self._renew)
            if await asyncio.to_thread(self._tls.reload, self._clock.now()):
                log.info("now serving with a new certificate for: %s", ", ".join(self._tls.certificate.names))
        except (MinwangError, OSError) as e:
            failed = str(e)
            if failed != self._failed:  # log it once, not once a minute
                log.error("the present certificate stays in use: %s", e)
        self._failed = failed
        self._say_dates()

    async def close(self) -> None:
        if self._redirect is not None:
            await self._redirect.cleanup()

    def _load(self) -> TlsContext:
        with contextlib.suppress(MinwangError, OSError):
            self._renew()  # it may have expired while the station was off; if renewal fails, `_say_dates` logs it
        return TlsContext(*self._settings.certificate_files)

    def _renew(self) -> None:
        if self._settings.web.certificate is None:
            renewed = Authority(self._settings.data.dir).renew_if_due(self._clock.now())
            if renewed is not None:
                log.info("the certificate was renewed until %s", f"{renewed.own.not_valid_after_utc:%Y-%m-%d}")

    def _say_dates(self) -> None:
        """Log an expired certificate, or one that expires soon; each sentence once."""
        if self._tls is None:
            return
        found, now, said, level = self._tls.certificate, self._clock.now(), "", logging.WARNING
        try:
            check_dates(found, now)
        except CertificateError as e:
            said, level = f"browsers refuse the console's certificate: {e}", logging.ERROR
        else:
            left = int(found.days_left(now))
            if left < EXPIRES_SOON_DAYS:
                said = f"{found.path}: the certificate expires in {left} days; renew it"
        if said and said != self._said:
            log.log(level, "%s", said)
        self._said = said


def address(settings: Settings) -> str:
    """Return the console's URL."""
    scheme = "https" if settings.web.tls is TlsMode.OWN else "http"
    host = f"[{settings.web.host}]" if ":" in settings.web.host else settings.web.host
    return f"{scheme}://{host}:{settings.web.port}"


def redirecting(settings: Settings) -> web.Application:
    """Return the application that redirects browsers to HTTPS.

    It also serves the install page, for phones that do not trust the certificate yet.
    """

    async def lead(request: web.Request) -> web.StreamResponse:
        if request.path in (install_page.PAGE, install_page.CERTIFICATE, install_page.PROFILE):
            try:
                return await asyncio.to_thread(install_page.answer, settings.data.dir, request.path)
            except NotFoundError as e:
                return web.Response(status=404, text=f"{e}\n")
        host = _HOST.fullmatch(request.host)
        if request.method not in ("GET", "HEAD") or host is None:
            # This request was readable on the network: refuse it instead of redirecting it.
            return web.Response(status=403, text="this station answers over https only\n")
        port = "" if settings.web.port == 443 else f":{settings.web.port}"
        return web.Response(status=308, headers={"Location": f"https://{host.group(1)}{port}{request.path_qs}"})

    app = web.Application(middlewares=[security_headers.middleware], client_max_size=1024)
    app.router.add_route("*", "/{path:.*}", lead)
    return app


async def _listen(site: TlsSite, host: str, port: int, setting: str) -> None:
    try:
        await site.start()
    except OSError as e:
        raise ports.refusal(host, port, setting, e) from e
