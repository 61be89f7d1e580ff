# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A real browser, driven over two pipes with Chromium's DevTools protocol; no port, no package."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
WHY_NOT = 'needs Chromium: apt-get install chromium'

_PATIENCE_S = 30.0
_KEYS = {'ArrowRight': 39, 'ArrowLeft': 37, 'Enter': 13, 'Escape': 27, 'Tab': 9}


class Unanswered(Exception):
    """The browser hangs."""


class Page:
    """One page of the browser."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._read = b''
        self._calls = 0
        self._session = ''
        self.requests: list[str] = []  # addresses asked for; those of data: are shortened
        self.errors: list[str] = []  # of scripts, and of the policy
        target = self._call('Target.createTarget', url='about:blank')['targetId']
        attached = self._call('Target.attachToTarget', targetId=target, flatten=True)
        self._session = attached['sessionId']
        for domain in ('Page', 'Runtime', 'Network', 'Log'):
            self._call(f'{domain}.enable')

    def open(self, path: Path) -> None:
        """Open a file and wait until it is loaded."""
        self._call('Page.navigate', url=path.as_uri())
        self.wait('document.readyState === "complete"')

    def run(self, script: str) -> Any:
        """The value of an expression."""
        got = self._call('Runtime.evaluate', expression=script, returnByValue=True)
        assert 'exceptionDetails' not in got, got['exceptionDetails']
        return got['result'].get('value')

    def wait(self, script: str) -> None:
        """Wait for an expression to be true."""
        end = time.monotonic() + _PATIENCE_S
        while self.run(script) is not True:
            assert time.monotonic() < end, f'never true: {script}'
            time.sleep(0.02)

    def click(self, selector: str, at: tuple[float, float] = (0.5, 0.5)) -> None:
        """Click in an element, as a mouse does. at: where, in parts of its width and height."""
        x, y = self._place(selector, at)
        for kind in ('mousePressed', 'mouseReleased'):
            self._mouse(kind, x, y, button='left', clickCount=1)

    def drag(self, selector: str, start: float, end: float) -> None:
        """Draw over an element from left to right, between two parts of its width."""
        x, y = self._place(selector, (start, 0.5))
        to = self._place(selector, (end, 0.5))[0]
        self._mouse('mousePressed', x, y, button='left', clickCount=1)
        for share in (0.5, 1.0):
            self._mouse('mouseMoved', x + (to - x) * share, y, button='left', buttons=1)
        self._mouse('mouseReleased', to, y, button='left', clickCount=1)

    def wheel(self, selector: str, pixels: float, at: float = 0.5) -> None:
        """Turn the wheel over an element; negative pixels are away from oneself."""
        x, y = self._place(selector, (at, 0.5))
        self._mouse('mouseWheel', x, y, deltaX=0, deltaY=pixels)

    def press(self, key: str) -> None:
        """Press a key."""
        code = _KEYS.get(key) or ord(key.upper())
        text = {'text': key} if len(key) == 1 else {}
        self._call('Input.dispatchKeyEvent', type='keyDown' if text else 'rawKeyDown', key=key,
                   code=key, windowsVirtualKeyCode=code, **text)  # fmt: skip
        self._call('Input.dispatchKeyEvent', type='keyUp', key=key, code=key,
                   windowsVirtualKeyCode=code)  # fmt: skip

    def be_dark(self, *, dark: bool) -> None:
        """Let the system be dark, or light."""
        scheme = {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}
        self._call('Emulation.setEmulatedMedia', features=[scheme])

    def save_to(self, folder: Path) -> None:
        """Downloads go to a folder, without asking."""
        self._call('Browser.setDownloadBehavior', behavior='allow', downloadPath=str(folder))

    def wait_for_file(self, path: Path) -> None:
        """Wait for a download to be complete."""
        end = time.monotonic() + _PATIENCE_S
        while not path.exists() or path.with_name(f'{path.name}.crdownload').exists():
            assert time.monotonic() < end, f'never saved: {sorted(path.parent.iterdir())}'
            self.run('0')
            time.sleep(0.02)

    def paste(self) -> str:
        """The text that was copied last."""
        self._call('Browser.grantPermissions', permissions=['clipboardReadWrite'])
        got = self._call('Runtime.evaluate', expression='navigator.clipboard.readText()',
                         awaitPromise=True, returnByValue=True)  # fmt: skip
        assert 'exceptionDetails' not in got, got['exceptionDetails']
        return got['result']['value']

    def print(self) -> bytes:
        """The page as PDF, as a printer gets it."""
        return base64.b64decode(self._call('Page.printToPDF')['data'])

    def screenshot(self) -> bytes:
        """What can be seen, as PNG."""
        return base64.b64decode(self._call('Page.captureScreenshot')['data'])

    def close_browser(self) -> None:
        """Ask it to end."""
        self._session = ''
        self._call('Browser.close')

    def _place(self, selector: str, at: tuple[float, float]) -> tuple[float, float]:
        """A place in an element, in pixels of the window; the element is brought into view."""
        box = self.run(
            f'(() => {{ const one = document.querySelector({json.dumps(selector)});'
            'one.scrollIntoView({block: "center"}); const box = one.getBoundingClientRect();'
            'return [box.x, box.y, box.width, box.height]; })()'
        )
        return box[0] + at[0] * box[2], box[1] + at[1] * box[3]

    def _mouse(self, kind: str, x: float, y: float, **details: Any) -> None:
        self._call('Input.dispatchMouseEvent', type=kind, x=x, y=y, **details)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._calls += 1
        message: dict[str, Any] = {'id': self._calls, 'method': method, 'params': parameters}
        if self._session:
            message['sessionId'] = self._session
        os.write(self._to, json.dumps(message).encode() + b'\0')
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            got = self._next(deadline)
            if got.get('id') == self._calls:
                assert 'error' not in got, f'{method}: {got["error"]}'
                return got['result']
            self._note(got)

    def _note(self, event: dict[str, Any]) -> None:
        details = event.get('params', {})
        match event.get('method'):
            case 'Network.requestWillBeSent':
                self.requests.append(details['request']['url'][:200])
            case 'Runtime.exceptionThrown':
                self.errors.append(str(details['exceptionDetails']))
            case 'Log.entryAdded':
                self.errors.append(details['entry']['text'])

    def _next(self, deadline: float) -> dict[str, Any]:
        while b'\0' not in self._read:
            left_s = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self._from], [], [], left_s)
            # A browser that tells of events without end answers nothing either.
            if not ready or not left_s:
                raise Unanswered(f'the browser does not answer within {_PATIENCE_S:g} s')
            piece = os.read(self._from, 1 << 20)
            assert piece, 'the browser has ended'
            self._read += piece
        message, self._read = self._read.split(b'\0', 1)
        return json.loads(message)


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A page of a new browser, which ends with the block. `profile`: a folder for what it keeps.

    A browser that hangs at its start is started a second time.
    """
    assert CHROMIUM, WHY_NOT
    chromium = _Chromium(profile / 'first')
    try:
        try:
            page = Page(*chromium.pipes)
        except Unanswered:
            chromium.end()
            chromium = _Chromium(profile / 'second')
            page = Page(*chromium.pipes)
        yield page
        page.close_browser()
        chromium.process.wait(_PATIENCE_S)
    finally:
        chromium.end()


class _Chromium:
    """The browser's processes, and the pipes to and from them."""

    def __init__(self, profile: Path) -> None:
        their_in, our_out = os.pipe()
        our_in, their_out = os.pipe()
        self.pipes = our_out, our_in
        flags = [
            '--headless=new',
            '--remote-debugging-pipe',
            '--no-sandbox',  # it opens our own page only, and in a container there is no other way
            '--disable-gpu',
            '--disable-dev-shm-usage',
            '--disable-background-networking',
            '--no-first-run',
            '--window-size=1200,900',
            f'--user-data-dir={profile}',
        ]
        # The browser reads file 3 and writes file 4.
        shell = f'exec "$@" 3<&{their_in} 4>&{their_out}'
        self.process = subprocess.Popen(
            ['bash', '-c', shell, 'bash', str(CHROMIUM), *flags],
            pass_fds=(their_in, their_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(their_in)
        os.close(their_out)

    def end(self) -> None:
        """End all processes that are left, and close the pipes."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for pipe in self.pipes:
            os.close(pipe)
