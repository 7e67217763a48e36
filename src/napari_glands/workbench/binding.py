"""Each step's view tied to the session: signals one way, state the other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QMessageBox

from napari_glands.errors import GlandsError
from napari_glands.presets import PRESETS, preset
from napari_glands.progress import Event
from napari_glands.slides.pixel_size import describe_source
from napari_glands.widgets.export_view import ExportView
from napari_glands.widgets.exterior_view import ClusterRow, ExteriorView
from napari_glands.widgets.predict_view import PredictView
from napari_glands.widgets.priors_view import PriorsView
from napari_glands.widgets.slides_view import SlideRow, SlidesView
from napari_glands.widgets.step_view import StepView
from napari_glands.widgets.text import unguessed
from napari_glands.widgets.train_view import TrainView
from napari_glands.workbench import actions
from napari_glands.workbench.copying import StepCopier
from napari_glands.workbench.describing import describe_glands, describe_large, describe_models
from napari_glands.workbench.devices import DeviceTeller
from napari_glands.workbench.layers import cluster_color
from napari_glands.workbench.picking import ClusterPicker
from napari_glands.workbench.regions import Regions
from napari_glands.workbench.replacing import ask_first
from napari_glands.workbench.review import Review, make_review
from napari_glands.workbench.state import can_grow, resolve
from napari_glands.workbench.teaching import TeachingView
from napari_glands.workbench.tissue import TissueView
from napari_glands.workbench.tools.binding import bind_tools

if TYPE_CHECKING:
    from napari_glands.workbench.session import Session

__all__ = ["Binding", "make_step"]

# The field of `Settings` that each step's form edits.
_SETTINGS = {"slides": "general"}
_SAMPLES = (("ihc", "IHC colon glands"), ("synthetic", "Synthetic glands"))
_PRESETS = (
    ("quick", "Quick: a first look", "Ten images in under five minutes on two processor cores."),
    ("default", "Default", "What the published figures were taken with."),
    (
        "best",
        "Best: for a GPU",
        "A larger encoder, longer rounds; hours on a CPU.",
    ),
)


class Binding(QObject):
    """What all steps share: settings, readiness, running, and the status line.

    A child of its view: both, and their connections to the session, end together.
    """

    def __init__(self, session: Session, step: str, view: StepView) -> None:
        super().__init__(view)
        self.session, self.step, self.view = session, step, view
        self._field = _SETTINGS.get(step, step)
        StepCopier(session, step, view)
        view.settings_changed.connect(self._take_settings)
        session.said.connect(self._on_said)
        session.changed.connect(self.update)
        session.tasks.busy_changed.connect(self._on_busy)
        self._on_busy(session.tasks.busy)

    def update(self) -> None:
        """Show the session's state."""
        state = resolve(self.session.facts)[self.step]
        self.view.set_ready(state.ready, state.missing)
        form = self.view.form
        settings = getattr(self.session.settings, self._field)
        if form is not None and not form.shows(settings):
            form.set_settings(settings)

    def _take_settings(self) -> None:
        """Take over the form, unless it holds a value that is not allowed."""
        form = self.view.form
        if form is None:
            return
        try:
            self.session.set_step_settings(self._field, form.settings())
        except GlandsError as error:
            self.view.say(str(error), problem=True)
            self.view.set_ready(False)
        else:
            self.view.say("")
            self.update()

    def _on_said(self, step: str, text: str, problem: bool) -> None:
        if step == self.step:
            self.view.say(text, problem=problem)

    def _on_busy(self, busy: bool) -> None:
        self.view.set_running(busy)


class _Slides(Binding):
    view: SlidesView

    def __init__(self, session: Session, view: SlidesView) -> None:
        super().__init__(session, "slides", view)
        view.files_chosen.connect(session.intake.add_files)
        view.open_layers_requested.connect(session.intake.add_layers)
        view.sample_requested.connect(session.intake.add_sample)
        view.mpp_given.connect(session.intake.give_mpp)
        view.slide_chosen.connect(session.show_slide)
        regions = Regions(session, view)
        view.draw_requested.connect(regions.draw)
        view.use_requested.connect(regions.use)
        view.remove_requested.connect(regions.remove)
        TissueView(session, view)
        view.run_all.preset_chosen.connect(self._take_preset)
        start = partial(actions.run_all, session)
        view.run_all.run_requested.connect(lambda: ask_first(session, view, "all", start))
        session.settings_changed.connect(self._show_preset)
        if session.layers.untagged_images():
            view.say("There are open images in the viewer: Add open layers takes them.")

    def update(self) -> None:
        super().update()
        session = self.session
        asked = {slide.id for slide in session.intake.asked}
        waiting = [
            SlideRow(
                slide.id,
                slide.name,
                f"{slide.mpp:.3g}",
                slide.id in asked,
                "pixel size?",
                source=describe_source(slide.mpp_source),
                mpp=slide.mpp,
            )
            for slide in session.intake.pending.values()
        ]
        known = [
            SlideRow(
                slide.id,
                slide.name,
                f"{slide.mpp:.3g}",
                False,
                slide.state,
                slide.size,
                slide.region.of if slide.region else "",
                slide.large,
                describe_source(slide.mpp_source),
                slide.mpp,
            )
            for slide in session.facts.slides
        ]
        self.view.show_slides(known + waiting, session.current, session.intake.question())
        facts = session.facts
        self.view.set_all_ready(bool(facts.slides) and not facts.read_only_reason)
        self._show_preset()

    def _show_preset(self) -> None:
        settings = self.session.settings
        matching = [name for name in PRESETS if preset(name, settings) == settings]
        self.view.run_all.show_preset(matching[0] if matching else "")

    def _take_preset(self, name: str) -> None:
        self.session.settings = preset(name, self.session.settings)
        self.session.changed.emit()


