from __future__ import annotations

import pytest

from napari_glands.workbench.state import STEPS, Facts, SlideFacts, can_grow, resolve


def slide(**results: bool) -> SlideFacts:
    return SlideFacts("a", "A", 0.5, **results)


def ready(facts: Facts) -> list[str]:
    return [step for step, state in resolve(facts).items() if state.ready]


def test_at_first_only_slides_can_be_added():
    assert ready(Facts()) == ["slides"]
    assert "add images" in resolve(Facts())["exterior"].missing


def test_an_image_without_pixel_size_is_what_is_missing():
    assert "pixel size" in resolve(Facts(pending=1))["exterior"].missing


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts((slide(),)), "exterior"),
        (Facts((slide(exterior=True),)), "priors"),
        (Facts((slide(exterior=True, priors=True),)), "train"),
        (Facts((slide(exterior=True, priors=True),), models=("glands",)), "predict"),
        (Facts((slide(prediction=True),), models=("glands",)), "export"),
    ],
)
def test_each_step_opens_the_next(facts, expected):
    assert ready(facts)[-1] == expected


def test_every_step_that_waits_says_why():
    for state in resolve(Facts()).values():
        assert state.ready or state.missing.endswith(".")


def test_a_step_is_done_when_every_slide_has_its_result():
    both = Facts((slide(exterior=True), slide()))
    assert not resolve(both)["exterior"].done
    assert resolve(Facts((slide(exterior=True),)))["exterior"].done


def test_a_model_from_elsewhere_is_enough_to_predict():
    assert "predict" in ready(Facts((slide(),), models=("glands",)))


def test_a_read_only_project_can_be_looked_at_and_exported():
    facts = Facts(
        (slide(exterior=True, priors=True, prediction=True),),
        models=("glands",),
        read_only_reason="it is open elsewhere.",
    )
    assert ready(facts) == ["slides", "export"]
    assert "open elsewhere" in resolve(facts)["train"].missing


def test_growing_needs_priors_and_a_prediction_of_one_slide():
    both = slide(exterior=True, priors=True, prediction=True)
    assert can_grow(Facts((slide(), both)))
    assert not can_grow(Facts((slide(priors=True), slide(prediction=True))))
    assert not can_grow(Facts((both,), read_only_reason="it is open elsewhere."))


def test_the_steps_have_an_order():
    assert list(resolve(Facts())) == list(STEPS)
