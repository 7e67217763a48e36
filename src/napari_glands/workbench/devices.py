"""Tells the steps that run networks where these run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_glands.widgets.device_badge import DeviceBadge

if TYPE_CHECKING:
    from napari_glands.workbench.session import Session

__all__ = ["DeviceTeller"]


class DeviceTeller(QObject):
    """Keeps a badge true: from when it is first seen on, and when another device is wished for.

    Finding out means loading torch, which takes seconds: it is done aside, and not before anybody
    looks.
    """

    def __init__(self, session: Session, badge: DeviceBadge) -> None:
        super().__init__(badge)
        self._session, self._badge = session, badge
        self._told = ""
        badge.wanted.connect(self.update)
        session.settings_changed.connect(self.update)
        session.changed.connect(self.update)

    def update(self) -> None:
        """Find out, unless the badge says it already or nobody sees it."""
        wish = self._session.settings.general.device
        if wish == self._told or not self._badge.isVisible():
            return
        self._told = wish

        def work() -> tuple[bool, str]:
            from napari_glands.exterior import choose_device

            device = choose_device(wish)
            return device.name != "cpu", device.reason

        def show(found: tuple[bool, str]) -> None:
            if wish == self._told:
                self._badge.show_device(*found)

        def failed(message: str) -> None:
            if wish == self._told:
                self._badge.show_problem(message)

        self._session.tasks.aside(work, show, failed)
