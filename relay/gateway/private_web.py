"""The private port: /metrics for Prometheus and /healthz for a supervisor. The public port never serves these."""

from collections.abc import Awaitable, Callable

from aiohttp import web


async def start_private_web(
    host: str, port: int, render_metrics: Callable[[], bytes], is_healthy: Callable[[], Awaitable[bool]]
) -> web.AppRunner:
    """Start listening and return the runner, whose `cleanup` ends it. Raises OSError if the port is in use."""

    async def answer_metrics(_: web.Request) -> web.Response:
        return web.Response(body=render_metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def answer_health(_: web.Request) -> web.Response:
        if await is_healthy():
            return web.Response(text="ok\n")
        return web.Response(status=503, text="the database does not answer\n")

    app = web.Application()
    app.router.add_get("/metrics", answer_metrics)
    app.router.add_get("/healthz", answer_health)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
