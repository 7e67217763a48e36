"""What was saved is checked when it is used: damage is named, and the other slides go on."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from napari_glands.errors import GlandsError
from napari_glands.project import Project
from napari_glands.project.damage import DamagedResult
from napari_glands.project.restoring import restore, versions
from napari_glands.project.steps import run_measure
from napari_glands.project.summary import summarise


@pytest.fixture
def two(study, make, tmp_path):
    """A project with all results of two slides."""
    project = study.project
    project.add_slides([make.image(tmp_path / "tissue two.png", seed=9)], mpp=0.62)
    for entry in project.slides:
        slide = project.slide(entry.id)
        project.save_exterior(make.exterior(slide))
        project.save_priors(make.priors(slide))
        project.save_prediction(make.prediction(slide))
    return project


def folder_of(project, name, number=0):
    return project.path / "slides" / f"{project.slides[number].id}.zarr" / "labels" / name


def chunk_of(project, name, array="0"):
    files = sorted((folder_of(project, name) / array).rglob("[0-9]*"))
    return next(path for path in files if path.is_file())


def _remove(file):
    file.unlink()


def _flip(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _cut(file):
    file.write_bytes(file.read_bytes()[:-3])


def _empty(file):
    file.write_bytes(b"")


@pytest.mark.parametrize("damage", [_remove, _flip, _cut, _empty])
@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("exterior", "0"),
        ("exterior", "memberships"),
        ("priors", "0"),
        ("priors", "exterior"),
        ("prediction", "probability"),
        ("glands", "0"),
    ],
)
def test_a_missing_or_changed_chunk_is_named(two, name, array, damage):
    file = chunk_of(two, name, array)
    damage(file)
    slide_id = two.slides[0].id
    load = getattr(two, f"load_{name}")
    with pytest.raises(DamagedResult, match=f"of tissue one cannot be used.*{array}") as raised:
        load(slide_id)
    assert (raised.value.slide_id, raised.value.name) == (slide_id, name)
    load(two.slides[1].id)


@pytest.mark.parametrize("damaged", [".zarray", "checksums.json"], ids=["array", "notes"])
def test_what_describes_the_arrays_is_checked_too(two, damaged):
    folder = folder_of(two, "priors")
    file = folder / "0" / damaged if damaged == ".zarray" else folder / damaged
    file.write_text(file.read_text().replace('"C"', '"F"').replace("0/0/0", "0/0/1"))
    with pytest.raises(DamagedResult, match="priors of tissue one"):
        two.load_priors(two.slides[0].id)


def edit_facts(project, name, change):
    file = folder_of(project, name) / ".zattrs"
    data = json.loads(file.read_text())
    change(data["napari_glands"])
    file.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("name", "change", "field"),
    [
        ("priors", lambda f: f["table"][0].update(id=float("nan")), "NaN"),
        ("priors", lambda f: f["table"][0].update(id="1"), r"table\.0\.id"),
        ("priors", lambda f: f["table"][0].update(id=2**40), r"table\.0\.id"),
        ("priors", lambda f: f["table"][1].update(id=1), "same id"),
        ("priors", lambda f: f["table"][0].update(state="gland"), r"table\.0\.state"),
        ("priors", lambda f: f["table"][0].update(score=None), r"table\.0\.score"),
        ("priors", lambda f: f["table"][0].update(score=0.8), "not what was saved"),
        ("priors", lambda f: f.update(table=5), "table"),
        ("priors", lambda f: f.pop("content"), "content"),
        ("priors", lambda f: f.update(version=99), "update napari-glands"),
        ("priors", lambda f: f["grid"].update(shape=[10**7, 10**7]), "grid"),
        ("priors", lambda f: f["grid"].update(shape=[60]), r"grid\.shape"),
        ("priors", lambda f: f["grid"].update(origin=[5, 5]), "not what was saved"),
        ("priors", lambda f: f["settings"]["train"].update(iterations="x"), "settings"),
        ("priors", lambda f: f.update(slide_id="../../victim"), "slide_id"),
        ("priors", lambda f: f.update(curated="maybe"), "curated"),
        ("exterior", lambda f: f.update(cluster=2.5), "cluster"),
        ("exterior", lambda f: f.update(evidence=[[]]), r"evidence\.0"),
        ("prediction", lambda f: f.update(model=7), "model"),
        ("glands", lambda f: f.update(count=-1), "count"),
        ("glands", lambda f: f.update(seconds="long"), "seconds"),
    ],
)
def test_facts_that_cannot_be_are_named_and_the_rest_works(two, name, change, field):
    edit_facts(two, name, change)
    slide_id = two.slides[0].id
    with pytest.raises(DamagedResult, match=field) as raised:
        two.facts(slide_id, name)
    assert "tissue one" in str(raised.value)
    assert ".zattrs" in str(raised.value)
    assert two.sound_facts(slide_id, name) is None
    seen = field != "not what was saved"  # a seal is looked at when a result is used
    assert (name in [error.name for error in two.all_facts(slide_id)[1]]) == seen
    assert two.all_facts(two.slides[1].id)[1] == []
    assert len(summarise(two).rows) == 2
    two.close()
    with Project.open(two.path) as again:
        assert again.load_priors(again.slides[1].id).table


def test_results_of_another_slide_or_pixel_size_are_not_taken(two):
    first, second = (folder_of(two, "priors", n) for n in (0, 1))
    shutil.rmtree(first)
    shutil.copytree(second, first)
    with pytest.raises(DamagedResult, match="that of the slide tissue-two"):
        two.load_priors(two.slides[0].id)


def test_measuring_goes_on_with_the_other_slides(two):
    _remove(chunk_of(two, "glands"))
    told = []
    result = run_measure(two, report=lambda event: told.append(event.message))
    assert result.made == (two.slides[1].id,)
    (sentence,) = result.left_out
    assert "tissue one" in sentence
    assert any(sentence in message for message in told)
    assert two.measured(two.slides[0].id) is None


def test_all_slides_damaged_is_an_error(two):
    for number in (0, 1):
        shutil.rmtree(folder_of(two, "glands", number) / "0")
    with pytest.raises(GlandsError, match="tissue one"):
        run_measure(two)


def test_the_newest_copy_is_offered_and_can_be_gone_back_to(two, make):
    slide = two.slide(two.slides[0].id)
    decided = make.priors(slide, states=("accepted", "rejected"))
    two.save_edited_priors(decided)
    two.back_up(slide.id, "priors")
    _remove(chunk_of(two, "priors"))
    with pytest.raises(DamagedResult, match=r"newest copy, 2 priors .*restore --project"):
        two.load_priors(slide.id)
    newest = next(v for v in versions(two, slide.id) if v.name == "priors")
    restore(two, slide.id, newest.path)
    restored = two.load_priors(slide.id)
    assert restored.table == decided.table
    np.testing.assert_array_equal(restored.labels, decided.labels)


@pytest.mark.parametrize("name", ["priors", "glands"])
def test_a_copy_takes_the_place_of_what_has_damaged_facts(two, name):
    slide_id = two.slides[0].id
    before = getattr(two, f"load_{name}")(slide_id)
    kept = two.back_up(slide_id, name)
    (folder_of(two, name) / ".zattrs").write_text("null")
    restore(two, slide_id, kept)
    after = getattr(two, f"load_{name}")(slide_id)
    np.testing.assert_array_equal(after.labels, before.labels)
    assert after.table == before.table


def test_damaged_copies_are_not_offered(two):
    slide_id = two.slides[0].id
    kept = two.back_up(slide_id, "priors")
    assert [v.path for v in versions(two, slide_id) if v.name == "priors"] == [kept]
    shutil.rmtree(kept / "0")
    assert kept not in [v.path for v in versions(two, slide_id)]
    with pytest.raises(GlandsError, match=r"copy .* cannot be used"):
        two.load_backup(slide_id, kept)


def test_damaged_priors_are_only_replaced_when_asked_for_and_kept(two, make):
    slide = two.slide(two.slides[0].id)
    (folder_of(two, "priors") / ".zattrs").write_text("[")
    with pytest.raises(DamagedResult):
        two.save_priors(make.priors(slide))
    two.save_priors(make.priors(slide, seed=5), replace_curated=True)
    two.load_priors(slide.id)
    (kept,) = two.backups(slide.id, "priors")
    assert (kept / ".zattrs").read_text() == "["


def test_decisions_on_damaged_glands_are_not_overwritten_by_a_prediction(two, make):
    slide = two.slide(two.slides[0].id)
    glands = two.load_glands(slide.id)
    table = tuple(replace(row, state="accepted") for row in glands.table)
    two.save_edited_glands(replace(glands, table=table))
    _remove(chunk_of(two, "glands"))
    with pytest.raises(DamagedResult, match="glands of tissue one"):
        two.save_prediction(make.prediction(slide, model="other@1"))


def test_a_damaged_prediction_is_made_anew(two, make):
    slide = two.slide(two.slides[0].id)
    (folder_of(two, "prediction") / ".zattrs").write_text("5")
    two.save_prediction(make.prediction(slide, model="other@1"))
    assert two.load_prediction(slide.id).model == "other@1"


@pytest.mark.parametrize("text", [b"", b"label,area_um2\n", b"\x00\xff", b"a,b\n1,2,3,4\n"])
def test_a_damaged_table_is_named(two, text):
    slide_id = two.slides[0].id
    run_measure(two)
    two.measurements_path(slide_id).write_bytes(text)
    with pytest.raises(GlandsError, match=rf"{slide_id}\.csv is not the table that was saved"):
        two.load_measurements(slide_id)


@pytest.mark.parametrize("content", ["null", "5", "[" * 10_000, '{"step": 1}', "{}"])
def test_records_that_cannot_be_read_stop_nobody(two, content):
    from napari_glands.progress import CancelToken, ignore
    from napari_glands.project.rounds import last_change
    from napari_glands.project.runs import recorded_run

    old = two.path / "runs" / "20200101T000000-train"
    old.mkdir(parents=True)
    (old / "run.json").write_text(content)
    changes = two.path / "runs" / "20200101T000000-predict"
    changes.mkdir()
    (changes / "changes.jsonl").write_text(content + "\n\xff\n")
    with recorded_run(two, "train", two.settings, "f", ignore, CancelToken(), resume=True) as run:
        assert run.folder != old
    assert last_change(two, two.slides[0].id) is None


def strip_notes(project):
    """Make a project look as if made before files were noted."""
    for file in project.path.glob("slides/*.zarr/labels/*/.zattrs"):
        data = json.loads(file.read_text())
        for name in ("version", "seal", "files"):
            data["napari_glands"].pop(name)
        file.write_text(json.dumps(data))
        (file.parent / "checksums.json").unlink()


@pytest.mark.parametrize("name", ["exterior", "priors", "prediction", "glands"])
def test_results_from_before_are_checked_by_their_content(two, name):
    strip_notes(two)
    load = getattr(two, f"load_{name}")
    load(two.slides[0].id)
    array = "probability" if name == "prediction" else "0"
    _remove(chunk_of(two, name, array))
    with pytest.raises(DamagedResult, match="not what was saved"):
        load(two.slides[0].id)
    load(two.slides[1].id)


def test_steps_make_again_what_is_missing_in_part(two, make):
    from napari_glands.project.missing import same_exterior

    entries = list(two.slides)
    assert same_exterior(two, make.settings, entries[0], entries)
    _remove(chunk_of(two, "exterior", "memberships"))
    assert not same_exterior(two, make.settings, entries[0], entries)
    assert same_exterior(two, make.settings, entries[1], entries)
    assert two.whole_facts(entries[0].id, "prediction") is not None
    _cut(chunk_of(two, "prediction", "probability"))
    assert two.whole_facts(entries[0].id, "prediction") is None
    _remove(next(p for p in folder_of(two, "glands", 1).rglob("0") if p.is_file()))
    assert two.whole_facts(entries[1].id, "prediction") is None


def test_an_image_added_again_keeps_what_was_made_of_it(two, tmp_path):
    """As after going back to a project file from before it was added."""
    first = two.slides[0].id
    two.close()
    file = two.path / "project.json"
    data = json.loads(file.read_text())
    data["slides"] = data["slides"][1:]
    data.pop("seal")
    file.write_text(json.dumps(data))
    with Project.open(two.path) as again:
        (entry,) = again.add_slides([tmp_path / "tissue one.png"], mpp=0.62)
        assert entry.id == first
        assert again.load_priors(first).table


def test_edits_take_the_place_of_damaged_glands(two):
    slide_id = two.slides[0].id
    shown, base = two.load_glands(slide_id), two.facts(slide_id, "glands")["content"]
    (folder_of(two, "glands") / ".zattrs").write_text("{")
    table = tuple(replace(row, state="accepted") for row in shown.table)
    assert two.save_edited_glands(replace(shown, table=table), base=base)
    assert all(row.state == "accepted" for row in two.load_glands(slide_id).table)
    assert (two.backups(slide_id, "glands")[0] / ".zattrs").read_text() == "{"


def test_the_part_at_fault_is_named(two):
    (folder_of(two, "glands") / ".zattrs").write_text("{")
    with pytest.raises(DamagedResult, match="The glands of tissue one") as raised:
        two.load_prediction(two.slides[0].id)
    assert raised.value.name == "glands"
