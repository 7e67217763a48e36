import errno
import os
import shutil

import pytest

from napari_glands.errors import GlandsError
from napari_glands.jobs import explain, perform
from napari_glands.system_errors import naming, raise_if_refused, refusal, system_error_behind


def failing(error, path=None):
    return OSError(error, os.strerror(error), path)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("ENOSPC", "the disk is full: make room"),
        ("EDQUOT", "your share of the disk"),
        ("EFBIG", "larger than"),
        ("EROFS", "nothing can be written to its disk"),
        ("EACCES", "access rights"),
        ("EPERM", "access rights"),
        ("EIO", "check the disk"),
        ("ESTALE", "network drive does not answer"),
        ("ETIMEDOUT", "network drive does not answer"),
        ("EHOSTDOWN", "network drive does not answer"),
        ("EMFILE", "close other programs"),
        ("ENFILE", "close other programs"),
        ("ENAMETOOLONG", "shorter name"),
        ("ENOENT", "it is not there"),
        ("EBUSY", "another program is using it"),
    ],
)
def test_what_the_system_refuses_is_an_ordinary_sentence(code, told):
    if not hasattr(errno, code):
        pytest.skip("not on this system")

    def job(report, cancel):
        raise failing(getattr(errno, code), "/data/study.glands")

    outcome = perform(job)
    assert "/data/study.glands" in outcome.message
    assert told in outcome.message
    assert not outcome.defect
    assert "Unexpected" not in outcome.message


@pytest.mark.parametrize(
    ("number", "told"),
    [(32, "close it there"), (112, "disk is full"), (53, "does not answer"), (206, "shorter name")],
)
def test_errors_of_windows_are_told_by_their_own_numbers(number, told):
    error = failing(errno.ENOENT, "C:/study")
    error.winerror = number
    assert told in explain(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError(
            "[enforce fail at inline_container.cc:664] . PytorchStreamWriter failed writing file "
            "data/0: file write failed"
        ),
        RuntimeError("unable to write to file </torch_1>: No space left on device (28)"),
        ExceptionGroup("several", [ValueError("x"), failing(errno.ENOSPC)]),
    ],
    ids=["safetensors", "torch.save", "shared memory", "group"],
)
def test_a_full_disk_is_seen_through_the_words_of_libraries(error):
    assert "the disk is full" in explain(error)


def test_a_full_disk_is_seen_behind_other_errors():
    def wrapped(explicit):
        try:
            try:
                raise failing(errno.ENOSPC, "/data/a")
            except OSError as inner:
                raise RuntimeError("could not save") from (inner if explicit else None)
        except RuntimeError as error:
            if not explicit:
                error.__suppress_context__ = False
            return error

    for explicit in (True, False):
        assert "/data/a" in explain(wrapped(explicit))
        assert "the disk is full" in explain(wrapped(explicit))


def test_a_defect_stays_one_though_a_file_was_missing_before_it():
    def job(report, cancel):
        try:
            os.stat("/nowhere/at/all")
        except OSError:
            return 1 / 0

    outcome = perform(job)
    assert outcome.defect
    assert outcome.message.startswith("Unexpected ZeroDivisionError")
    assert system_error_behind(ValueError("28 of 30 (28)")) is None


def test_a_copied_folder_tells_its_first_error_and_no_list(tmp_path):
    full = f"[Errno 28] {os.strerror(28)}: '/data/b'"
    error = shutil.Error([("/data/a", "/data/b", full), ("/data/c", "/data/d", full)])
    assert explain(error) == explain(failing(errno.ENOSPC, "/data/b"))
    assert "[(" not in refusal("Cannot save the edits", error)
    assert "odd" in explain(shutil.Error([("/data/a", "/data/b", "odd")]))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "gone").symlink_to(tmp_path / "nothing")
    with pytest.raises(shutil.Error) as caught:
        shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert str(tmp_path / "b" / "gone") in explain(caught.value)


def test_the_file_is_named_where_the_system_does_not(tmp_path):
    with pytest.raises(OSError, match="No space") as caught, naming(tmp_path / "a.csv"):
        raise failing(errno.ENOSPC)
    assert str(tmp_path / "a.csv") in explain(caught.value)
    aside = tmp_path / ".a.csv.1234"
    with (
        pytest.raises(OSError, match="No space") as caught,
        naming(tmp_path / "a.csv", instead_of=aside),
    ):
        raise failing(errno.ENOSPC, str(aside))
    assert "1234" not in explain(caught.value)


def test_what_cannot_be_reached_is_not_taken_for_damaged():
    for code in (errno.EMFILE, errno.EIO, errno.EACCES):
        with pytest.raises(GlandsError, match="Cannot read the model"):
            raise_if_refused("Cannot read the model", failing(code))
    raise_if_refused("Cannot read the model", ValueError("bad JSON"))
    raise_if_refused("Cannot read the model", failing(errno.ENOENT))


def test_memory_that_the_system_refuses_is_memory():
    assert "smaller batch size" in explain(failing(errno.ENOMEM))
