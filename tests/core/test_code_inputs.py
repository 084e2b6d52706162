"""A script's inputs are the modules it uses, and no others."""

from koopflow.core.code_inputs import source_files
from tests.conftest import ROOT


def test_the_face_of_the_package_brings_no_room_along():
    files = source_files(ROOT, "koopflow.koopman.spectrum")
    assert "koopflow/__init__.py" in files
    assert not [file for file in files if file.startswith(("koopflow/api/", "koopflow/equivalence/"))]


def test_what_a_lazy_room_offers_is_followed():
    assert "koopflow/trajectory/reader.py" in source_files(ROOT, "koopflow.koopman.source")
