"""What happens when a step is run: the same functions as the command line's, as a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_glands.errors import GlandsError
from napari_glands.jobs import Outcome
from napari_glands.progress import Event
from napari_glands.project import Project, steps
from napari_glands.project.damage import DamagedResult, headline
from napari_glands.project.left_out import LeftOut
from napari_glands.project.taking_part import entries_for
from napari_glands.settings import Settings
from napari_glands.slides import LARGEST_WHOLE

if TYPE_CHECKING:
    from napari_glands.workbench.session import Session

__all__ = [
    "choose_cluster",
    "export",
    "import_model",
    "preview",
    "run_all",
    "run_exterior",
    "run_grow",
    "run_predict",
    "run_priors",
    "run_train",
]

_NAMED = 2  # how many slides that were left out are told of, with why


def run_all(session: Session) -> None:
    """Run all steps on all slides, one after the other, and show the glands."""

    def job(project: Project, settings: Settings, report: Any, cancel: Any) -> Any:
        return steps.run_all(
            project, settings, report=report, cancel=cancel, live=session.preview.view
        )

    def finished(outcome: Outcome[Any]) -> None:
        if outcome.status == "cancelled" or outcome.result is None:
            text = "Stopped; what was finished is kept, and Run all steps goes on from there."
        else:
            rows = outcome.result.rows
            glands = sum(row.glands or 0 for row in rows)
            slides = "1 slide" if len(rows) == 1 else f"{len(rows)} slides"
            text = f"{glands} glands found in {slides}. The step Predict shows them."
        _tell(session, "slides", text, outcome.result)
        session.after_step("predict")

    session.start("slides", job, finished)


def run_exterior(session: Session) -> None:
    """Cluster the pixels of all slides and show the result of the one on show."""

    def job(project: Project, settings: Settings, report: Any, cancel: Any) -> Any:
        return steps.run_exterior(
            project, settings, report=report, cancel=cancel, live=session.preview.view
        )

    session.start("exterior", job, _finish(session, "exterior", "Exteriors mapped in"))


def run_priors(session: Session, replace_curated: bool) -> None:
    """Find priors in all slides; decisions of the user stay unless they are to be replaced."""

    def job(project: Project, settings: Settings, report: Any, cancel: Any) -> Any:
        return steps.run_priors(
            project, settings, replace_curated=replace_curated, report=report, cancel=cancel
        )

    session.start("priors", job, _finish(session, "priors", "Priors searched in"))


def run_grow(session: Session) -> None:
    """Add what the network is sure of to the priors of all slides."""

    def job(project: Project, settings: Settings, report: Any, cancel: Any) -> Any:
        return steps.run_grow(project, settings, report=report, cancel=cancel)

    def finished(outcome: Outcome[Any]) -> None:
        result = outcome.result
        made = 0 if result is None else len(result.made)
        slides = "1 slide" if made == 1 else f"{made} slides"
        if outcome.status == "cancelled":
            text = f"Stopped; sure predictions were added in {slides}, and are kept."
        elif made:
            text = f"Sure predictions added in {slides}. Look at them, then train again."
        else:
            text = (
                "There is nothing to add: the network is sure of no further gland. A lower "
                "Smallest score of grown priors takes more."
            )
        _tell(session, "priors", text, result)
        session.after_step("grow")

    session.start("priors", job, finished)


def run_train(session: Session, go_on: bool = False) -> None:
    """Train the network on the priors; or go on from the last model, with the corrections."""

    def job(project: Project, settings: Settings, report: Any, cancel: Any) -> Any:
        live = session.preview.view
        return steps.run_train(
            project, settings, go_on=go_on, report=report, cancel=cancel, live=live
        )

    def finished(outcome: Outcome[Any]) -> None:
        result = outcome.result
        if result is None or not (result.made or result.kept):
            session.say("train", "Cancelled before there was a model.")
        elif outcome.status == "cancelled":
            session.say("train", "Stopped; the network so far is kept and can be used.")
        elif result.made:
            what = "Trained again" if go_on else "Trained"
            hint = "Predict shows what has changed." if go_on else ""
            text = f"{what} in {_duration(result.seconds)}. {hint}".rstrip()
            _tell(session, "train", text, result)
        else:
            text = "The model is up to date with the priors and settings."
            _tell(session, "train", text, result)
        session.refresh()

    session.start("train", job, finished)


def run_predict(session: Session) -> None:
    """Predict and measure the glands of all slides."""

    def job(project: Project, settings: Settings, report: Any, cancel: Any) -> Any:
        result = steps.run_predict(
            project, settings, report=report, cancel=cancel, live=session.preview.view
        )
        if not cancel.cancelled:
            steps.run_measure(project, settings, cancel=cancel)
        return result

    session.start(
        "predict",
        job,
        _finish(session, "predict", "Glands predicted in"),
    )


def _finish(session: Session, step: str, what: str) -> Callable[[Outcome[Any]], None]:
    """Return what tells the end of a step that works slide by slide."""

    def finished(outcome: Outcome[Any]) -> None:
        result = outcome.result
        made, kept, seconds = (
            (0, 0, 0.0) if result is None else (len(result.made), len(result.kept), result.seconds)
        )
        slides = "1 slide" if made == 1 else f"{made} slides"
        if outcome.status == "cancelled":
            text = f"Stopped; {slides} finished, and kept."
        elif made:
            text = f"{what} {slides} ({_duration(seconds)})."
            text += f" {kept} others were up to date." if kept else ""
        else:
            text = "All slides are up to date with these settings."
        _tell(session, step, text, result)
        session.after_step(step)

    return finished


def _tell(session: Session, step: str, text: str, result: Any) -> None:
    """Tell what a step did, and what it went on without."""
    left_out: Sequence[str] = () if result is None else result.left_out
    more = f" (And {len(left_out) - _NAMED} more.)" if len(left_out) > _NAMED else ""
    named = " ".join(map(headline, left_out[:_NAMED]))
    without = f" Left out: {named}{more}" if left_out else ""
    session.say(step, text + without, problem=bool(left_out))


def preview(session: Session) -> None:
    """Show the classical haematoxylin map of the slide on show."""
    shown, mpp = session.shown, session.settings.general.working_mpp
    if shown is None:
        session.say("exterior", "There are no slides yet: add images first.", problem=True)
        return

    def work() -> Any:
        from napari_glands.exterior import haematoxylin_preview

        rows, columns = shown.slide.grid(mpp).shape
        coarse = mpp * max(1.0, (rows * columns / LARGEST_WHOLE) ** 0.5)
        return shown.slide.grid(coarse), haematoxylin_preview(shown.slide.read(coarse))

    def show(result: Any) -> None:
        if session.current == shown.slide.id:
            session.layers.show_preview(shown.slide.id, *result)
            session.say("exterior", "Haematoxylin by colour deconvolution, for comparison.")

    session.tasks.later(work, show, session.failing("exterior"), key="preview")


def choose_cluster(session: Session, cluster: int) -> None:
    """Take another cluster for the exterior; with a shared network in all slides."""
    shown = session.shown
    if shown is None or shown.exterior is None or shown.exterior.cluster == cluster:
        return
    shared = shown.exterior.settings.exterior.network == "shared"
    first = shown.slide.id

    def job(project: Project, settings: Settings, report: Any, cancel: Any) -> int:
        mapped = [entry.id for entry in entries_for(project, "exterior")]
        others = [slide_id for slide_id in mapped if slide_id != first] if shared else []
        ids = [first, *(i for i in others if project.sound_facts(i, "exterior"))]
        for number, slide_id in enumerate(ids):
            cancel.check()
            with suppress(DamagedResult) if slide_id != first else nullcontext():
                # Still of the slides it was made with: those added since need a new clustering.
                made_of = (project.facts(slide_id, "exterior") or {}).get("fingerprint")
                chosen = project.load_exterior(slide_id).with_cluster(cluster)
                project.save_exterior(chosen, fingerprint=made_of)
            report(Event("exterior", (number + 1) / len(ids), f"Cluster {cluster} is the exterior"))
        return len(ids)

    def finished(outcome: Outcome[Any]) -> None:
        where = f"in {outcome.result} slides" if (outcome.result or 1) > 1 else "now"
        session.say("exterior", f"Cluster {cluster} is the exterior {where}.")
        session.refresh(create=True)

    session.start("exterior", job, finished)


def import_model(session: Session, folder: Path) -> None:
    """Copy a saved model into the project, as the one to predict with."""
    project = session.project
    if project is None:
        session.say("predict", "There are no slides yet: add images first.", problem=True)
        return

    def work() -> None:
        from napari_glands.segmentation import load_model

        model = load_model(folder)
        if steps.DEFAULT_MODEL in project.model_names:  # what was trained here is not lost
            try:
                former = project.load_model(steps.DEFAULT_MODEL)
                project.save_model(former, f"{steps.DEFAULT_MODEL}-{former.checksum}")
            except GlandsError:  # it is damaged, which may be why another one is taken
                project.keep_model(steps.DEFAULT_MODEL)
        project.save_model(model, steps.DEFAULT_MODEL)

    def done(_: None) -> None:
        session.say("predict", f"The model of {folder.name} is ready to predict with.")
        session.refresh()

    session.tasks.later(work, done, session.failing("predict"))


def export(
    session: Session, kind: str, folder: Path, all_slides: bool, ask: Callable[[str], bool]
) -> None:
    """Write the glands in a format; `ask` decides whether files that exist are replaced."""
    from napari_glands.workbench.exporting import targets, write

    slides = [s for s in session.facts.slides if s.prediction]
    if not all_slides:
        slides = [s for s in slides if s.id == session.current]
    if not slides:
        session.say("export", "This slide has no prediction yet: run Predict.", problem=True)
        return
    try:
        places = targets(kind, folder, [(s.id, s.name) for s in slides])
    except GlandsError as error:
        session.say("export", str(error), problem=True)
        return
    existing = [path.name for _, path in places if path.exists()]
    if existing and not ask(_overwrite_question(existing, folder)):
        session.say("export", "Nothing was written.")
        return

    def job(project: Project, settings: Settings, report: Any, cancel: Any) -> steps.StepResult:
        left, written = LeftOut("export", report), []
        for number, (slide_id, path) in enumerate(places):
            cancel.check()
            with left.on_damage(project.entry(slide_id)):
                write(kind, project, settings, slide_id, path, cancel)
                written.append(slide_id)
                report(Event("export", (number + 1) / len(places), f"Wrote {path.name}"))
        left.raise_if_all(written, ())
        return steps.StepResult("export", tuple(written), (), 0.0, tuple(left.sentences))

    def finished(outcome: Outcome[Any]) -> None:
        if outcome.status == "cancelled":
            session.say("export", "Stopped; the files written so far are complete.")
        else:
            count = 0 if outcome.result is None else len(outcome.result.made)
            noun = "slide" if count == 1 else "slides"
            _tell(session, "export", f"Wrote {count} {noun} to {folder}.", outcome.result)

    session.start("export", job, finished)


def _overwrite_question(names: Sequence[str], folder: Path) -> str:
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{folder} already holds {shown}. Replace?"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min"
