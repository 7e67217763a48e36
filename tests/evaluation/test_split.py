"""Grades, and which images are left out."""

import pytest

from napari_glands.errors import GlandsError
from napari_glands.evaluation.split import folds, read_grades, stratified

GRADES = ["benign", "malignant", "malignant", "benign", "malignant"] * 4
HEAD = "name,patient ID, grade (GlaS), grade (Sirinukunwattana et al. 2015)"


def test_the_split_is_the_same_one_for_ever():
    assert stratified(GRADES, 6).left_out == (4, 5, 6, 10, 11, 17)
    assert stratified(GRADES, 6) == stratified(GRADES, 6)
    assert stratified(GRADES, 6, seed=1) != stratified(GRADES, 6)


def test_a_split_takes_its_share_of_every_grade():
    split = stratified(GRADES, 5)
    assert sorted(split.taught + split.left_out) == list(range(20))
    assert sum(GRADES[i] == "benign" for i in split.left_out) == 2


def test_without_grades_all_images_are_one_group():
    assert len(stratified(["all"] * 7, 2).left_out) == 2


@pytest.mark.parametrize("left_out", [0, 20])
def test_something_must_teach_and_something_be_left_out(left_out):
    with pytest.raises(GlandsError, match=f"leave {left_out} of 20"):
        stratified(GRADES, left_out)


def test_folds_leave_every_image_out_once_and_spread_the_grades():
    splits = folds(GRADES, 4)
    assert sorted(i for split in splits for i in split.left_out) == list(range(20))
    for split in splits:
        assert not set(split.taught) & set(split.left_out)
        assert sum(GRADES[i] == "benign" for i in split.left_out) == 2
    assert folds(GRADES, 4) == splits


@pytest.mark.parametrize("count", [1, 21])
def test_impossible_folds_are_refused(count):
    with pytest.raises(GlandsError, match="folds of 20 images"):
        folds(GRADES, count)


def test_grades_are_read_by_name(tmp_path):
    table = tmp_path / "Grade.csv"
    table.write_text(f"{HEAD}\na,1, benign, adenomatous\nb.bmp,2, Malignant, moderate\n")
    assert read_grades(table, ["b", "a"]) == ["malignant", "benign"]
    with pytest.raises(GlandsError, match="lack c, d"):
        read_grades(table, ["a", "c", "d"])


@pytest.mark.parametrize("content", ["", "name,grade\na,benign\n"])
def test_a_table_without_the_column_is_refused(tmp_path, content):
    (tmp_path / "Grade.csv").write_text(content)
    with pytest.raises(GlandsError, match="no column 'grade \\(GlaS\\)'"):
        read_grades(tmp_path / "Grade.csv", ["a"])


def test_an_unreadable_table_is_named(tmp_path):
    with pytest.raises(GlandsError, match="Cannot read the grades"):
        read_grades(tmp_path / "nothing.csv", ["a"])
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(GlandsError, match="no CSV table"):
        read_grades(tmp_path / "binary.csv", ["a"])


@pytest.mark.shared
def test_the_split_of_the_development_images(shared_data):
    from napari_glands.slides import find_images

    folder = shared_data / "glas_train"
    names = [path.stem for path in find_images([folder / "images"])]
    grades = read_grades(folder / "Grade.csv", names)
    left_out = stratified(grades, 25).left_out
    assert len(names) == 85
    assert sum(grades[i] == "benign" for i in left_out) == 11
    numbers = [int(names[i].removeprefix("train_")) for i in left_out]
    assert numbers == [
        4, 6, 8, 9, 11, 14, 16, 26, 28, 30, 47, 49, 50,
        52, 54, 59, 66, 70, 73, 74, 80, 82, 83, 84, 85,
    ]  # fmt: skip
