"""Bodies for picture models: order, numbering, sizes, limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompt_queue.dispatch.payload import build_body, nearest_ratio, numbered, size_of
from prompt_queue.jobs.errors import BadInput
from prompt_queue.jobs.generation_models import MODELS, PictureModel, find_picture_model
from prompt_queue.simulator.wavespeed import catalogue

PROMPT = "Give the target image the coat of reference image 1 and the light of Reference Image 2."
REFS, TARGET = ["https://e.com/r1", "https://e.com/r2"], "https://e.com/t"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_provider_takes_every_body(model: PictureModel) -> None:
    """As its stand-in, which refuses every field that a model does not know, says."""
    for size in ((None, None), (512, 512), (4096, 256), (300, 4000)):
        references = [] if model.most_pictures == 1 else REFS
        body = build_body(model, PROMPT, references, TARGET, size)
        images = catalogue.check_inputs(catalogue.MODELS[model.name], body)
        assert sorted(images) == sorted([*references, TARGET])


def test_the_order_of_pictures_and_what_the_prompt_calls_them() -> None:
    """References first and the target last, or the other way round, with numbers that fit."""
    seedream, banana = find_picture_model("seedream"), find_picture_model("nano-banana")
    assert seedream is not None
    assert banana is not None
    body = build_body(seedream, PROMPT, REFS, TARGET)
    assert body["images"] == [*REFS, TARGET]
    assert body["prompt"] == "Give image 3 the coat of image 1 and the light of image 2."
    body = build_body(banana, PROMPT, REFS, TARGET)
    assert body["images"] == [TARGET, *REFS]
    assert body["prompt"] == "Give image 1 the coat of image 2 and the light of image 3."


def test_a_prompt_without_references_stays_as_it_is() -> None:
    """There is nothing to number; and a number that means nothing is left alone."""
    assert numbered(PROMPT, 0, target_first=False) == PROMPT
    assert "reference image 9" in numbered("the coat of reference image 9", 2, target_first=False)


def test_too_many_pictures_are_refused_before_money_is_spent() -> None:
    """With a sentence that says how many would do."""
    kontext, seedream = find_picture_model("flux-kontext"), find_picture_model("seedream")
    assert kontext is not None
    assert seedream is not None
    with pytest.raises(BadInput, match="takes the target picture alone"):
        build_body(kontext, PROMPT, REFS, TARGET)
    with pytest.raises(BadInput, match="takes 10 pictures"):
        build_body(seedream, PROMPT, [TARGET] * 10, TARGET)


@given(st.integers(16, 9000), st.integers(16, 9000))
def test_a_size_is_within_bounds_and_keeps_the_shape_if_it_can(width: int, height: int) -> None:
    """In steps of 8 pixels."""
    for model in MODELS:
        if model.sizing != "size":
            continue
        least, most = model.sides
        across, down = map(int, size_of(model, width, height).split("*"))
        assert least <= across <= most
        assert least <= down <= most
        assert (across % 8, down % 8) == (0, 0)
        if 1 / 3 < width / height < 3:
            assert across / down == pytest.approx(width / height, rel=0.02)


def test_the_nearest_ratio_is_by_proportion() -> None:
    """Not by difference."""
    ratios = ("1:1", "16:9", "9:16", "4:3")
    assert nearest_ratio(ratios, 1920, 1080) == "16:9"
    assert nearest_ratio(ratios, 1000, 1010) == "1:1"
    assert nearest_ratio(ratios, 700, 1200) == "9:16"
