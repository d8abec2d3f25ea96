"""What servers of before kinds read of a row."""

from __future__ import annotations

import pytest

from core.domain.request import Conversion, JobRequest, MultiviewToModel
from core.domain.request_codec import from_old_columns, to_old_columns
from tests.builders import asked, stored_image

BACK, LEFT = stored_image(key="images/b/back.jpg"), stored_image(key="images/b/left.jpg")


@pytest.mark.parametrize("request_", [asked(), asked(conversion=Conversion(task_id="t"), source=7)])
def test_what_they_know_they_read_as_it_is(request_: JobRequest) -> None:
    read = from_old_columns(*to_old_columns(request_))
    assert read is not None
    assert (read.kind, read.inputs()) == (request_.kind, request_.inputs())


@pytest.mark.parametrize(
    "request_", [asked(prompt="a cup"), asked(left=LEFT), asked(back=BACK), asked(left=LEFT, back=BACK)]
)
def test_what_they_do_not_know_has_no_picture_so_that_they_cannot_make_one_picture_of_it(request_: JobRequest) -> None:
    """Their page orders a job again only where it has a picture: it would pay for a job of the wrong kind."""
    options, image, source = to_old_columns(request_)

    assert (image, options["back"], options["conversion"], source) == (None, None, None, None)
    assert from_old_columns(options, image, source) is None


def test_several_views_of_before_kinds_are_read_as_such() -> None:
    """The front and the back, which the built-in engine of then could make."""
    options, image, _ = to_old_columns(asked())
    assert image is not None
    back = {"key": BACK.key} | {name: image[name] for name in image if name != "key"}

    read = from_old_columns(options | {"back": back}, image, None)
    assert isinstance(read, MultiviewToModel)
    assert (read.front.key, read.back and read.back.key) == (image["key"], BACK.key)
