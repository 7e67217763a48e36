"""The buttons of the tools tied to the toolbox."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_glands.widgets.tools_view import ToolRow, ToolsView
from napari_glands.workbench.keys import TOOL_KEYS, shown_key
from napari_glands.workbench.tools.kinds import AMOUNTS, TOOLS
from napari_glands.workbench.tools.toolbox import Role

if TYPE_CHECKING:
    from napari_glands.workbench.session import Session

__all__ = ["bind_tools"]


class _ToolsBinding(QObject):
    """Ends with its view."""

    def __init__(self, session: Session, view: ToolsView, role: Role) -> None:
        super().__init__(view)
        self._session, self._view, self._role = session, view, role
        tools = session.tools
        view.tool_chosen.connect(self._choose)
        view.amount_changed.connect(tools.set_amount)
        view.escaped.connect(tools.put_down)
        tools.changed.connect(self._update)
        tools.said.connect(self._say)
        session.curation.changed.connect(self._update_usable)
        session.changed.connect(self._update_usable)
        self._update()
        self._update_usable()

    def _choose(self, name: str) -> None:
        self._session.tools.choose(name, self._role)
        self._update()  # a button that was refused springs back

    def _say(self, text: str, problem: bool) -> None:
        self._view.say(text, problem=problem)

    def _update(self) -> None:
        tools = self._session.tools
        tool = tools.active
        if tool is None or not tool.amount:
            self._view.show_tool("" if tool is None else tool.name, None)
            return
        row = replace(AMOUNTS[tool.amount], value=tools.amount(tool))
        self._view.show_tool(tool.name, row)

    def _update_usable(self) -> None:
        editor = getattr(self._session.curation, self._role)
        if editor.layer is None:
            self._view.set_usable(False, f"There are no {self._role} on show yet.")
        else:
            reason = self._session.facts.read_only_reason or "Wait a moment."
            self._view.set_usable(editor.editable, reason)


def bind_tools(session: Session, role: Role) -> ToolsView:
    """Make the buttons that work on priors or on glands."""
    view = ToolsView(
        [ToolRow(t.name, t.title, shown_key(TOOL_KEYS[t.name]), t.tooltip) for t in TOOLS]
    )
    _ToolsBinding(session, view, role)
    return view
