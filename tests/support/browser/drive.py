"""Drives a headless Chromium over its debugging pipe, for tests that look at pages.

One JSON object a line comes in, one a line goes out: `{"ok": ...}` or `{"error": TEXT}`. Commands:
`open` (path, width, height, scheme, script), `evaluate` (script), `screenshot` (file, whole), `press` (key), `hover` (selector),
`report`. The browser ends when standard input does. Everything that the page asks the network for is counted and
refused, except the page itself.
"""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# Long, since tests run beside each other on small machines.
WAIT = 180.0
FLAGS = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--mute-audio",
    "--no-first-run",
    "--no-default-browser-check",
    # Nothing outside this machine may be asked for, not even by the browser itself.
    "--host-resolver-rules=MAP * ~NOTFOUND",
]


class Failed(Exception):
    """The browser or the page refused something."""


class Browser:
    """A browser with one page."""

    def __init__(self, folder: str) -> None:
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()
        flags = [*FLAGS, f"--user-data-dir={folder}"]
        if os.getuid() == 0:
            # Chromium refuses its sandbox to root. The pages are our own and fetch nothing.
            flags.append("--no-sandbox")
        # The debugging pipe is descriptor 3 (commands) and 4 (answers). They are moved out of the way first, so that
        # neither overwrites the other.
        high = [os.dup2(to_browser, 103, inheritable=True), os.dup2(from_browser, 104, inheritable=True)]
        program = 'exec "$0" "$@" 3<&103 4>&104 103<&- 104>&-'
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", program, "chromium", *flags, "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=high,
            start_new_session=True,
        )
        for descriptor in [to_browser, from_browser, *high]:
            os.close(descriptor)
        self.number = 0
        self.pending = b""
        self.console: list[str] = []
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        self.loaded = False
        self.session: str | None = None
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        # Without a window nothing has the focus, and keys go nowhere.
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def end(self) -> None:
        """Ends the browser with everything that it started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Sends a command and waits for its answer; events on the way are taken note of."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.write_end, data) :]
        limit = time.monotonic() + WAIT
        while True:
            answer = self.next(limit, method)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise Failed(f"{method}: {answer['error'].get('message')}")
                return answer.get("result", {})
            self.event(answer)

    def next(self, limit: float, what: str) -> dict[str, Any]:
        """The next message of the browser."""
        while b"\0" not in self.pending:
            left = limit - time.monotonic()
            if left <= 0 or not select.select([self.read_end], [], [], left)[0]:
                raise Failed(f"chromium did not answer to {what} within {WAIT:.0f} s")
            piece = os.read(self.read_end, 1 << 20)
            if not piece:
                raise Failed(f"chromium ended at {what}; `chromium --headless` tells why")
            self.pending += piece
        line, _, self.pending = self.pending.partition(b"\0")
        return json.loads(line)

    def event(self, message: dict[str, Any]) -> None:
        """Takes note of an event."""
        method, about = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Runtime.consoleAPICalled":
            values = [str(one.get("value", one.get("description"))) for one in about["args"]]
            self.console.append(f"{about['type']}: {' '.join(values)}")
        elif method == "Runtime.exceptionThrown":
            details = about["exceptionDetails"]
            self.console.append(f"exception: {details.get('exception', {}).get('description', details['text'])}")
        elif method == "Log.entryAdded":
            entry = about["entry"]
            self.console.append(f"{entry['level']}: {entry['text']}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"][:300])
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(about["message"])
            self.call("Page.handleJavaScriptDialog", accept=False)

    def open(
        self, path: str, width: int = 1366, height: int = 768, scheme: str = "light", script: bool = True
    ) -> dict[str, Any]:
        """Opens a file and waits until it is there."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.call("Network.setBlockedURLs", urls=["http://*", "https://*", "ws://*", "wss://*", "ftp://*"])
        self.console, self.requests, self.dialogs, self.loaded = [], [], [], False
        started = time.monotonic()
        gone = self.call("Page.navigate", url=Path(path).resolve().as_uri())
        if gone.get("errorText"):
            raise Failed(f"{path}: {gone['errorText']}")
        limit = time.monotonic() + WAIT
        while not self.loaded:
            self.event(self.next(limit, f"opening {path}"))
        return {"milliseconds": round((time.monotonic() - started) * 1000)}

    def evaluate(self, script: str) -> Any:
        """The value of an expression on the page; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise Failed(f"{script[:200]}: {details.get('exception', {}).get('description', details['text'])}")
        return answer["result"].get("value")

    def screenshot(self, file: str, whole: bool = False, clip: dict[str, float] | None = None) -> str:
        """Writes what is to be seen, or the whole page, as PNG."""
        more: dict[str, Any] = {"captureBeyondViewport": whole}
        if clip:
            more["clip"] = {**clip, "scale": 1}
        picture = self.call("Page.captureScreenshot", format="png", **more)
        Path(file).write_bytes(base64.b64decode(picture["data"]))
        return file

    def press(self, key: str) -> None:
        """Presses a key."""
        code = {"Tab": 9, "Enter": 13, " ": 32}[key]
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def hover(self, selector: str) -> None:
        """Moves the pointer over an element."""
        script = (
            f"(() => {{ const it = document.querySelector({json.dumps(selector)}); it.scrollIntoView({{block: 'center'}});"
            " const at = it.getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2]; })()"
        )
        x, y = self.evaluate(script)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def report(self) -> dict[str, Any]:
        """What the page said and asked for since it was opened."""
        # An answer comes behind every event that was sent before it.
        self.call("Runtime.evaluate", expression="0")
        return {"console": self.console, "requests": self.requests, "dialogs": self.dialogs}


COMMANDS = ("open", "evaluate", "screenshot", "press", "hover", "report")


def main() -> None:
    """Does what standard input says, until it ends."""
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as folder:
        browser = Browser(folder)
        try:
            for line in sys.stdin:
                request = json.loads(line)
                name = request.pop("do")
                try:
                    if name not in COMMANDS:
                        raise Failed(f"no command {name}")
                    answer = {"ok": getattr(browser, name)(**request)}
                except Failed as error:
                    answer = {"error": str(error)}
                print(json.dumps(answer), flush=True)
        finally:
            browser.end()


if __name__ == "__main__":
    main()
