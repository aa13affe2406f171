"""Callbacks that never fail silently: Voila swallows what a callback raises, so it is shown."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets

LOG = logging.getLogger("soe.meeting")
EXPECTED = (ValueError, RuntimeError)
"""Errors whose text is written for people; others are named and logged."""


class Message:
    """A line on the page that says what happened last: done, refused or failed."""

    def __init__(self) -> None:
        self.widget = widgets.HTML()
        self.widget.add_class("soe-message")

    def say(self, text: str, tone: str = "neutral") -> None:
        """Show a sentence; ``tone`` is good, warn, bad or neutral."""
        if not text:
            self.widget.value = ""
            return
        self.widget.value = (
            f'<div class="soe-list soe-{escape(tone)}" role="status">{escape(text)}</div>'
        )


def guarded(message: Message, call: Callable[..., Any]) -> Callable[..., None]:
    """
    Wrap a callback so that whatever it raises is said on the page.

    Parameters
    ----------
    message
        Where it is said.
    call
        The callback.
    """

    @functools.wraps(call)
    def run(*arguments: Any, **named: Any) -> None:
        try:
            call(*arguments, **named)
        except EXPECTED as error:
            message.say(str(error), "bad")
        except Exception as error:
            LOG.exception("callback %s failed", getattr(call, "__name__", "?"))
            message.say(
                f"This did not work ({type(error).__name__}); the server's log has the details.",
                "bad",
            )

    return run
