"""Forms made from the settings models: title, unit, description and bounds come from one place."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, LineEdit, SpinBox
from magicgui.widgets.bases import ValueWidget
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_glands.errors import GlandsError
from napari_glands.settings import StepSettings
from napari_glands.widgets.text import PlainLabel

__all__ = ["SettingsForm", "form_values", "settings_form"]

_UNBOUNDED = 1_000_000_000
_AUTOMATIC = "automatic"

_Row = tuple[FieldInfo, ValueWidget]


class SettingsForm(QWidget):
    """The editable fields of one settings model; advanced ones lie in a collapsed section.

    Parameters
    ----------
    settings
        The settings to show at first; its type decides the fields.
    skip
        Names of fields that another control of the view takes care of.
    """

    changed = Signal()

    def __init__(self, settings: StepSettings, skip: Collection[str] = ()) -> None:
        super().__init__()
        self._settings = settings
        self._widgets = {
            name: _field_widget(name, field, getattr(settings, name))
            for name, field in type(settings).model_fields.items()
            if name not in skip
        }
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        basic, advanced = self._split()
        if basic:
            layout.addWidget(_rows(basic))
        if advanced:
            section = QCollapsible("More settings", expandedIcon="▼", collapsedIcon="▶")
            section.setDuration(0)  # an animation would make clicks in the section miss
            section.addWidget(_rows(advanced))
            layout.addWidget(section)
            self.advanced_section = section
        for widget in self._widgets.values():
            widget.changed.connect(self._on_changed)

    def _split(
        self,
    ) -> tuple[list[tuple[FieldInfo, ValueWidget]], list[tuple[FieldInfo, ValueWidget]]]:
        """Return the basic and the advanced fields with their widgets."""
        fields = type(self._settings).model_fields
        pairs = [(fields[name], widget) for name, widget in self._widgets.items()]
        basic = [pair for pair in pairs if not _extra(pair[0]).get("advanced")]
        return basic, [pair for pair in pairs if pair not in basic]

    def _on_changed(self) -> None:
        self.changed.emit()

    def field(self, name: str) -> ValueWidget:
        """Return the magicgui widget of one field."""
        return self._widgets[name]

    def values(self) -> dict[str, Any]:
        """Return the values shown, by field name.

        Raises
        ------
        GlandsError
            When a field that may be left empty holds something that is not a whole number.
        """
        return {name: _read(widget) for name, widget in self._widgets.items()}

    def settings(self) -> StepSettings:
        """Return the settings shown, validated; skipped fields keep what they were.

        Raises
        ------
        GlandsError
            When a value is out of bounds; the message names the field by its label.
        """
        model = type(self._settings)
        try:
            return model.model_validate({**self._settings.model_dump(), **self.values()})
        except ValidationError as error:
            raise GlandsError(_plain(error, model.model_fields)) from error

    def shows(self, settings: StepSettings) -> bool:
        """Tell whether the form shows these settings; one with a wrong value shows none."""
        try:
            return self.settings() == settings
        except GlandsError:
            return False

    def set_settings(self, settings: StepSettings) -> None:
        """Show other settings of the same type without announcing a change."""
        self._settings = settings
        for name, widget in self._widgets.items():
            with widget.changed.blocked():
                _write(widget, getattr(settings, name))


def settings_form(settings: StepSettings, skip: Collection[str] = ()) -> SettingsForm:
    """Make the form of a settings model."""
    return SettingsForm(settings, skip)


def form_values(form: SettingsForm) -> dict[str, Any]:
    """Return the values that a form shows, by field name."""
    return form.values()


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _label(field: FieldInfo) -> str:
    unit = _extra(field).get("unit")
    return f"{field.title} ({unit})" if unit else str(field.title)


def _rows(widgets: list[_Row]) -> QWidget:
    """Return the fields below each other, labels and fields aligned in two columns."""
    frame = QWidget()
    layout = QFormLayout(frame)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setVerticalSpacing(3)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    for field, widget in widgets:
        label = PlainLabel(_label(field))
        label.setToolTip(widget.tooltip or "")
        layout.addRow(label, widget.native)
    return frame


def _field_widget(name: str, field: FieldInfo, value: Any) -> ValueWidget:
    """Return the magicgui widget for one field, showing `value`."""
    common: dict[str, Any] = {
        "name": name,
        "label": _label(field),
        "tooltip": field.description or "",
    }
    kind = field.annotation
    if get_origin(kind) is Literal:
        return ComboBox(choices=get_args(kind), value=value, **common)
    if _is_optional(kind):
        widget = LineEdit(value="" if value is None else str(value), **common)
        widget.native.setPlaceholderText(_AUTOMATIC)
        return widget
    if kind is bool:
        box = CheckBox(value=value, name=name, tooltip=field.description)
        box.native.setText("")  # the label stands before it, as for the other fields
        return box
    if kind is int:
        low, high = _bounds(field, whole=True)
        return SpinBox(value=value, min=low, max=high, **common)
    if kind is float:
        return _float_widget(field, value, common)
    return LineEdit(value=str(value), **common)


def _float_widget(field: FieldInfo, value: float, common: dict[str, Any]) -> ValueWidget:
    low, high = _bounds(field, whole=False)
    widget = FloatSpinBox(**common)
    # Two decimals would turn a learning rate of 0.001 into 0.
    digits = len(f"{field.default:f}".rstrip("0").partition(".")[2])
    widget.native.setDecimals(max(2, digits + 1))
    widget.min, widget.max = low, high
    widget.value = value
    return widget


def _is_optional(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind)


def _bounds(field: FieldInfo, *, whole: bool) -> tuple[float, float]:
    """Return the closed range of a spin box; open ends are checked when the values are read."""
    nudge = 1 if whole else 0
    low, high = -_UNBOUNDED, _UNBOUNDED
    for rule in field.metadata:
        if isinstance(rule, annotated_types.Ge):
            low = rule.ge  # type: ignore[assignment]
        elif isinstance(rule, annotated_types.Gt):
            low = rule.gt + nudge  # type: ignore[operator]
        elif isinstance(rule, annotated_types.Le):
            high = rule.le  # type: ignore[assignment]
        elif isinstance(rule, annotated_types.Lt):
            high = rule.lt - nudge  # type: ignore[operator]
    return low, high


def _read(widget: ValueWidget) -> Any:
    if not (isinstance(widget, LineEdit) and widget.native.placeholderText() == _AUTOMATIC):
        return widget.value
    text = widget.value.strip()
    if text in ("", _AUTOMATIC):
        return None
    if not text.isdigit():
        raise GlandsError(f"{widget.label}: {text!r} is not a whole number; empty is automatic.")
    return int(text)


def _write(widget: ValueWidget, value: Any) -> None:
    if isinstance(widget, LineEdit):
        value = "" if value is None else str(value)
    widget.value = value


def _plain(error: ValidationError, fields: Mapping[str, FieldInfo]) -> str:
    """Return one sentence per wrong field, by the label the user sees."""
    sentences = []
    for problem in error.errors():
        name = str(problem["loc"][0]) if problem["loc"] else ""
        label = fields[name].title if name in fields else name
        message = problem["msg"].replace("Input should be", "must be")
        sentences.append(f"{label} {message}, not {problem['input']!r}.")
    return " ".join(sentences)