class _Exterior(Binding):
    view: ExteriorView

    def __init__(self, session: Session, view: ExteriorView) -> None:
        super().__init__(session, "exterior", view)
        DeviceTeller(session, view.device)
        self._picker = ClusterPicker(session)
        start = partial(actions.run_exterior, session)
        view.run_requested.connect(lambda: ask_first(session, view, "exterior", start))
        view.preview_requested.connect(lambda: actions.preview(session))
        view.cluster_chosen.connect(lambda number: actions.choose_cluster(session, number))
        view.picking_toggled.connect(self._picker.set_active)

    def update(self) -> None:
        super().update()
        shown = self.session.shown
        self.view.preview_button.setEnabled(shown is not None)
        exterior = None if shown is None else shown.exterior
        if exterior is None:
            self.view.show_evidence([], 0)
            return
        rows = [
            ClusterRow(
                cue.cluster,
                cluster_color(cue.cluster),
                cue.haematoxylin,
                cue.lightness,
                cue.area,
                cue.adjacency,
                cue.score,
            )
            for cue in exterior.evidence
        ]
        self.view.show_evidence(rows, exterior.cluster)


class _Priors(Binding):
    view: PriorsView

    def __init__(self, session: Session, view: PriorsView) -> None:
        super().__init__(session, "priors", view)
        view.run_requested.connect(self._run)
        view.grow_requested.connect(lambda: actions.run_grow(session))
        Review(session, view.review, session.curation.priors)
        view.add_on_top(bind_tools(session, "priors"))

    def _run(self) -> None:
        replace = self.view.replace_curated.isChecked()
        start = partial(actions.run_priors, self.session, replace)
        ask_first(self.session, self.view, "priors", start, replace_curated=replace)

    def update(self) -> None:
        super().update()
        self.view.set_growable(can_grow(self.session.facts))
        self.view.note.say(describe_large(self.session.shown, "priors"))


class _Train(Binding):
    view: TrainView

    def __init__(self, session: Session, view: TrainView) -> None:
        super().__init__(session, "train", view)
        DeviceTeller(session, view.device)
        TeachingView(session, view)
        view.run_requested.connect(
            lambda: ask_first(session, view, "train", partial(actions.run_train, session))
        )
        # The last model is kept: nothing to ask about.
        view.go_on_requested.connect(lambda: actions.run_train(session, go_on=True))
        session.job_started.connect(self._on_started)
        session.job_event.connect(self._on_event)

    def _on_started(self, step: str) -> None:
        if step in ("train", "slides"):  # the latter runs all steps
            self.view.clear_losses()

    def _on_event(self, event: Event) -> None:
        if event.step == "train":
            self.view.show_losses(event.fraction, event.values)

    def update(self) -> None:
        super().update()
        self.view.show_model(describe_models(self.session.facts.models, self.session.shown))


class _Predict(Binding):
    view: PredictView

    def __init__(self, session: Session, view: PredictView) -> None:
        super().__init__(session, "predict", view)
        start = partial(actions.run_predict, session)
        view.run_requested.connect(lambda: ask_first(session, view, "predict", start))
        view.model_chosen.connect(lambda name: actions.import_model(session, Path(name)))
        Review(session, view.review, session.curation.glands)
        view.add_on_top(bind_tools(session, "glands"))

    def update(self) -> None:
        super().update()
        shown = self.session.shown
        self.view.note.say(describe_large(shown, "prediction"))
        glands = None if shown is None else shown.glands
        change = "" if shown is None else shown.change
        self.view.show_summary(
            "" if glands is None else f"{describe_glands(glands)} {change}".rstrip()
        )


class _Export(Binding):
    view: ExportView

    def __init__(self, session: Session, view: ExportView) -> None:
        super().__init__(session, "export", view)
        view.export_requested.connect(self._export)

    def _export(self, kind: str, folder: str, all_slides: bool) -> None:
        target = Path(folder).expanduser()
        actions.export(self.session, kind, target, all_slides, self._ask)

    def _ask(self, question: str) -> bool:
        answer = QMessageBox.question(self.view, "Replace files?", unguessed(question))
        return answer == QMessageBox.StandardButton.Yes

    def update(self) -> None:
        super().update()
        project = self.session.project
        if project is not None:
            self.view.show_folder(project.path.parent / f"{project.path.stem} exports")


def make_step(session: Session, step: str) -> StepView:
    """Make the view of a step, tied to the session."""
    settings = session.settings
    makers: dict[str, Callable[[], Binding]] = {
        "slides": lambda: _Slides(session, SlidesView(settings.general, _SAMPLES, _PRESETS)),
        "exterior": lambda: _Exterior(session, ExteriorView(settings.exterior)),
        "priors": lambda: _Priors(session, PriorsView(settings.priors, make_review("prior"))),
        "train": lambda: _Train(session, TrainView(settings.train)),
        "predict": lambda: _Predict(session, PredictView(settings.predict, make_review("gland"))),
        "export": lambda: _Export(session, ExportView(settings.export)),
    }
    binding = makers[step]()
    binding.update()
    return binding.view
