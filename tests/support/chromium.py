"""A page in headless Chromium, offline, with everything that it complained about or asked for."""

import time
from pathlib import Path
from typing import Any, Self

CHROMIUM = Path("/usr/bin/chromium")
WAIT_S = 20


class Visit:
    """One page in a context of its own.

    Attributes:
        page: The page of the driver.
        complaints: What the page wrote to the console, and its errors.
        requests: Addresses other than its own that it asked for; none is answered.
        loaded: What a test noted right after the page was drawn.
    """

    def __init__(self, browser: Any, file: Path, fragment: str = "", script: str = "", **options: Any) -> None:
        self.context = browser.new_context(offline=True, **{"viewport": {"width": 1400, "height": 900}, **options})
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.loaded: dict[str, object] = {}
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.route("**/*", self._route)
        if script:
            self.page.add_init_script(script)
        self.address = file.as_uri()
        self.page.goto(self.address + fragment)

    def _route(self, route: Any) -> None:
        if route.request.url.split("#")[0] == self.address:
            route.continue_()
        else:
            self.requests.append(route.request.url)
            route.abort()

    def until(self, expression: str, wanted: object = True) -> Self:  # noqa: FBT002 (plain default of a test helper)
        """Poll plain evaluations: the page's policy forbids the evaluation of strings that a driver would use to wait."""
        end = time.monotonic() + WAIT_S
        while (seen := self.page.evaluate(expression)) != wanted:
            assert time.monotonic() < end, f"{expression} is {seen!r}, not {wanted!r}"
            self.page.wait_for_timeout(40)
        return self

    def plot(self, state: str) -> Self:
        """Wait until the timeline of a report is in that state."""
        return self.until("() => document.getElementById('plot').dataset.state || ''", state)

    def range(self) -> list[float]:
        """Return the window that the timeline of a report shows, milliseconds UTC."""
        shown: list[float] = self.page.evaluate(
            "() => { const axis = document.getElementById('plot')._fullLayout.xaxis;"
            " const offset = document.getElementById('plot').layout.meta.offset_ms;"
            " return axis.range.map((edge) => axis.r2l(edge) - offset); }"
        )
        return shown

    def quiet(self) -> None:
        """Fail where the page complained or asked for anything."""
        assert self.complaints == []
        assert self.requests == []
