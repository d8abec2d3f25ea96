"""A model of unknown size never shows its lengths as if they were the object's."""

from __future__ import annotations

from dataclasses import replace

from core.domain.export import PRINTED, ExportOrder, Format, size_note
from core.domain.mesh_report import Light, MeshReport, Use
from core.domain.status import Stage
from core.mesh.header import read_header
from core.mesh.verdicts import verdicts
from tests.builders import asked
from tests.domain.test_words_of_money import free_job
from tests.mesh.models import ball, glb_of, textured

HEADER = read_header(glb_of(textured(ball(2))))


def test_the_size_is_known_where_it_was_given_or_tripo_was_asked_for_it() -> None:
    engine = free_job(Stage.SAVING)

    assert not engine.has_known_size
    assert not replace(engine, request=asked(choices={"auto_size": False})).has_known_size
    assert replace(engine, request=asked(choices={"height_m": 0.3})).has_known_size
    assert replace(engine, request=asked(choices={"auto_size": True})).has_known_size


def test_ar_says_that_the_size_is_not_known_and_names_no_length() -> None:
    for side, light in ((1.0, Light.GREEN), (80.0, Light.AMBER)):
        header = replace(HEADER, bounds_m=((0.0, 0.0, 0.0), (side, side, side)))
        found = {each.use: each for each in verdicts(MeshReport(header=header, shape=None))}[Use.AR]
        assert found.light is light
        assert "real size is not known" in found.reason
        assert " m " not in found.reason
        known = MeshReport(header=header, shape=None, is_size_known=True)
        assert "not known" not in {each.use: each for each in verdicts(known)}[Use.AR].reason


def test_a_file_says_so_unless_it_is_for_printing_at_a_chosen_height() -> None:
    for kind in Format:
        assert bool(size_note(False, ExportOrder(format=kind))) is (kind not in PRINTED)
        assert size_note(True, ExportOrder(format=kind)) == ""
