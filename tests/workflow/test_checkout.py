"""Which library jobs import."""

import os

from koopflow.workflow.checkout import prefer


def test_the_checkout_comes_first_and_once(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/other", str(tmp_path)]))
    prefer(tmp_path)
    assert os.environ["PYTHONPATH"].split(os.pathsep) == [str(tmp_path), "/other"]
    monkeypatch.delenv("PYTHONPATH")
    prefer(tmp_path)
    assert os.environ["PYTHONPATH"] == str(tmp_path)
