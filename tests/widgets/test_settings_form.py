from __future__ import annotations

import pytest
from magicgui.widgets import CheckBox, ComboBox, SpinBox
from qtpy.QtWidgets import QLabel

from napari_glands.errors import GlandsError
from napari_glands.settings import (
    ExportSettings,
    ExteriorSettings,
    GeneralSettings,
    PredictSettings,
    PriorSettings,
    TrainSettings,
)
from napari_glands.widgets.settings_form import SettingsForm, form_values, settings_form

MODELS = [
    GeneralSettings,
    ExteriorSettings,
    PriorSettings,
    TrainSettings,
    PredictSettings,
    ExportSettings,
]


@pytest.fixture
def make_form(qtbot):
    def make(settings, **options) -> SettingsForm:
        form = settings_form(settings, **options)
        qtbot.addWidget(form)
        return form

    return make


@pytest.mark.parametrize("model", MODELS)
def test_form_shows_every_default_unchanged(make_form, model):
    form = make_form(model())
    assert form.settings() == model()


def test_labels_carry_title_and_unit_and_tooltips_the_description(make_form):
    form = make_form(PriorSettings())
    labels = {label.text(): label.toolTip() for label in form.findChildren(QLabel)}
    assert "Smallest interior (µm²)" in labels
    assert labels["Smallest interior (µm²)"] == "Smaller enclosed spots are dropped."


def test_kinds_of_fields_get_fitting_widgets(make_form):
    form = make_form(TrainSettings())
    assert isinstance(form.field("weights"), ComboBox)
    assert isinstance(form.field("omission"), CheckBox)
    assert isinstance(form.field("iterations"), SpinBox)


def test_small_steps_are_not_rounded_away(make_form):
    form = make_form(TrainSettings(learning_rate=0.0005))
    assert form_values(form)["learning_rate"] == pytest.approx(0.0005)


def test_bounds_of_the_model_are_those_of_the_widget(make_form):
    field = make_form(ExteriorSettings()).field("clusters")
    assert (field.min, field.max) == (2, 20)


def test_advanced_fields_are_folded_away_until_asked_for(make_form, qtbot):
    form = make_form(ExteriorSettings())
    form.show()
    rate = form.field("learning_rate").native
    assert not rate.isVisible() or form.advanced_section.content().height() == 0
    form.advanced_section.toggleButton().click()
    qtbot.waitUntil(rate.isVisible)


@pytest.mark.parametrize(("text", "value"), [("", None), ("3", 3), (" 2 ", 2)])
def test_optional_number_may_be_empty(make_form, text, value):
    form = make_form(ExteriorSettings())
    form.field("exterior_cluster").value = text
    assert form.settings().exterior_cluster == value


def test_optional_number_that_is_none_is_refused_in_plain_words(make_form):
    form = make_form(ExteriorSettings())
    form.field("exterior_cluster").value = "two"
    with pytest.raises(GlandsError, match=r"Exterior cluster: 'two' is not a whole number"):
        form.settings()


def test_value_at_an_open_bound_is_refused_by_the_field_name_that_the_user_sees(make_form):
    form = make_form(PriorSettings())
    form.field("strictest").value = 0
    with pytest.raises(GlandsError, match="Strictest level must be greater than 0"):
        form.settings()


def test_skipped_fields_keep_their_value(make_form):
    form = make_form(ExteriorSettings(exterior_cluster=4), skip=("exterior_cluster",))
    assert form.settings().exterior_cluster == 4


def test_editing_announces_a_change_and_showing_other_settings_does_not(make_form, qtbot):
    form = make_form(PredictSettings())
    with qtbot.waitSignal(form.changed):
        form.field("threshold").value = 0.7
    with qtbot.assertNotEmitted(form.changed):
        form.set_settings(PredictSettings(threshold=0.3))
    assert form.settings().threshold == pytest.approx(0.3)
