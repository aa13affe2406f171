"""
Widgets of our own that are buttons: numbers and bars to click, and a file to save.

Bars are HTML buttons, not a plotly figure: they can be reached by keyboard, read aloud and clicked
at any place of their row, and a redraw cannot leave an old picture behind (plotly's FigureWidget
does that in JupyterLab). Labels are set as text, so that nothing from outside becomes HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

import anywidget
import traitlets

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Choice:
    """One button: ``key`` names it, ``share`` is the length of its bar between 0 and 1."""

    key: str
    label: str
    value: str
    note: str = ""
    share: float = 0.0
    tone: str = "neutral"


def _script(name: str) -> str:
    return resources.files("soe_lib.views").joinpath(name).read_text(encoding="utf-8")


class Choices(anywidget.AnyWidget):
    """
    Buttons that look like numbers (``tiles``) or like bars.

    Attributes
    ----------
    chosen
        Last click: ``key`` of the button, ``stamp`` of the click. The page may send anything: check
        the key.
    revision
        How often it was drawn (tests wait for it).
    """

    _esm = _script("choices.js")
    look = traitlets.Enum(("tiles", "bars"), "bars").tag(sync=True)
    items: Any = traitlets.List().tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)
    revision = traitlets.Int(0).tag(sync=True)
    chosen = traitlets.Dict().tag(sync=True)

    def draw(self, items: Sequence[Choice], selected: str = "") -> None:
        """Show other buttons; ``selected`` is the key of the one that is pressed."""
        keys = [item.key for item in items]
        with self.hold_sync():
            self.items = [asdict(item) for item in items]
            self.selected = keys.index(selected) if selected in keys else -1
            self.revision += 1


class Download(anywidget.AnyWidget):
    """
    A button that saves a file in the browser.

    Parameters
    ----------
    make
        Called at a click; returns the file's name and its bytes.
    """

    _esm = _script("download.js")
    label = traitlets.Unicode("Save as xlsx").tag(sync=True)
    is_ready = traitlets.Bool(False).tag(sync=True)

    def __init__(self, make: Callable[[], tuple[str, bytes]], **traits: Any) -> None:
        super().__init__(**traits)
        self._make = make
        self.on_msg(self._asked)

    def _asked(self, _: Any, content: Any, __: Any) -> None:
        if isinstance(content, dict) and content.get("kind") == "wanted" and self.is_ready:
            name, data = self._make()
            self.send({"kind": "file", "name": name, "type": XLSX}, [data])
